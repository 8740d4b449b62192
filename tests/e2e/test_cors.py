"""Cross-origin calls and frames of a site's module, by verified origins."""
import sqlite3

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually

SHOP, SITE = "shop.test", "flour"
GOOD, EMBED, BAD = "https://partner.example", "https://frames.example", "https://evil.example"


def allowed(domain, site=SITE, verified=1, api=1, embed=0):
    return ("INSERT INTO module_allowed_domains (id, site_id, module_id, domain, verified, allow_api, allow_embed)"
            f" VALUES ('{directory.row_id('origin', site + domain)}', '{directory.row_id('site', site)}',"
            f" '{directory.row_id('module', site)}', '{domain}', {verified}, {api}, {embed});")


class Node:
    def __init__(self, proxy, origin):
        self.proxy, self.origin = proxy, origin
        self.file = proxy.folder / "state" / "directory.sqlite"

    def run(self, sql):
        with sqlite3.connect(self.file, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()

    def ask(self, target="/", host=SHOP, origin=None, method="GET", fields=(), **more):
        fields = [*fields, *([("Origin", origin)] if origin else [])]
        with self.proxy.tls(host) as client:
            return client.get(target, host, method=method, fields=fields, **more)

    def preflight(self, origin, target="/api/x", host=SHOP):
        return self.ask(target, host, origin, "OPTIONS", [("Access-Control-Request-Method", "POST"),
                                                          ("Access-Control-Request-Headers", "content-type")])


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https", fallback="bakery.test")],
            directory={"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"}},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}},
            tenants={"cors": True, "frame_ancestors": True}) as proxy:
        it = Node(proxy, origin)
        eventually(it.file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/", "bakery.test").status == 200, 10, "an answer")
        it.run(directory.tenant(SITE) + directory.module_domain(SHOP, SITE)
               + directory.tenant("other") + directory.module_domain("other.test", "other")
               + allowed("partner.example") + allowed("frames.example", api=0, embed=1)
               + allowed("pending.example", verified=0, embed=1) + allowed("*.co.uk")
               + allowed("evil.example", site="other"))
        eventually(lambda: it.ask("/").status == 200, 10, "the domain")
        yield it


def test_a_preflight_is_answered_at_the_edge(node):
    before = node.origin.mark()
    answer = node.preflight(GOOD)
    assert answer.status == 204 and node.origin.mark() == before
    assert answer.field("access-control-allow-origin") == GOOD
    assert answer.field("access-control-allow-credentials") == "true"
    assert "POST" in answer.field("access-control-allow-methods")
    assert "Authorization" in answer.field("access-control-allow-headers")
    assert "Origin" in answer.field("vary")


@pytest.mark.parametrize("origin", [BAD, "null", "http://partner.example", "https://partner.example:8443",
                                    "https://partner.example.evil.example", "https://pending.example", EMBED,
                                    "https://x.co.uk", "https://Partner.example", "garbage"])
def test_a_refusal_does_not_echo_the_origin(node, origin):
    before = node.origin.mark()
    for answer in (node.preflight(origin), node.ask("/api/x", origin=origin)):
        assert answer.status == 403 and answer.json()["error"] == "Origin not allowed"
        assert answer.field("access-control-allow-origin") is None
        assert answer.field("access-control-allow-credentials") is None
        assert "Origin" in answer.field("vary")
    assert node.origin.mark() == before


def test_actual_answers_are_decorated_and_the_upstream_s_word_replaced(node):
    def handler(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nVary: Accept\r\nAccess-Control-Allow-Origin: *\r\n"
                        b"Access-Control-Allow-Credentials: true\r\n\r\nok")
    with node.origin.answering(handler):
        good = node.ask("/api/x", origin=GOOD)
        same = node.ask("/api/x", origin="https://" + SHOP)
        none = node.ask("/api/x")
        page = node.ask("/page", origin=BAD)
    assert good.all("access-control-allow-origin") == [GOOD]
    assert good.all("access-control-allow-credentials") == ["true"]
    for answer in (same, none, page):
        assert answer.status == 200 and answer.all("access-control-allow-origin") == []
        assert answer.all("access-control-allow-credentials") == []
    for answer in (good, same, none, page):
        assert answer.all("vary") == ["Accept, Origin"]


def test_rows_of_another_site_open_nothing(node):
    assert node.preflight(BAD, host="other.test").status == 204
    assert node.preflight(GOOD, host="other.test").status == 403


def test_on_app_hosts_the_query_names_the_site(node):
    target = f"/api/modules/{directory.row_id('module', SITE)}/api/x"
    site = directory.row_id("site", SITE)
    assert node.preflight(GOOD, f"{target}?site_id={site}", "app.test").status == 204
    assert node.preflight(GOOD, target, "app.test").status == 403
    assert node.preflight(GOOD, f"{target}?site_id={directory.row_id('site', 'other')}", "app.test").status == 403
    assert node.ask("/elsewhere", "app.test", GOOD).all("vary") == []


def test_a_change_is_in_force_within_a_second(node):
    late = "https://late.example"
    assert node.preflight(late).status == 403
    node.run(allowed("late.example"))
    eventually(lambda: node.preflight(late).status == 204, 1.5, "the new origin")
    node.run("UPDATE module_allowed_domains SET verified = 0 WHERE domain = 'late.example';")
    eventually(lambda: node.preflight(late).status == 403, 1.5, "the origin gone")


def test_frame_ancestors_from_verified_rows(node):
    def handler(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Frame-Options: DENY\r\n"
                        b"Content-Security-Policy: default-src 'self'; frame-ancestors *\r\n\r\nok")
    with node.origin.answering(handler):
        answer = node.ask("/page")
        other = node.ask("/page", "other.test")
    assert answer.all("content-security-policy") == ["default-src 'self'", f"frame-ancestors 'self' {EMBED}"]
    assert answer.all("x-frame-options") == []
    assert other.all("content-security-policy") == ["default-src 'self'", "frame-ancestors 'self'"]
    assert other.all("x-frame-options") == ["SAMEORIGIN"]


def test_over_http_2(node):
    with node.proxy.h2(SHOP) as client:
        answer = client.get("/api/x", SHOP, method="OPTIONS",
                            fields=[("origin", GOOD), ("access-control-request-method", "GET")])
        assert answer.status == 204 and answer.field("access-control-allow-origin") == GOOD
        assert client.get("/api/x", SHOP, fields=[("origin", BAD)]).status == 403
