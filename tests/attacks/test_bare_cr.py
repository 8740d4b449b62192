"""CR without LF (RFC 9112 2.2: never a line end, never a whitespace to pass on)."""
import pytest
from harness.attack import SMUGGLED, assert_never_completed, refused

HEADS = {
    "in_value": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: a\rb\r\n\r\n",
    "in_value_as_field": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n",
    "end_of_value": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: a\r\r\n\r\n",
    "in_name": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX\rY: a\r\n\r\n",
    "before_name": b"GET / HTTP/1.1\r\nHost: bakery.test\r\n\rX: a\r\n\r\n",
    "in_target": b"GET /a\rb HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
    "request_line": b"GET / HTTP/1.1\rHost: bakery.test\r\n\r\n",
    "request_line_doubled": b"GET / HTTP/1.1\r\r\nHost: bakery.test\r\n\r\n",
    "end_of_head": b"GET / HTTP/1.1\r\nHost: bakery.test\r\n\r\r\n",
    "in_host": b"GET / HTTP/1.1\r\nHost: bakery.test\rclinic.test\r\n\r\n",
}
CHUNKED = b"POST / HTTP/1.1\r\nHost: bakery.test\r\nTransfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "chunk_size": b"5\rhello\r\n0\r\n\r\n",
    "chunk_size_doubled": b"5\r\r\nhello\r\n0\r\n\r\n",
    "in_extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "after_chunk": b"5\r\nhello\r0\r\n\r\n",
    "in_trailer": b"5\r\nhello\r\n0\r\nX: a\rb\r\n\r\n",
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS.keys())
def test_head_refused(proxy, origin, raw, split):
    refused(proxy, origin, raw + SMUGGLED, {400}, split=split)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_body_refused(proxy, origin, body):
    before = origin.mark()
    refused(proxy, origin, CHUNKED + body + SMUGGLED, {400}, reached=1)
    assert_never_completed(origin, before)
