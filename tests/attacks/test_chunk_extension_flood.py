"""Chunk extensions (RFC 9112 7.1.1): bounded to 1 KiB a line by default and
never passed on, else they are free memory and a hiding place."""
import pytest
from harness.attack import assert_never_completed, canary, head, refused


@pytest.mark.parametrize("size", [2_000, 64_000, 1_000_000])
def test_long_extension_refused(proxy, origin, size):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked",
               body=b"5;" + b"a" * size + b"\r\nhello\r\n0\r\n\r\n")
    refused(proxy, origin, raw, {400, 413, 431}, reached=1)
    assert_never_completed(origin, before)


def test_long_extension_on_last_chunk_refused(proxy, origin):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked",
               body=b"5\r\nhello\r\n0;" + b"a" * 5000 + b"\r\n\r\n")
    refused(proxy, origin, raw, {400, 413, 431}, reached=1)
    assert_never_completed(origin, before)


def test_short_extension_is_dropped(proxy, origin):
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"POST {target} HTTP/1.1", "Transfer-Encoding: chunked",
                         body=b'5;a=b;c="d e"\r\nhello\r\n0;x\r\n\r\n'))
        answer = client.response()
    assert answer.status == 200 and answer.json()["body_length"] == 5
