"""Host missing, repeated or no hostname (RFC 9112 3.2, RFC 9110 7.2): 400.
HAProxy passes repeated Host fields."""
import pytest
from harness.attack import canary, head, refused

HOSTS = {
    "userinfo": "user@bakery.test", "userinfo_password": "a:b@bakery.test", "path": "bakery.test/x",
    "query": "bakery.test?x", "fragment": "bakery.test#x", "scheme": "http://bakery.test",
    "list": "bakery.test, clinic.test", "space_inside": "bakery .test", "two_names": "bakery.test clinic.test",
    "port_letters": "bakery.test:http", "port_huge": "bakery.test:99999", "port_negative": "bakery.test:-80",
    "two_ports": "bakery.test:80:80", "empty_label": "bakery..test", "leading_dot": ".bakery.test",
    "bracket": "[::1", "backslash": "bakery.test\\evil", "percent": "bakery%2etest",
    "quote": '"bakery.test"', "latin1": "b\xe4kery.test", "label_64": "a" * 64 + ".test",
    "long": "a." * 150 + "test", "semicolon": "bakery.test;clinic.test", "star": "*.wild.test",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_invalid_refused(proxy, origin, host):
    refused(proxy, origin, head("GET / HTTP/1.1", host=host), {400})


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_missing(proxy, origin, version):
    """RFC 9112 3.2 demands 400 for 1.1; a 1.0 request without one names no tenant."""
    refused(proxy, origin, head(f"GET / HTTP/{version}", host=None), {400} if version == "1.1" else {400, 404, 421})


def test_empty(proxy, origin):
    refused(proxy, origin, head("GET / HTTP/1.1", host=""), {400})


@pytest.mark.parametrize("second", ["bakery.test", "clinic.test", "", "BAKERY.TEST"],
                         ids=["same", "other", "empty", "case"])
@pytest.mark.parametrize("apart", [0, 20])
def test_repeated_refused(proxy, origin, second, apart):
    raw = head("GET / HTTP/1.1", *[f"X-{i}: {i}" for i in range(apart)], f"Host: {second}")
    refused(proxy, origin, raw, {400})


@pytest.mark.parametrize("host", ["bakery.test:", "bakery.test:80", "BAKERY.Test", "bakery.test.",
                                  "www.bakery.test"],
                         ids=["empty_port", "port", "case", "trailing_dot", "pair"])
def test_other_spellings_are_the_same_domain(proxy, origin, host):
    """RFC 3986 3.2.2, 3.2.3: one answer per name, however it is written."""
    target = canary()
    with proxy.plain() as client:
        answer = client.get(target, host)
    assert answer.status == 200 and answer.json()["target"] == target


@pytest.mark.parametrize("host", ["unknown.test", "bakery.test.evil.test", "xbakery.test", "127.0.0.1",
                                  "[::1]", "a.b.wild.test", "wild.test", "localhost"])
def test_unknown_is_not_served(proxy, origin, host):
    """Design 5 and platform contract R9: never somebody's answer by default."""
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get(canary(), host)
    assert answer.status in (404, 421), answer
    assert origin.mark() == before
