"""Calls of modules' APIs in the directory's database: who called what, with which
result, and how often keys and consumers are used; on SQLite and on PostgreSQL. And
that no request notices when the database is gone."""
import contextlib
import datetime
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.known_load import live
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.tokens import claims, hs256
from harness.yaml import Text

pytestmark = pytest.mark.heavy  # it waits more than it computes

SECRET = "a-secret-of-the-platform-0123456789"
ANN = directory.row_id("user", "ann")
SITE, MODULE, INSTALLATION = (directory.row_id(kind, "flour") for kind in ("site", "module", "installation"))
OTHER_MODULE = directory.row_id("module", "other")
API = f"/api/modules/{MODULE}/api"
DMC = "dmc_live_" + "0" * 64
DMC_HASH = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2"
DK = "dk_AbCdEfGhIjKlMnOpQrStUv+/XyZ01234"
KEY, CONSUMER = directory.row_id("key", "k"), directory.row_id("consumer", "c")
# Of a row of either table, in this order.
LOGS = ["path", "auth_type", "api_key_id", "user_id", "status_code", "method", "route_id", "error_message"]
REQUESTS = ["path", "consumer_id", "status_code", "method", "site_module_installation_id", "error_message"]


def route(method, path, auth):
    return ("INSERT INTO module_api_routes (id, module_id, path, method, requires_auth) VALUES "
            f"('{directory.row_id('route', method + path)}', '{MODULE}', '{path}', '{method}', {auth});")


ROWS = (directory.tenant("flour") + directory.module_domain("shop.test", "flour")
        + directory.tenant("other") + directory.module_domain("other.test", "other")
        + "INSERT INTO module_api_keys (id, module_id, site_id, agency_id, key_prefix, key_hash, rate_limit_per_minute, "
        f"rate_limit_per_day) VALUES ('{KEY}', '{MODULE}', '{SITE}', '{directory.row_id('agency', 'flour')}', "
        f"'dmc_live_000', '{DMC_HASH}', 0, 0);"
        "INSERT INTO module_api_consumers (id, site_module_installation_id, name, api_key, rate_limit_per_minute, "
        f"rate_limit_per_day) VALUES ('{CONSUMER}', '{INSTALLATION}', 'c', '{DK}', 0, 0);"
        + route("GET", "/open/:id", "false") + route("GET", "/once", "false")
        + "UPDATE module_api_routes SET rate_limit_per_minute = 1 WHERE path = '/once';"
        + route("POST", "/closed", "true") + route("GET", "/closed", "true"))


