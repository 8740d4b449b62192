"""CL.TE and TE.CL: two framings in one message (RFC 9112 6.1, 6.3; CWE-444).
A peer that believes the other field sees a second request in the body."""
import pytest
from harness.attack import SMUGGLED, assert_never_completed, head, refused

CASES = {
    "cl_te": head("POST / HTTP/1.1", f"Content-Length: {5 + len(SMUGGLED)}",
                  "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "te_cl": head("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 4",
                  body=b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n"),
    "te_first_cl_zero": head("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 0",
                             body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
    "on_get": head("GET / HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked",
                   body=b"0\r\n\r\n" + SMUGGLED),
    "agreeing": head("POST / HTTP/1.1", "Content-Length: 15", "Transfer-Encoding: chunked",
                     body=b"5\r\nhello\r\n0\r\n\r\n"),
    "far_apart": head("POST / HTTP/1.1", "Content-Length: 5", *[f"X-Pad-{i}: {i}" for i in range(60)],
                      "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "http_1_0": head("POST / HTTP/1.0", "Content-Length: 5", "Transfer-Encoding: chunked",
                     body=b"0\r\n\r\n" + SMUGGLED),
}


@pytest.mark.parametrize("split", [0, 1, 7], ids=["whole", "bytewise", "by7"])
@pytest.mark.parametrize("case", CASES)
def test_refused(proxy, origin, case, split):
    before = origin.mark()
    refused(proxy, origin, CASES[case], {400}, split=split)
    assert_never_completed(origin, before)
