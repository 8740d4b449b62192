"""NUL and other control bytes in a field value (RFC 9110 5.5): refused, in a
place of every kind. HAProxy 2.6 passes NUL."""
import pytest
from harness.attack import canary, head, refused

CONTROLS = [b for b in range(0x20) if b not in (0x09, 0x0a, 0x0d)] + [0x7f]


@pytest.mark.parametrize("byte", CONTROLS, ids=[f"x{b:02x}" for b in CONTROLS])
def test_in_value_refused(proxy, origin, byte):
    refused(proxy, origin, head("GET / HTTP/1.1", b"X: a" + bytes([byte]) + b"b"), {400})


@pytest.mark.parametrize("line", [b"X: \x00", b"X: \x00a", b"X: a\x00", b"Cookie: a=\x00b", b"X\x00: a"],
                         ids=["alone", "first", "last", "cookie", "name"])
def test_nul_refused(proxy, origin, line):
    refused(proxy, origin, head("GET / HTTP/1.1", line), {400})


@pytest.mark.parametrize("raw", [
    b"GET /\x00 HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
    b"G\x00T / HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
    b"GET / HTTP/1.1\x00\r\nHost: bakery.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: bakery.test\x00.evil\r\n\r\n",
    b"\x00GET / HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
], ids=["target", "method", "version", "host", "before"])
def test_nul_elsewhere_refused(proxy, origin, raw):
    refused(proxy, origin, raw, {400, 501, 505})


def test_tab_and_obs_text_pass(proxy, origin):
    """The control: what RFC 9110 5.5 does allow goes through byte for byte."""
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"GET {target} HTTP/1.1", b"X-Odd: a\tb \xe9\xff"))
        answer = client.response()
    assert answer.status == 200
    assert ["X-Odd", "a\tb \u00e9\u00ff"] in answer.json()["fields"]
