"""The fields of upstreams' answers on customers' domains (settings `answers`)."""
import pytest
from harness import Domain, EchoOrigin, Marquee


@pytest.fixture(scope="module")
def pair():
    domains = [Domain("bakery.test", path="/module-render/{installation_id}{path}",
                      response_fields={"set": {"Referrer-Policy": "no-referrer"}})]
    with EchoOrigin() as origin, Marquee(
            origin, domains=domains, answers={"domains": "all", "server": "web", "platform_hosts": ["app.platform.test"]}) as proxy:
        yield proxy, origin


def test_fields_and_places(pair):
    proxy, origin = pair
    own = f"/module-render/{proxy.domains[0].installation}"

    def handler(connection):
        connection.read_body()
        connection.send((
            "HTTP/1.1 103 Early Hints\r\nLink: <https://app.platform.test/a.css>; rel=preload\r\n\r\n"
            "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nServer: platform/1\r\nX-Powered-By: Next.js\r\n"
            "Strict-Transport-Security: max-age=9; includeSubDomains\r\n"
            f"Location: https://app.platform.test{own}/next?q=1\r\nContent-Location: {own}/here\r\n"
            f"Refresh: 3; url=https://app.platform.test{own}/later\r\n"
            f"Link: <https://app.platform.test{own}/x>; rel=next\r\n"
            f"Set-Cookie: a=1; Domain=.platform.test; Path={own}\r\nSet-Cookie: b=2; Domain=other.test\r\n\r\n").encode())

    with origin.answering(handler), proxy.plain() as client:
        answer = client.get("/", "bakery.test")
    here = "http://bakery.test"
    assert answer.field("location") == f"{here}/next?q=1" and answer.field("content-location") == "/here"
    assert answer.field("refresh") == f"3; url={here}/later" and answer.field("link") == f"<{here}/x>; rel=next"
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2; Domain=other.test"]
    assert answer.field("server") == "web" and answer.field("x-content-type-options") == "nosniff"
    assert answer.all("referrer-policy") == ["no-referrer"]
    for name in ("x-powered-by", "strict-transport-security"):
        assert not answer.all(name)
    assert answer.interim[0].field("link") == f"<{here}/a.css>; rel=preload"


def test_a_directory_is_not_needed_for_off(pair):
    _, origin = pair
    with Marquee(origin, domains=[Domain("bakery.test")]) as proxy:
        def handler(connection):
            connection.read_body()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: platform/1\r\nX-Powered-By: Next.js\r\n\r\n")
        with origin.answering(handler), proxy.plain() as client:
            answer = client.get("/", "bakery.test")
        assert answer.field("server") == "platform/1" and answer.field("x-powered-by") == "Next.js"
        assert not answer.all("x-content-type-options")
