"""Field names that are no token (RFC 9110 5.1, RFC 9112 5.1): space before the
colon, empty, separators. Each has been a way past some other parser."""
import pytest
from harness.attack import SMUGGLED, head, refused

BAD = b' ()<>@,;\\"/[]?={}' + b"\x01\x7f\x80\xe9"


@pytest.mark.parametrize("byte", BAD, ids=[f"x{b:02x}" for b in BAD])
def test_character_refused(proxy, origin, byte):
    refused(proxy, origin, head("GET / HTTP/1.1", b"X" + bytes([byte]) + b"Y: a"), {400})


@pytest.mark.parametrize("line", [
    "X : a", "X\t: a", "Host : clinic.test", "Content-Length : 5", ": a", " : a", "no colon at all",
    "=: a",
], ids=["space", "tab", "host_space", "length_space", "empty", "empty_space", "no_colon", "equals"])
def test_line_refused(proxy, origin, line):
    refused(proxy, origin, head("GET / HTTP/1.1", line, body=SMUGGLED), {400})
