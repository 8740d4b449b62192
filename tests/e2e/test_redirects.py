"""http to https, and www rules (platform contract 2.5 and R15)."""
from urllib.parse import urlsplit

import pytest
from harness import Domain, EchoOrigin, Marquee


@pytest.fixture(scope="module")
def strict():
    with EchoOrigin() as origin, Marquee(origin, domains=[
            Domain("secure.test", redirect_to_https=True), Domain("plain.test", redirect_to_https=False),
            Domain("forced.test", force_www="www"), Domain("bare.test", force_www="bare"),
            Domain("both.test", force_www="www", redirect_to_https=True)]) as proxy:
        yield proxy, origin


def location(answer):
    return urlsplit(answer.field("location"))


@pytest.mark.parametrize("method,status", [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("DELETE", 308), ("OPTIONS", 308)])
def test_to_https(strict, method, status):
    proxy, origin = strict
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/a%20b/c?x=1&y=%2F&z", "secure.test", method=method)
    where = location(answer)
    assert answer.status == status
    assert (where.scheme, where.hostname, where.path, where.query) == ("https", "secure.test", "/a%20b/c", "x=1&y=%2F&z")
    assert where.port == proxy.address(protocol="https")[1], "the port visitors reach"
    assert origin.mark() == before


def test_the_target_of_the_redirect_answers(strict):
    proxy, _ = strict
    with proxy.plain() as client:
        where = location(client.get("/x", "secure.test"))
    with proxy.tls(where.hostname) as client:
        assert client.get(where.path, f"{where.hostname}:{where.port}").status == 200


def test_body_of_a_redirected_post_is_no_request(strict):
    proxy, origin = strict
    inner = b"GET /smuggled HTTP/1.1\r\nHost: plain.test\r\n\r\n"
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/", "secure.test", method="POST", body=inner)
        assert answer.status == 308
        client.close()
    assert origin.mark() == before


def test_off(strict):
    proxy, _ = strict
    with proxy.plain() as client:
        assert client.get("/", "plain.test").status == 200


@pytest.mark.parametrize("host,target", [("forced.test", "www.forced.test"), ("www.bare.test", "bare.test")])
@pytest.mark.parametrize("method,status", [("GET", 301), ("POST", 308)])
def test_www_rule(strict, host, target, method, status):
    proxy, origin = strict
    before = origin.mark()
    with proxy.tls(host) as client:
        answer = client.get("/p?q=1", host, method=method)
    where = location(answer)
    assert answer.status == status and origin.mark() == before
    assert (where.scheme, where.hostname, where.path, where.query) == ("https", target, "/p", "q=1")


@pytest.mark.parametrize("host", ["www.forced.test", "bare.test", "plain.test", "www.plain.test"])
def test_www_rule_satisfied_or_absent(strict, host):
    proxy, _ = strict
    with proxy.tls(host) as client:
        assert client.get("/", host).status == 200


def test_both_rules_at_once(strict):
    """One redirect or two, each closer, none back."""
    proxy, _ = strict
    with proxy.plain() as client:
        where = location(client.get("/p?q", "both.test"))
    assert where.scheme == "https"
    if where.hostname == "both.test":
        with proxy.tls("both.test") as client:
            where = location(client.get("/p?q", "both.test"))
    assert (where.hostname, where.path, where.query) == ("www.both.test", "/p", "q")


@pytest.mark.parametrize("target", ["//evil.test/x", "/\\evil.test", "/%0d%0aX-Poison:%201", "http://secure.test//evil.test"])
def test_no_open_redirect(strict, target):
    proxy, _ = strict
    with proxy.plain() as client:
        answer = client.get(target, "secure.test")
    assert not answer.all("x-poison")
    if answer.status in (301, 308):
        assert location(answer).hostname == "secure.test"
    else:
        assert answer.status == 400
