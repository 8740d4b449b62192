"""The module API gateway: a module's own pool, its routes, on app hosts and on its
customers' domains."""
import sqlite3

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.tokens import claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
ANN = directory.row_id("user", "ann")
SITE, MODULE = directory.row_id("site", "flour"), directory.row_id("module", "flour")
API = f"/api/modules/{MODULE}/api"


def route(method, path, auth=0, scopes="[]", active=1, cache=0, handler="function"):
    return ("INSERT INTO module_api_routes (module_id, path, method, requires_auth, required_scopes, is_active,"
            f" cache_ttl_seconds, handler_type, handler_url) VALUES ('{MODULE}', '{path}', '{method}', {auth}, '{scopes}',"
            f" {active}, {cache}, '{handler}', 'http://127.0.0.1:1/evil');")


class Node:
    def __init__(self, proxy, main, crm):
        self.proxy, self.main, self.crm = proxy, main, crm
        self.file = proxy.folder / "state" / "directory.sqlite"

    def run(self, sql):
        with sqlite3.connect(self.file, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()

    def ask(self, target, host="shop.test", method="GET", user=None, scope=None, **more):
        fields = []
        if user:
            said = claims(sub=user, site_id=SITE, **({"scope": scope} if scope is not None else {}))
            fields.append(("Authorization", "Bearer " + hs256(SECRET, said)))
        with self.proxy.plain() as client:
            return client.get(target, host, method=method, fields=fields, **more)


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as main, EchoOrigin() as crm, Marquee(
            upstreams=[Upstream("main", [main.endpoint]), Upstream("crm", [crm.endpoint])],
            listeners=[Listener("127.0.0.1:0", "http")],
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}},
            access={"rules": [{"paths": ["/api"], "accept": ["jwt"], "optional": True}],
                    "tokens": {"issuers": {"platform": {"secret": SECRET}}}},
            tenants={"module_apis": True, "modules": {MODULE: "crm"}}) as proxy:
        it = Node(proxy, main, crm)
        eventually(it.file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/").status == 404, 10, "an open directory")
        it.run(directory.tenant("flour") + directory.module_domain("shop.test", "flour") + directory.tenant("other")
               + f"INSERT INTO agency_members (agency_id, user_id) VALUES ('{directory.row_id('agency', 'flour')}', '{ANN}');"
               + route("GET", "/contacts/:id") + route("POST", "/contacts", auth=1)
               + route("GET", "/secret", auth=1, scopes='["read:contacts"]') + route("GET", "/off", active=0)
               + route("GET", "/cached", cache=90) + route("POST", "/cached", cache=90) + route("GET", "/mine", cache=90, auth=1)
               + route("GET", "/proxied", handler="proxy") + route("GET", "/static", handler="static"))
        eventually(lambda: it.ask("/").status == 200, 2, "the domain")
        yield it


def test_the_module_s_own_pool_serves_it_and_pages_go_where_they_went(node):
    crm, main = node.crm.mark(), node.main.mark()
    answer = node.ask(f"{API}/contacts/7?x=1")
    assert answer.status == 200 and answer.json()["target"] == f"{API}/contacts/7?x=1"
    assert node.crm.mark() != crm and node.main.mark() == main
    assert node.ask("/page").json()["target"].endswith("/page")
    assert node.main.mark() != main


def test_on_app_hosts_the_site_is_named(node):
    answer = node.ask(f"{API}/contacts/7?site_id={SITE}", "app.test")
    fields = {n.lower(): v for n, v in answer.json()["fields"]}
    assert fields["x-module-id"] == MODULE
    assert fields["x-site-module-installation-id"] == directory.row_id("installation", "flour")
    refused(node.ask(f"{API}/contacts/7", "app.test"), 400, "SITE_REQUIRED")
    refused(node.ask(f"{API}/contacts/7?site_id={directory.row_id('site', 'other')}", "app.test"), 404, "MODULE_NOT_FOUND")


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code)


def test_routes_are_enforced(node):
    before = node.crm.mark()
    refused(node.ask(f"{API}/nothing"), 404, "ROUTE_NOT_FOUND")
    refused(node.ask(f"{API}/off"), 404, "ROUTE_NOT_FOUND")
    wrong = node.ask(f"{API}/contacts/7", method="DELETE")
    refused(wrong, 405, "METHOD_NOT_ALLOWED")
    assert wrong.field("allow") == "GET"
    refused(node.ask(f"{API}/contacts", method="POST"), 401, "AUTH_REQUIRED")
    refused(node.ask(f"{API}/secret", user=ANN, scope="write"), 403, "SCOPE_REQUIRED")
    assert node.ask(f"{API}/contacts/../secret").status == 400
    assert node.crm.mark() == before


