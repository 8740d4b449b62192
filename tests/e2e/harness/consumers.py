"""A module with one client of its API mode (a `dk_` key), in SQLite or PostgreSQL."""
import contextlib
import sqlite3
import subprocess
import time

import pytest

from . import directory
from .deadline import eventually
from .marquee import BINARY, Marquee
from .origin import EchoOrigin
from .postgres import Postgres, binaries
from .settings import Listener, Upstream
from .yaml import Text

SITE, MODULE = directory.row_id("site", "flour"), directory.row_id("module", "flour")
OTHER, OTHER_MODULE = directory.row_id("site", "other"), directory.row_id("module", "other")
API = f"/api/modules/{MODULE}/api"
KEY = "dk_AbCdEfGhIjKlMnOpQrStUv+/XyZ01234"
DMC = "dmc_live_" + "0" * 64
DMC_HASH = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2"
ACCESS = {"rules": [{"paths": ["/api"], "accept": ["consumer", "api_key"]}], "ttl": Text("60s")}


class Node:
    """`run` changes rows; `ask` asks with the consumer's key."""

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

    def fresh(self):
        """One consumer, as rows begin: scope `read`, every endpoint."""
        self.run("DELETE FROM module_api_consumers; INSERT INTO module_api_consumers (site_module_installation_id, "
                 f"name, api_key) VALUES ('{directory.row_id('installation', 'flour')}', 'c', '{KEY}');")
        eventually(lambda: self.status() == 200, 10, "the consumer")


ROWS = (directory.tenant("flour") + directory.module_domain("shop.test", "flour")
        + directory.tenant("other") + directory.module_domain("other.test", "other")
        + "INSERT INTO module_api_keys (module_id, site_id, agency_id, key_prefix, key_hash) VALUES "
        f"('{MODULE}', '{SITE}', '{directory.row_id('agency', 'flour')}', 'dmc_live_000', '{DMC_HASH}');")


def settings(origin, kind):
    return {"upstreams": [Upstream("main", [origin.endpoint])], "listeners": [Listener("127.0.0.1:0", "http")],
            "directory": {**kind, "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            "host_classes": {"app": {"hosts": ["app.test"], "upstream": "main"}}, "access": ACCESS,
            "tenants": {"module_apis": True, "modules": {MODULE: "main"}}, "workers": 1}


@contextlib.contextmanager
def running(kind):
    """A Node on "sqlite" or "postgres"."""
    if kind == "sqlite":
        with EchoOrigin() as origin, Marquee(**settings(origin, {"kind": "sqlite", "poll_interval": Text("20ms")})) as proxy:
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
    with Postgres() as server, EchoOrigin() as origin:
        owner = server.create("consumers")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql(ROWS + "ALTER ROLE marquee_edge PASSWORD 'secret'", "consumers")
        url = server.url("consumers", "marquee_edge")
        with Marquee(**settings(origin, {"kind": "postgres", "url": url, "trust_directory_status": True})) as proxy:
            yield Node(proxy, origin, lambda sql: server.sql(sql, "consumers"), True)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def node(request):
    """For the tests that import it; each begins with the rows as they were (`fresh`)."""
    if request.param == "postgres" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with running(request.param) as it:
        yield it


@pytest.fixture(autouse=True)
def fresh(node):
    node.fresh()


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code)


def within_a_second(check):
    begun = time.monotonic()
    eventually(check, 5)
    assert time.monotonic() - begun < 1.5
