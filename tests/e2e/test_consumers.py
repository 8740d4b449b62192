"""Clients of a module's API mode (`dk_` keys), on SQLite and on PostgreSQL: what their
rows allow, on app hosts and on the module's own domains."""
import sqlite3
import subprocess
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, context, directory, eventually
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.yaml import Text

SITE, MODULE = directory.row_id("site", "flour"), directory.row_id("module", "flour")
OTHER, OTHER_MODULE = directory.row_id("site", "other"), directory.row_id("module", "other")
API = f"/api/modules/{MODULE}/api"
KEY = "dk_AbCdEfGhIjKlMnOpQrStUv+/XyZ01234"
DMC = "dmc_live_" + "0" * 64
DMC_HASH = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2"
ACCESS = {"rules": [{"paths": ["/api"], "accept": ["consumer", "api_key"]}], "ttl": Text("60s")}


class Node:
    def __init__(self, proxy, origin, run, postgres):
        self.proxy, self.origin, self.run, self.postgres = proxy, origin, run, postgres

    def list(self, *texts):
        inner = ",".join(f'"{t}"' for t in texts)
        return "'{" + inner + "}'" if self.postgres else f"'[{inner}]'"

    def change(self, what):
        self.run(f"UPDATE module_api_consumers SET {what} WHERE name = 'c';")

    def ask(self, target=f"{API}/product/5", host="shop.test", method="GET", key=KEY, fields=(), bearer=True):
        shown = [("Authorization", f"Bearer {key}") if bearer else ("X-Api-Key", key)] if key else []
        with self.proxy.plain() as client:
            return client.get(target, host, method=method, fields=[*shown, *fields])

    def status(self, *args, **more):
        return self.ask(*args, **more).status


ROWS = (directory.tenant("flour") + directory.module_domain("shop.test", "flour")
        + directory.tenant("other") + directory.module_domain("other.test", "other")
        + "INSERT INTO module_api_keys (module_id, site_id, agency_id, key_prefix, key_hash) VALUES "
        f"('{MODULE}', '{SITE}', '{directory.row_id('agency', 'flour')}', 'dmc_live_000', '{DMC_HASH}');")


def settings(origin, kind):
    return {"upstreams": [Upstream("main", [origin.endpoint])], "listeners": [Listener("127.0.0.1:0", "http")],
            "directory": {**kind, "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            "host_classes": {"app": {"hosts": ["app.test"], "upstream": "main"}}, "access": ACCESS,
            "tenants": {"module_apis": True, "modules": {MODULE: "main"}}, "workers": 1}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def node(request):
    if request.param == "sqlite":
        with EchoOrigin() as origin, Marquee(**settings(origin, {"kind": "sqlite",
                                                                 "poll_interval": Text("20ms")})) as proxy:
            file = proxy.folder / "state" / "directory.sqlite"

            def run(sql):
                with sqlite3.connect(file, timeout=10) as db:
                    db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
                db.close()
            eventually(file.exists, 10, "the directory's file")
            it = Node(proxy, origin, run, False)
            eventually(lambda: it.status("/") == 404, 10, "an open directory")
            run(ROWS)
            yield it
        return
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as server, EchoOrigin() as origin:
        owner = server.create("consumers")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql(ROWS + "ALTER ROLE marquee_edge PASSWORD 'secret'", "consumers")
        url = server.url("consumers", "marquee_edge")
        with Marquee(**settings(origin, {"kind": "postgres", "url": url, "trust_directory_status": True})) as proxy:
            yield Node(proxy, origin, lambda sql: server.sql(sql, "consumers"), True)


@pytest.fixture(autouse=True)
def consumer(node):
    node.run("DELETE FROM module_api_consumers; INSERT INTO module_api_consumers (site_module_installation_id, "
             f"name, api_key) VALUES ('{directory.row_id('installation', 'flour')}', 'c', '{KEY}');")
    eventually(lambda: node.status() == 200, 10, "the consumer")


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code)


def within_a_second(check):
    begun = time.monotonic()
    eventually(check, 5)
    assert time.monotonic() - begun < 1.5


