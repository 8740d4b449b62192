"""An upstream's Transfer-Encoding beside Content-Length, unknown, repeated, or
in HTTP/1.0 (RFC 9112 6.1, 6.3): 502. Broken chunks after the head: abort."""
import pytest
from harness.attack import aborted, bad_gateway

BODY = "6\r\npoison\r\n0\r\n\r\n"
HEADS = {
    "cl_te": "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "te_cl": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 16\r\n",
    "unknown": "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n",
    "identity": "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n",
    "gzip_chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
    "not_last": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n",
    "twice": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "http_1_0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_bad_gateway(proxy, origin, head):
    bad_gateway(proxy, origin, (head + "\r\n" + BODY).encode())


CHUNKS = {
    "hex_prefix": b"0x2\r\nok\r\n0\r\n\r\n", "leading_space": b" 2\r\nok\r\n0\r\n\r\n",
    "negative": b"-2\r\nok\r\n0\r\n\r\n", "overflow": b"10000000000000002\r\nok\r\n0\r\n\r\n",
    "bare_lf": b"2\nok\r\n0\r\n\r\n", "no_crlf": b"2\r\nokX0\r\n\r\n", "empty_size": b"\r\nok\r\n0\r\n\r\n",
    "extension_flood": b"2;" + b"a" * 100_000 + b"\r\nok\r\n0\r\n\r\n",
    "trailer_flood": b"2\r\nok\r\n0\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
    "trailer_nul": b"2\r\nok\r\n0\r\nX: \x00\r\n\r\n",
    "second_chunk_bad": b"2\r\nok\r\nzz\r\nok\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS.keys())
def test_broken_chunks_abort(proxy, origin, body):
    aborted(proxy, origin, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
