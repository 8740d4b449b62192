"""The host in another spelling, which a forward server with rules by host does not know
again: it is told the name that Marquee found the domain by."""
import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream
from harness.auth_server import AuthServer, answer
from harness.yaml import Text

SSO = {"upstream": "sso", "path": "/verify", "ttl": Text("60s")}


def by_host(connection):
    """Forbids one host, and lets pass whatever it does not know."""
    request = connection.request
    connection.read_body()
    connection.send(answer(403 if request.field("x-forwarded-host") == "shop.test" else 200))


@pytest.fixture(scope="module")
def setup():
    with EchoOrigin() as origin, AuthServer() as server, Marquee(
            domains=[Domain("shop.test"), Domain("open.test")],
            upstreams=[Upstream("main", [origin.endpoint]), Upstream("sso", [server.endpoint])], workers=1,
            access={"rules": [{"paths": ["/"], "accept": ["forward:sso"]}], "forward": {"sso": SSO}}) as proxy, \
            server.answering(by_host):
        yield proxy, server


def told(server, since):
    return [r.field("x-forwarded-host") for r in server.wait_requests(1, since)]


@pytest.mark.parametrize("host", ["shop.test", "SHOP.test", "shop.test.", "Shop.Test.", "shop.test:", "shop.test:80", "shop.test:0080",
                                  "shop.test.:443", "shop.test:1"])
def test_it_is_told_one_name(setup, host):
    proxy, server = setup
    since = server.mark()
    with proxy.plain() as client:
        assert client.get("/x", host).status == 403
    assert told(server, since) == ["shop.test"]


def test_over_http_2(setup):
    proxy, server = setup
    for host in ("shop.test", "SHOP.test", "shop.test:443", "shop.test.:0443"):
        since = server.mark()
        with proxy.h2("shop.test") as client:
            assert client.get("/x", host).status == 403
        assert told(server, since) == ["shop.test"]


def test_the_listeners_own_port_is_said(setup):
    """A login page sends the visitor back to it."""
    proxy, server = setup
    since = server.mark()
    with proxy.plain() as client:
        port = client.sock.getpeername()[1]
        client.get("/x", f"SHOP.test:{port}")
    assert told(server, since) == [f"shop.test:{port}"]


def test_spellings_are_one_question(setup):
    proxy, server = setup
    since = server.mark()
    with proxy.plain() as client:
        for host in ("open.test", "OPEN.test", "open.test.", "open.test:80", "Open.Test:0080"):
            assert client.get("/y", host).status == 200
    assert told(server, since) == ["open.test"]