def test_where_a_key_may_be_shown(node):
    answer = node.ask(f"{API}/named")
    assert "x-tenant-user-id" not in {n.lower() for n, _ in answer.json()["fields"]}
    assert node.status(bearer=False) == 200
    assert node.status(key=KEY[:-1] + "5") == 401
    assert node.status(key=KEY + "5") == 401
    assert node.status(key="dk_") == 401
    assert node.status(key=None) == 401
    assert node.status(fields=[("Authorization", f"Bearer {KEY}")]) == 401  # twice
    assert node.status(key=DMC, bearer=False) == 200  # the other kind
    record = node.proxy.access.wait(lambda r: r["target"] == f"{API}/named")[-1]
    assert record["consumer_id"] and "api_key_id" not in record
    _, told = context.parts(context.token_of(answer))
    assert told["consumer"] == record["consumer_id"] and not {"api_key", "user"} & set(told)
    _, told = context.parts(context.token_of(node.ask(f"{API}/named", key=DMC, bearer=False)))
    assert told["api_key"] and "consumer" not in told


def test_methods_ask_for_scopes(node):
    assert node.status(method="HEAD") == 200
    refused(node.ask(method="POST"), 403, "SCOPE_REQUIRED")
    refused(node.ask("/api/other", method="POST"), 403, "INSUFFICIENT_SCOPE")
    node.change("scopes = " + node.list("write"))
    within_a_second(lambda: node.status(method="POST") == 200)
    assert node.status() == 403 and node.status(method="DELETE") == 403
    node.change("scopes = " + node.list("admin"))
    within_a_second(lambda: node.status(method="DELETE") == 200)
    assert node.status("/api/other", method="DELETE") == 200


@pytest.mark.parametrize("target", [
    f"{API}/product/5/", f"{API}//product/5", f"{API}/./product/5", f"{API}/PRODUCT/5", f"{API}/product%2f5",
    f"{API}/product/5;x", f"{API}/product/5%2fsecret", f"{API}/product/%252e%252e", f"{API}/secret",
    f"{API}/product/../secret", f"{API}/product", f"{API}/product/5/secret", f"{API}\\product\\5",
    "/api/product/5", f"/api/modules/{MODULE}/API/product/5", f"/api/modules/{MODULE}/product/5"])
def test_an_endpoint_spelled_differently(node, target):
    node.change("allowed_endpoints = " + node.list("GET /product/{id}"))
    within_a_second(lambda: node.status(f"{API}/secret") == 403)
    before = node.origin.mark()
    assert node.status() == 200
    assert node.status(f"{API}/product/a%20b?x=/secret") == 200
    after = node.origin.mark()
    assert after != before
    assert node.status(target) in (400, 403, 404)
    refused(node.ask(method="POST"), 403, "ENDPOINT_DENIED")
    assert node.origin.mark() == after


@pytest.mark.parametrize("what,status", [("is_active = false", 401), ("is_active = NULL", 401),
                                         (f"api_key = '{KEY}2'", 401), ("allowed_endpoints = {none}", 403)])
def test_a_change_ends_what_is_remembered(node, what, status):
    node.change(what.replace("{none}", node.list()))
    within_a_second(lambda: node.status() == status)


def test_addresses(node):
    node.change("allowed_ips = " + node.list("127.0.0.0/8"))
    assert node.status() == 200
    node.change("allowed_ips = " + node.list("10.0.0.0/8", "127.0.0.2"))
    within_a_second(lambda: node.status() == 403)
    refused(node.ask(fields=[("X-Forwarded-For", "127.0.0.2")]), 403, "ADDRESS_DENIED")


def test_of_another_site_or_module(node):
    """Also on app hosts, where the request itself names the site."""
    foreign = f"/api/modules/{OTHER_MODULE}/api/product/5"
    for key in (KEY, DMC):
        assert node.status(foreign, "other.test", key=key, bearer=key == KEY) == 403
        assert node.status(host="app.test", key=key, bearer=key == KEY) == 200  # its own, by itself
        assert node.status(f"{API}/product/5?site_id={SITE}", "app.test", key=key, bearer=key == KEY) == 200
        before = node.origin.mark()
        refused(node.ask(f"{API}/product/5?site_id={OTHER}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        refused(node.ask(f"{foreign}?site_id={OTHER}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        refused(node.ask(f"{foreign}?site_id={SITE}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        assert node.origin.mark() == before


def test_the_nodes_role_reads_no_key(node):
    if not node.postgres:
        pytest.skip("SQLite has no roles")
    with pytest.raises(AssertionError, match="permission denied"):
        node.run("SET ROLE marquee_edge; SELECT api_key FROM module_api_consumers;")