def test_callers_pass(node):
    assert node.ask(f"{API}/contacts", method="POST", user=ANN).status == 200
    assert node.ask(f"{API}/secret", user=ANN).status == 200
    assert node.ask(f"{API}/secret", user=ANN, scope="read:*").status == 200


def test_a_route_switched_off_is_gone_within_a_second(node):
    node.run(route("GET", "/late"))
    eventually(lambda: node.ask(f"{API}/late").status == 200, 1.5, "the new route")
    node.run("UPDATE module_api_routes SET is_active = 0 WHERE path = '/late';")
    eventually(lambda: node.ask(f"{API}/late").status == 404, 1.5, "the route gone")
    node.run(f"UPDATE site_module_installations SET is_enabled = 0 WHERE id = '{directory.row_id('installation', 'flour')}';")
    eventually(lambda: node.ask(f"{API}/contacts/7?site_id={SITE}", "app.test").status == 404, 1.5, "the module off")
    node.run(f"UPDATE site_module_installations SET is_enabled = 1 WHERE id = '{directory.row_id('installation', 'flour')}';")
    eventually(lambda: node.ask(f"{API}/contacts/7?site_id={SITE}", "app.test").status == 200, 1.5, "the module on")


def test_random_sites_and_modules_are_asked_for_within_bounds():
    cache = {"unknown_burst": 200, "unknown_rate": 0.01}
    with EchoOrigin() as main, Marquee(
            main, listeners=[Listener("127.0.0.1:0", "http")], workers=1, tenants={"module_apis": True},
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}, "cache": cache},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}}) as proxy:
        it = Node(proxy, main, main)
        eventually(it.file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/").status == 404, 10, "an open directory")
        it.run(directory.tenant("flour") + directory.module_domain("shop.test", "flour") + route("GET", "/contacts/:id"))
        known = f"{API}/contacts/7?site_id={SITE}"
        eventually(lambda: it.ask(known, "app.test").status == 200, 5, "the module's route")
        statuses = [it.ask(f"/api/modules/m{i}/api/x?site_id={directory.row_id('site', str(i))}", "app.test").status
                    for i in range(300)]
        assert statuses[0] == 404 and statuses[-1] == 429
        assert 150 <= statuses.count(404) <= 210
        assert it.ask(known, "app.test").status == 200, "what is known goes on"
        assert proxy.metrics().sum("marquee_refusals_total", cause="unknown_host_flood") >= 90


def test_handler_addresses_are_not_dialled(node):
    """Whatever the row's type and address: where a module lives is the settings' word."""
    for path in ("/proxied", "/static"):
        crm = node.crm.mark()
        assert node.ask(API + path).status == 200
        assert node.crm.mark() != crm


def test_how_long_answers_may_be_kept(node):
    kept = "public, max-age=90"
    assert node.ask(f"{API}/cached").field("cache-control") == kept
    assert node.ask(f"{API}/cached", method="HEAD").field("cache-control") == kept
    # A domain's own cache_ttl (an hour, where nothing is said) is for its pages.
    assert node.ask(f"{API}/contacts/7").field("cache-control") != kept
    assert "max-age" not in (node.ask(f"{API}/contacts/7").field("cache-control") or "")
    for answer in (node.ask(f"{API}/cached", method="POST"), node.ask(f"{API}/mine", user=ANN),
                   node.ask(f"{API}/cached", user=ANN), node.ask(f"{API}/mine")):
        assert "max-age" not in (answer.field("cache-control") or "")


def test_the_route_is_in_the_access_log(node):
    with sqlite3.connect(node.file) as db:
        (wanted,) = db.execute("SELECT id FROM module_api_routes WHERE path = '/cached' AND method = 'GET'").fetchone()
    db.close()
    node.ask(f"{API}/cached?n=1")
    assert node.proxy.access.wait(lambda r: r["target"] == f"{API}/cached?n=1")[-1]["api_route"] == wanted
    node.ask("/page?n=2")
    assert "api_route" not in node.proxy.access.wait(lambda r: r["target"].endswith("/page?n=2"))[-1]
