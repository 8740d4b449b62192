"""A method in small letters, or a HEAD for a GET, as a way around rules by method. It
goes upstream as it came, and many frameworks write it in capitals before they look."""
import sqlite3

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.yaml import Text

SHOP = Domain("shop.test")
MODULE = directory.row_id("module", "flour")
KEY = "dk_AbCdEfGhIjKlMnOpQrStUv+/XyZ01234"


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(origin):
    rules = [{"paths": ["/write"], "methods": ["POST", "PUT"], "accept": ["jwt"]},
             {"paths": ["/read"], "methods": ["GET"], "accept": ["jwt"]}]
    with Marquee(origin, domains=[SHOP], access={
            "rules": rules, "tokens": {"issuers": {"platform": {"secret": "a-secret-of-the-platform-0123456789"}}}}) as running:
        yield running


def status(proxy, method, target, fields=()):
    with proxy.plain() as client:
        return client.get(target, "shop.test", method=method, fields=list(fields)).status


@pytest.mark.parametrize("method,target", [
    *[(m, "/write/x") for m in ("POST", "post", "Post", "pOsT", "PUT", "put", "Put")],
    *[(m, "/read/x") for m in ("GET", "get", "Get", "HEAD", "head", "Head")]])
def test_access_rule(proxy, origin, method, target):
    before = origin.mark()
    assert status(proxy, method, target) == 401
    assert origin.mark() == before


@pytest.mark.parametrize("method,target", [("GET", "/write/x"), ("PATCH", "/write/x"), ("POST", "/read/x"), ("posts", "/write/x")])
def test_other_methods_pass(proxy, method, target):
    """The control."""
    assert status(proxy, method, target) == 200


def test_over_http_2(proxy):
    with proxy.h2("shop.test") as client:
        assert client.get("/write/x", "shop.test", method="post").status == 401
        assert client.get("/read/x", "shop.test", method="head").status == 401
        assert client.get("/write/x", "shop.test").status == 200


@pytest.fixture(scope="module")
def consumers(origin):
    """A key of reading and writing, with the module's routes watched over and not."""
    with Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")], workers=1,
                 directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"},
                            "poll_interval": Text("20ms")},
                 access={"rules": [{"paths": ["/api", "/other"], "accept": ["consumer"]}]}, tenants={"module_apis": True}) as running:
        file = running.folder / "state/directory.sqlite"
        eventually(file.exists)
        eventually(lambda: status(running, "GET", "/") == 404, 10, "an open directory")
        with sqlite3.connect(file, timeout=10) as database:
            database.executescript(
                "PRAGMA foreign_keys = ON; BEGIN;" + directory.tenant("flour") + directory.module_domain("shop.test", "flour")
                + "INSERT INTO module_api_consumers (site_module_installation_id, name, api_key, scopes) VALUES "
                f"('{directory.row_id('installation', 'flour')}', 'c', '{KEY}', '[\"read\",\"write\"]'); COMMIT;")
        database.close()
        eventually(lambda: status(running, "GET", "/") == 200, 5, "the rows")
        yield running


@pytest.mark.parametrize("target", [f"/api/modules/{MODULE}/api/product/5", "/other/x"], ids=["module_api", "elsewhere"])
def test_scope_of_a_consumer(consumers, origin, target):
    shown = [("X-Api-Key", KEY)]
    for method in ("GET", "get", "POST", "post"):
        assert status(consumers, method, target, shown) == 200
    before = origin.mark()
    for method in ("DELETE", "delete", "Delete", "dELETE"):
        assert status(consumers, method, target, shown) == 403, method
    assert origin.mark() == before


def test_rate_limit(origin):
    rules = [{"name": "posts", "rate": "2/h", "match": {"method": "POST"}}, {"name": "gets", "rate": "2/h", "match": {"method": "GET"}}]
    with Marquee(origin, domains=[SHOP], rate_limits={"rules": rules}) as proxy:
        assert [status(proxy, m, "/") for m in ("POST", "post", "Post", "pOST", "POST")] == [200] * 2 + [429] * 3
        assert [status(proxy, m, "/") for m in ("GET", "HEAD", "get", "HEAD", "head")] == [200] * 2 + [429] * 3
