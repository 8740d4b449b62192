"""A line ended by LF alone (RFC 9112 2.2 lets a recipient accept it; peers
disagree, so it is refused wherever it stands)."""
import pytest
from harness.attack import SMUGGLED, assert_never_completed, refused

CHUNKED = b"POST / HTTP/1.1\r\nHost: bakery.test\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADS = {
    "request_line": b"GET / HTTP/1.1\nHost: bakery.test\r\n\r\n",
    "first_field": b"GET / HTTP/1.1\r\nHost: bakery.test\nX: y\r\n\r\n",
    "last_field": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: y\n\r\n",
    "end_of_head": b"GET / HTTP/1.1\r\nHost: bakery.test\r\n\n",
    "everywhere": b"GET / HTTP/1.1\nHost: bakery.test\n\n",
    "inside_value": b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: a\nX-Tenant-Site-Id: evil\r\n\r\n",
    "lf_cr": b"GET / HTTP/1.1\r\nHost: bakery.test\n\rX: y\r\n\r\n",
    "leading": b"\nGET / HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
}
BODIES = {
    "chunk_size": b"5\nhello\r\n0\r\n\r\n",
    "chunk_extension": b"5;a\nhello\r\n0\r\n\r\n",
    "after_chunk": b"5\r\nhello\n0\r\n\r\n",
    "last_chunk": b"5\r\nhello\r\n0\n\r\n",
    "end_of_trailers": b"5\r\nhello\r\n0\r\n\n",
    "trailer": b"5\r\nhello\r\n0\r\nX: y\n\r\n",
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("raw", HEADS.values(), ids=HEADS.keys())
def test_head_refused(proxy, origin, raw, split):
    refused(proxy, origin, raw + SMUGGLED, {400}, split=split)


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_body_refused(proxy, origin, body, split):
    before = origin.mark()
    refused(proxy, origin, CHUNKED + body + SMUGGLED, {400}, split=split, reached=1)
    assert_never_completed(origin, before)