def settings(origin, kind, **tenants):
    # Nobody listens there.
    return {"upstreams": [Upstream("main", [origin.endpoint]), Upstream("down", ["http://127.0.0.1:1"])],
            "listeners": [Listener("127.0.0.1:0", "http")], "workers": 2,
            "directory": {**kind, "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            "host_classes": {"app": {"hosts": ["app.test"], "upstream": "main"}},
            "access": {"rules": [{"paths": ["/api"], "accept": ["jwt", "api_key", "consumer"], "optional": True}],
                       "tokens": {"issuers": {"platform": {"secret": SECRET}}}},
            "tenants": {"module_apis": True, "modules": {MODULE: "main", OTHER_MODULE: "down"}, **tenants}}


class Node:
    def __init__(self, proxy, run, rows):
        self.proxy, self.run, self.rows = proxy, run, rows

    def ask(self, target, show=None, host="shop.test", method="GET", **more):
        fields = [("Authorization", f"Bearer {show}")] if show else []
        with self.proxy.plain() as client:
            return client.get(target, host, method=method, fields=[*fields, ("User-Agent", "a test's")], **more)

    def logs(self, path):
        return self.rows(f"SELECT {', '.join(LOGS)} FROM module_api_logs WHERE path = '{path}'")

    def log(self, path):
        eventually(lambda: self.logs(path), 5, f"a row of {path}")
        (row,) = self.logs(path)
        return row

    def uses(self):
        (key,) = self.rows("SELECT coalesce(request_count, 0) FROM module_api_keys")
        (consumer,) = self.rows("SELECT coalesce(total_requests, 0) FROM module_api_consumers")
        return int(key[0]), int(consumer[0])

    def recorded(self):
        return sum(int(self.rows(f"SELECT count(*) FROM {t}")[0][0]) for t in ("module_api_logs", "module_api_requests"))

    def metric(self, name, **labels):
        return self.proxy.metrics().sum(f"marquee_api_call{name}", **labels)


@contextlib.contextmanager
def on_sqlite(**tenants):
    with EchoOrigin() as origin, Marquee(**settings(origin, {"kind": "sqlite"}, **tenants)) as proxy:
        file = proxy.folder / "state" / "directory.sqlite"

        def run(sql):
            with sqlite3.connect(file, timeout=10) as db:
                db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
            db.close()

        def rows(sql):
            with sqlite3.connect(file, timeout=10) as db:
                found = [["" if v is None else str(v) for v in row] for row in db.execute(sql)]
            db.close()
            return found
        it = Node(proxy, run, rows)
        eventually(file.exists, 10, "the directory's file")
        eventually(lambda: live(proxy), 10, "an open directory")
        run(ROWS)
        eventually(lambda: it.ask("/").status == 200, 5, "the domain")
        yield it


@contextlib.contextmanager
def on_postgres(server, name, **tenants):
    owner = server.create(name)
    subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
    server.sql(ROWS + "ALTER ROLE marquee_edge PASSWORD 'secret'", name)
    kind = {"kind": "postgres", "url": server.url(name, "marquee_edge"), "trust_directory_status": True,
            "timeout": Text("500ms")}
    with EchoOrigin() as origin, Marquee(**settings(origin, kind, **tenants)) as proxy:
        it = Node(proxy, lambda sql: server.sql(sql, name),
                  lambda sql: [line.split("|") for line in server.sql(sql, name).splitlines()])
        eventually(lambda: live(proxy), 10, "a live feed")
        eventually(lambda: it.ask("/").status == 200, 10, "the domain")
        yield it


@pytest.fixture(scope="module")
def server():
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as it:
        yield it


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def node(request):
    with on_sqlite() if request.param == "sqlite" else on_postgres(request.getfixturevalue("server"), "calls") as it:
        yield it


def token(**more):
    return hs256(SECRET, claims(sub=ANN, site_id=SITE, **more))


def test_each_way_to_show_who_calls(node):
    before = node.uses()
    jwt = token()
    for i, (show, auth, key, user) in enumerate([(jwt, "jwt", "", ANN), (DMC, "api_key", KEY, ""), (None, "none", "", "")]):
        path = f"/open/{i}"
        assert node.ask(f"{API}{path}?token=topsecret&n={i}", show).status == 200
        assert node.log(path) == [path, auth, key, user, "200", "GET", directory.row_id("route", "GET/open/:id"), ""]
        record = node.proxy.access.wait(lambda r, i=i: r["target"].endswith(f"&n={i}"))[-1]
        assert record.get("auth", "none") == auth and ("auth" in record) == (auth != "none")
    assert node.ask(f"{API}/open/dk?token=topsecret", DK).status == 200
    eventually(lambda: node.rows("SELECT 1 FROM module_api_requests WHERE path = '/open/dk'"), 5, "the consumer's row")
    assert node.rows(f"SELECT {', '.join(REQUESTS)} FROM module_api_requests WHERE path = '/open/dk'") == [
        ["/open/dk", CONSUMER, "200", "GET", INSTALLATION, ""]]
    assert node.proxy.access.wait(lambda r: "/open/dk" in r["target"])[-1]["auth"] == "consumer"
    eventually(lambda: node.uses() == (before[0] + 1, before[1] + 1), 5, "the counters")
    everything = "".join(str(node.rows(f"SELECT * FROM {t}")) for t in ("module_api_logs", "module_api_requests"))
    assert CONSUMER in everything
    for secret in ("topsecret", DMC, DK, DMC_HASH, jwt, jwt.rsplit(".", 1)[-1]):
        assert secret not in everything


def test_when_from_where_and_how_long(node):
    begun = time.time()
    assert node.ask(f"{API}/open/when").status == 200
    node.log("/open/when")
    (row,) = node.rows("SELECT created_at, response_time_ms, ip_address, user_agent, module_id, site_id FROM "
                       "module_api_logs WHERE path = '/open/when'")
    at = datetime.datetime.fromisoformat(row[0])
    assert begun - 1 <= at.timestamp() <= time.time() + 1
    assert 0 <= int(row[1]) < 5000
    assert row[2:] == ["127.0.0.1", "a test's", MODULE, SITE]
    used = node.rows("SELECT last_used_at IS NOT NULL FROM module_api_keys")
    assert used in ([["1"]], [["t"]])


def test_what_was_refused_is_recorded_too(node):
    def outcome(path):
        row = node.log(path)
        return row[1], row[4], row[7]

    assert node.ask(f"{API}/closed?token=topsecret", method="POST").status == 401
    assert outcome("/closed") == ("none", "401", "unauthenticated")
    assert node.ask(f"{API}/nothing", token()).status == 404
    assert outcome("/nothing") == ("jwt", "404", "path_refused")
    assert node.ask(f"{API}/open/method", method="DELETE").status == 405
    assert outcome("/open/method") == ("none", "405", "path_refused")
    assert node.ask(f"/api/modules/{OTHER_MODULE}/api/far", host="other.test").status == 502
    assert outcome("/far")[:2] == ("none", "502") and outcome("/far")[2]
    assert [node.ask(f"{API}/once", token()).status for _ in range(2)] == [200, 429]
    eventually(lambda: sorted((row[4], row[7]) for row in node.logs("/once")) == [("200", ""), ("429", "rate_limited")], 5)
    odd = node.ask(f"{API}/open/a%3Ftoken=topsecret%c3%a9%ff%01")
    assert odd.status in (200, 400)
    if odd.status == 200:
        eventually(lambda: node.rows("SELECT 1 FROM module_api_logs WHERE path LIKE '/open/a%'"), 5, "the odd path")
    assert "topsecret" not in str(node.rows("SELECT * FROM module_api_logs"))
    # No call of a module: pages, and modules that are not on the site.
    count = node.recorded()
    assert node.ask("/page").status == 200
    assert node.ask(f"/api/modules/{OTHER_MODULE}/api/far?site_id={SITE}", host="app.test").status == 404
    node.ask(f"{API}/open/last")
    node.log("/open/last")
    assert node.recorded() == count + 1


def test_a_change_of_settings_follows_a_reload(node):
    node.proxy.sections["tenants"]["record_calls"] = "counts"
    node.proxy.reload()
    before, rows = node.uses(), node.recorded()
    assert node.ask(f"{API}/open/counted", DMC).status == 200
    eventually(lambda: node.uses() == (before[0] + 1, before[1]), 5, "the counter")
    assert node.recorded() == rows
    node.proxy.sections["tenants"]["record_calls"] = Text("off")
    node.proxy.reload()
    assert node.ask(f"{API}/open/off", DMC).status == 200
    node.proxy.sections["tenants"]["record_calls"] = "all"
    node.proxy.reload()
    assert node.ask(f"{API}/open/again", DMC).status == 200
    node.log("/open/again")
    assert not node.logs("/open/off") and not node.logs("/open/counted")
    assert node.uses() == (before[0] + 2, before[1])


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_clean_stop_writes_what_waits(kind, request):
    with on_sqlite() if kind == "sqlite" else on_postgres(request.getfixturevalue("server"), "stop") as it:
        for i in range(20):
            assert it.ask(f"{API}/open/{i}", DMC).status == 200
        it.proxy.stop()
        assert it.recorded() == 20 and it.uses() == (20, 0)


def test_a_stop_asks_once_more_where_the_database_was_down(server):
    with on_postgres(server, "back") as it:
        assert it.ask(f"{API}/open/1").status == 200
        it.log("/open/1")
        server.stop()
        try:
            assert it.ask(f"{API}/open/2").status == 200
            eventually(lambda: it.metric("_write_failures_total") >= 5, 15, "a pause of seconds")
        finally:
            server.start()
        it.proxy.stop()
        assert it.logs("/open/2")


def test_a_stop_does_not_wait_for_a_database_that_hangs(server):
    with on_postgres(server, "hangs") as it:
        assert it.ask(f"{API}/open/1").status == 200
        it.log("/open/1")
        server.pause()
        try:
            assert it.ask(f"{API}/open/2").status == 200
            begun = time.monotonic()
            it.proxy.stop()
            assert time.monotonic() - begun < 6
        finally:
            server.resume()
        assert "calls of modules' APIs are lost calls=1" in it.proxy.stderr()


def flood(address, count, threads=4):
    """Pipelined calls with a key, which the gateway answers itself with 404."""
    text = (f"GET {API}/nothing HTTP/1.1\r\nHost: shop.test\r\nX-Api-Key: {DMC}\r\n\r\n").encode()

    def one(times):
        with socket.create_connection(address, timeout=30) as s:
            while times > 0:
                some = min(times, 50)
                s.sendall(text * some)
                data = b""
                while data.count(b"HTTP/1.1 404 ") < some or not data.endswith(b"}"):
                    data += s.recv(1 << 16)
                times -= some
    failures = []

    def guarded(times):
        try:
            one(times)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)
    running = [threading.Thread(target=guarded, args=(count // threads,)) for _ in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    assert not failures, failures[:3]


def test_while_the_database_is_down_nobody_waits_and_little_is_kept(server):
    with on_postgres(server, "down") as it:
        for _ in range(40):  # both workers know the key
            assert it.ask(f"{API}/open/before", DMC).status == 200
        times, sent = [], 40
        eventually(lambda: it.uses() == (sent, 0) and it.recorded() == sent, 5, "a quiet database")
        server.stop()
        try:
            begun = time.monotonic()
            while time.monotonic() - begun < 2.0:
                at = time.monotonic()
                assert it.ask(f"{API}/open/down", DMC).status == 200
                times.append(time.monotonic() - at)
                sent += 1
            flood(it.proxy.address(), 24_000)
            sent += 24_000
            eventually(lambda: it.metric("s_dropped_total", reason="full") > 0, 5, "calls that are dropped")
            assert it.metric("s_waiting") <= 8192 + 256
            assert it.metric("_write_failures_total") > 0
        finally:
            server.start()
        # Who waited for it would wait for half a second, or for the statement's bound.
        assert sorted(times)[len(times) * 9 // 10] < 0.25, "requests waited for the database"
        eventually(lambda: "calls of modules' APIs are not recorded now" in it.proxy.stderr(), 5)
        assert it.ask(f"{API}/open/after", DMC).status == 200
        sent += 1
        eventually(lambda: it.metric("s_waiting") == 0, 20, "all written")
        eventually(lambda: it.logs("/open/after"), 10, "new rows")
        eventually(lambda: it.uses() == (sent, 0), 10, f"{sent} uses, none lost with the rows")
        dropped = it.metric("s_dropped_total")
        assert it.recorded() == sent - dropped and dropped >= sent - 8192 - 2 * 33 * 128 - 256


def test_each_call_of_a_flood_is_recorded_or_counted_as_dropped(node):
    before, uses = node.recorded() + node.metric("s_dropped_total"), node.uses()
    flood(node.proxy.address(), 6000)
    eventually(lambda: node.uses()[0] == uses[0] + 6000, 15, "the uses")
    eventually(lambda: node.metric("s_waiting") == 0, 15, "the rows")
    assert node.ask(f"{API}/open/after-the-flood").status == 200
    node.log("/open/after-the-flood")
    assert node.recorded() + node.metric("s_dropped_total") == before + 6001


def test_without_the_function_calls_go_on(server):
    """A database that was not migrated for this version."""
    with on_postgres(server, "old") as it:
        it.run("DROP FUNCTION marquee.record_calls(json)")
        assert it.ask(f"{API}/open/1", DMC).status == 200
        eventually(lambda: it.metric("_write_failures_total") > 0, 5)
        eventually(lambda: "marquee db migrate" in it.proxy.stderr(), 5)
        subprocess.run([BINARY, "db", "migrate", "--url", server.url("old")], check=True, capture_output=True, timeout=60)
        it.log("/open/1")
