"""A second value of a field that a forward server judged, under a name that servers
behind cannot tell from it: X-Kind for the server, x_kind for the upstream."""
import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream
from harness.auth_server import AuthServer, answer
from harness.yaml import Text

SSO = {"upstream": "sso", "path": "/verify", "request_fields": ["Cookie", "X-Kind", "X-Api-Key"], "ttl": Text("60s")}


def by_kind(connection):
    request = connection.request
    connection.read_body()
    connection.send(answer(200 if request.field("x-kind") in ("good", None) else 403))


@pytest.fixture(scope="module")
def setup():
    with EchoOrigin() as origin, AuthServer() as server, Marquee(
            domains=[Domain("shop.test")], upstreams=[Upstream("main", [origin.endpoint]), Upstream("sso", [server.endpoint])],
            workers=1, access={"rules": [{"paths": ["/admin"], "accept": ["forward:sso"]}], "forward": {"sso": SSO}}) as proxy, \
            server.answering(by_kind):
        yield proxy, server


def kinds(got):
    assert got.status == 200
    return [(n.lower(), v) for n, v in got.json()["fields"] if n.lower().replace("_", "-") in ("x-kind", "x-api-key", "x-other")]


TWINS = [("x_kind", "evil"), ("X_KIND", "evil"), ("x_api-key", "evil"), ("X_Api_Key", "evil")]


@pytest.mark.parametrize("remembered", [False, True])
def test_over_http_1(setup, remembered):
    proxy, server = setup
    since = server.mark()
    with proxy.plain() as client:
        got = client.get("/admin/h1", "shop.test", fields=[("X-Kind", "good"), *TWINS, ("X_Other", "1")])
    assert kinds(got) == [("x-kind", "good"), ("x_other", "1")]
    assert (server.mark() == since) == remembered


def test_without_the_field_itself(setup):
    proxy, _ = setup
    with proxy.plain() as client:
        assert kinds(client.get("/admin/none", "shop.test", fields=TWINS)) == []


def test_over_http_2(setup):
    proxy, _ = setup
    with proxy.h2("shop.test") as client:
        got = client.get("/admin/h2", "shop.test", fields=[("x-kind", "good"), *[(n.lower(), v) for n, v in TWINS]])
    assert kinds(got) == [("x-kind", "good")]


def test_paths_that_nobody_judges_are_left_alone(setup):
    """The control."""
    proxy, _ = setup
    with proxy.plain() as client:
        assert kinds(client.get("/x", "shop.test", fields=[("X-Kind", "a"), ("x_kind", "b")])) == [("x-kind", "a"), ("x_kind", "b")]
