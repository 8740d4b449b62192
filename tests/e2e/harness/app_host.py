"""A platform's app host over tables of its own: two agencies, both with one module
installed on their site, and callers of it by token, cookie or key."""
import contextlib
import sqlite3
import subprocess

from . import directory, postgres
from .deadline import eventually
from .marquee import BINARY, Marquee
from .origin import EchoOrigin
from .settings import Listener, Upstream
from .tokens import claims, hs256
from .yaml import Text

SECRET = "a-secret-of-the-platform-0123456789"
HOST = "app.test"
MODULE = directory.row_id("module", "flour")
SITE, AGENCY = directory.row_id("site", "flour"), directory.row_id("agency", "flour")
OTHER_SITE, OTHER_AGENCY = directory.row_id("site", "other"), directory.row_id("agency", "other")
API = f"/api/modules/{MODULE}/api"
ANN = directory.row_id("user", "ann")
ROWS = (directory.tenant("flour", custom_domain="site.test") + directory.module_domain("shop.test", "flour")
        + directory.tenant("other")
        + "INSERT INTO site_module_installations (id, site_id, module_id, is_enabled) VALUES "
        f"('{directory.row_id('installation', 'other-flour')}', '{OTHER_SITE}', '{MODULE}', true);")


def route(path, method="GET", auth=False, per_minute=None):
    return ("INSERT INTO module_api_routes (module_id, path, method, requires_auth, rate_limit_per_minute) VALUES "
            f"('{MODULE}', '{path}', '{method}', {str(auth).lower()}, {per_minute or 'NULL'});")


def member(agency, user=ANN):
    return f"INSERT INTO agency_members (agency_id, user_id) VALUES ('{directory.row_id('agency', agency)}', '{user}');"


def token(**more):
    return hs256(SECRET, claims(**{"sub": ANN, **more}))


class Node:
    def __init__(self, proxy, main, crm, run):
        self.proxy, self.main, self.crm, self.run = proxy, main, crm, run

    def ask(self, target, host=HOST, method="GET", bearer=None, fields=()):
        shown = [("Authorization", f"Bearer {bearer}")] if bearer else []
        with self.proxy.plain() as client:
            return client.get(target, host, method=method, fields=[*shown, *fields])


def said(answer):
    """The fields that an echoing upstream got."""
    return {n.lower(): v for n, v in answer.json()["fields"]}


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code), answer.body


@contextlib.contextmanager
def serve(rows, tenants, rules=None, kind="sqlite", **more):
    access = {"rules": rules or [{"paths": ["/api"], "accept": ["jwt"], "optional": True}],
              "tokens": {"cookie": "access_token", "issuers": {"platform": {"secret": SECRET}}}}
    with contextlib.ExitStack() as stack:
        main, crm = stack.enter_context(EchoOrigin()), stack.enter_context(EchoOrigin())
        settings = {"upstreams": [Upstream("main", [main.endpoint]), Upstream("crm", [crm.endpoint])],
                    "listeners": [Listener("127.0.0.1:0", "http")], "access": access, "workers": 1,
                    "host_classes": {"app": {"hosts": [HOST], "upstream": "main"}},
                    "tenants": {**tenants, **({"modules": {MODULE: "crm"}} if tenants.get("module_apis") else {})},
                    **more}
        served = {"modules": {"upstream": "main"}, "sites": {"upstream": "main"}}
        if kind == "postgres":
            server = stack.enter_context(postgres.Postgres())
            owner = server.create("tenants")
            subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
            server.sql(ROWS + rows + "ALTER ROLE marquee_edge PASSWORD 'secret'", "tenants")
            settings["directory"] = {"kind": "postgres", "url": server.url("tenants", "marquee_edge"),
                                     "trust_directory_status": True, **served}
            node = Node(stack.enter_context(Marquee(**settings)), main, crm, lambda sql: server.sql(sql, "tenants"))
        else:
            settings["directory"] = {"kind": "sqlite", "poll_interval": Text("20ms"), **served}
            proxy = stack.enter_context(Marquee(**settings))
            file = proxy.folder / "state" / "directory.sqlite"

            def run(sql):
                with sqlite3.connect(file, timeout=10) as db:
                    db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
                db.close()
            node = Node(proxy, main, crm, run)
            eventually(file.exists, 10, "the directory's file")
            eventually(lambda: node.ask("/", "shop.test").status == 404, 10, "an open directory")
            run(ROWS + rows)
        eventually(lambda: node.ask("/", "shop.test").status == 200, 10, "the domain")
        yield node
