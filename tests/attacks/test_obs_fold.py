"""Line folding (RFC 9112 5.2): refused with 400, never joined or passed on."""
import pytest
from harness.attack import SMUGGLED, assert_never_completed, head, refused

LINES = {
    "space": ["X: a", " b"],
    "tab": ["X: a", "\tb"],
    "hides_length": ["X: a", " Content-Length: 5"],
    "of_length": ["Content-Length:", " 5"],
    "of_host": ["X-First: 1", " clinic.test"],
    "blank": ["X: a", " "],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES.keys())
def test_refused(proxy, origin, lines):
    refused(proxy, origin, head("POST / HTTP/1.1", *lines, body=SMUGGLED), {400})


@pytest.mark.parametrize("raw", [
    b"GET / HTTP/1.1\r\n Host: bakery.test\r\n\r\n",
    b"GET / HTTP/1.1\r\n\tX: a\r\nHost: bakery.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: bakery.test\r\n clinic.test\r\n\r\n",
], ids=["before_host", "before_first_field", "host_folded"])
def test_whitespace_after_request_line_refused(proxy, origin, raw):
    """RFC 9112 2.2: whitespace between the start line and the first field."""
    refused(proxy, origin, raw, {400})


def test_refused_in_trailers(proxy, origin):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked",
               body=b"1\r\na\r\n0\r\nX: a\r\n b\r\n\r\n")
    refused(proxy, origin, raw, {400}, reached=1)
    assert_never_completed(origin, before)
