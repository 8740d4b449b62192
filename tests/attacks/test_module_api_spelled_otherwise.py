"""A module's API by another spelling of its path: the gateway must not take it for none
of a module's API, as its upstream may take it for one. Routes with a parameter must not
take in what another server reads as the guarded literal beside them."""
import sqlite3

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually

SITE, MODULE = directory.row_id("site", "flour"), directory.row_id("module", "flour")
API = f"/api/modules/{MODULE}/api"
EVIL = [("Origin", "https://evil.example")]


def route(path, auth=0):
    return ("INSERT INTO module_api_routes (module_id, path, method, requires_auth, required_scopes, is_active,"
            f" cache_ttl_seconds, handler_type) VALUES ('{MODULE}', '{path}', 'GET', {auth}, '[]', 1, 0, 'function');")


class Node:
    def __init__(self, proxy, origin):
        self.proxy, self.origin = proxy, origin

    def ask(self, target, host, fields=()):
        if host == "app.test":
            target += f"?site_id={SITE}"
        with self.proxy.plain() as client:
            return client.get(target, host, fields=fields)


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"},
                          "custom": {"refused_paths": []}},
            tenants={"module_apis": True, "cors": True}) as proxy:
        it = Node(proxy, origin)
        file = proxy.folder / "state" / "directory.sqlite"
        eventually(file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/", "shop.test").status == 404, 10, "an open directory")
        with sqlite3.connect(file, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + directory.tenant("flour")
                             + directory.module_domain("shop.test", "flour")
                             + route("/secret", 1) + route("/:id") + "COMMIT;")
        db.close()
        eventually(lambda: it.ask("/", "shop.test").status == 200, 5, "the domain")
        yield it


HOSTS = pytest.mark.parametrize("host", ["shop.test", "app.test"])
SPELLINGS = [
    f"/api/modules/{MODULE}/API/secret", f"/api/modules/{MODULE}/Api/secret", f"/API/modules/{MODULE}/api/secret",
    f"/api/Modules/{MODULE}/api/secret", f"/api/modules;x/{MODULE}/api/secret", f"/api;x/modules/{MODULE}/api/secret",
    f"/api/modules/{MODULE}/api;x/secret", f"/api/modules/{MODULE}/api%3b/secret", f"/api/modules/{MODULE}/api%3bx/secret",
    f"{API}/x/../secret", f"{API}/x/%2e%2e/secret", f"{API}/x/..;/secret", f"{API}/x\\..\\secret",
    f"/x/../api/modules/{MODULE}/api/secret", f"/api/modules/{MODULE}%2fapi%2fsecret", f"/api%5cmodules/{MODULE}/api/secret",
    f"//api/modules/{MODULE}/api/secret", f"/api//modules/{MODULE}/api/secret", f"/api/modules/{MODULE}/./api/secret",
    f"/%C0%AFapi/modules/{MODULE}/api/secret", f"/%61pi/modules/{MODULE}/api/secret", f"/api./modules/{MODULE}/api/secret",
    f"/api/modules/{MODULE}/api%20/secret", f"/api/modules/{MODULE}/api.//secret", f"/api%00/modules/{MODULE}/api/secret",
]


@HOSTS
@pytest.mark.parametrize("target", SPELLINGS)
def test_the_gateway_is_not_passed_by(node, host, target):
    before = node.origin.mark()
    answer = node.ask(target, host, EVIL if host == "app.test" else ())
    assert answer.status in (400, 403), answer.status
    assert node.origin.mark() == before
    assert node.ask(target, host).status == 400
    assert node.origin.mark() == before


@HOSTS
@pytest.mark.parametrize("name", ["secret", "SECRET", "Secret", "secret;x", "secret%3fx", "secret%23", "secret.", "secret%20",
                                  "secret%00", "secret%09", "secret/", "secret%2f", "s%65cret", "s%2565cret", "./secret"])
def test_a_parameter_takes_in_no_guarded_literal(node, host, name):
    before = node.origin.mark()
    assert node.ask(f"{API}/{name}", host).status in (400, 401, 404)
    assert node.origin.mark() == before


def test_a_host_s_routes_say_nothing_of_another_module(node):
    """By the paths that its class of hosts never serves or, without them, by the gate."""
    before = node.origin.mark()
    assert node.ask(f"/api/modules/{directory.row_id('module', 'other')}/api/7", "shop.test").status in (400, 404)
    assert node.origin.mark() == before


@HOSTS
@pytest.mark.parametrize("name", ["7", "secrets", "a%20b", "J.%20Doe%20Jr.", "%C3%A9t%C3%A9", "secret-7"])
def test_neighbours_pass_unchanged(node, host, name):
    """The control."""
    answer = node.ask(f"{API}/{name}", host)
    assert answer.status == 200 and answer.json()["target"].startswith(f"{API}/{name}")
    assert node.ask(f"/page;x//{name}", host).status == 200
    assert node.ask(f"/api/modules/{MODULE}/domains", host).status == 200
