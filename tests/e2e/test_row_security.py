"""How an upstream makes a database session of the verified context: row-level
security on a real PostgreSQL shows it the rows of its own site and nothing else
(docs/upstreams-database.md)."""
import base64
import hashlib
import hmac
import json
import subprocess
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.tokens import claims, hs256

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
SECRET = "the-secret-of-context-and-upstream-0123456789"
LOGIN = "a-secret-of-the-platform-0123456789"
ANN = directory.row_id("user", "ann")
FLOUR, HEALTH = directory.row_id("site", "flour"), directory.row_id("site", "health")

# What a module does with its own tables, once.
TABLES = f"""
CREATE ROLE module_app LOGIN PASSWORD 'secret';
CREATE TABLE contacts (id int PRIMARY KEY, site_id uuid NOT NULL, name text NOT NULL);
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_site ON contacts USING (site_id = current_site_id()) WITH CHECK (site_id = current_site_id());
GRANT SELECT, INSERT ON contacts TO module_app;
INSERT INTO contacts VALUES (1, '{FLOUR}', 'Ann of flour'), (2, '{HEALTH}', 'Bob of health');
INSERT INTO agency_members (agency_id, user_id, role) VALUES ('{directory.row_id('agency', 'flour')}', '{ANN}', 'admin');
"""


def unsigned(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(token):
    """The claims of a context that this upstream believes, or None."""
    head, body, mac = token.split(".")
    good = hmac.new(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    said = json.loads(unsigned(body))
    if json.loads(unsigned(head))["alg"] != "HS256" or not hmac.compare_digest(good, unsigned(mac)):
        return None
    return said if said["iss"] == "marquee" and said["exp"] > time.time() else None


def respond(connection, status, body):
    connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def session(said, statement):
    """One transaction for one request; nothing of it is left for the next."""
    def value(name):
        return f"'{said[name]}'" if said.get(name) else "NULL"
    return ("BEGIN; SELECT set_tenant_context(" + ", ".join(value(n) for n in ("agency", "site", "user")) + ");"
            f" {statement}; COMMIT;")


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        owner = it.create("tenants")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        it.sql(directory.tenant("flour") + directory.module_domain("flour.test", "flour")
               + directory.tenant("health") + directory.module_domain("health.test", "health") + TABLES, "tenants")
        it.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "tenants")
        yield it


class Example:
    """The example upstream: verifies, opens a session, answers with what it sees."""

    def __init__(self, server):
        self.server, self.statement = server, "SELECT name FROM contacts ORDER BY id"

    def __call__(self, connection):
        token = connection.request.field("x-tenant-context")
        said = verified(token) if token else None
        if said is None:
            return respond(connection, 403, b"no context")
        done = self.server.sql(session(said, self.statement), "tenants", user="module_app", check=False)
        respond(connection, 200, (done.stdout.strip() or done.stderr).encode())


@pytest.fixture(scope="module")
def node(server):
    upstream = Example(server)
    with EchoOrigin() as origin, origin.answering(upstream), Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "http")],
            directory={"kind": "postgres", "url": server.url("tenants", "marquee_edge"), "trust_directory_status": True,
                       "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}},
            access={"rules": [{"paths": ["/api"], "accept": ["jwt"], "optional": True}],
                    "tokens": {"issuers": {"platform": {"secret": LOGIN}}}},
            context={"algorithm": "HS256", "secret": SECRET},
            tenants={"membership": True}) as proxy:
        eventually(lambda: ask(proxy, "flour.test").status == 200, 10, "a domain of the database")
        yield proxy, upstream


def ask(proxy, host, target="/", user=None, fields=()):
    fields = list(fields)
    if user:
        fields.append(("Authorization", "Bearer " + hs256(LOGIN, claims(sub=user))))
    with proxy.plain() as client:
        return client.get(target, host, fields=fields)


def rows(answer):
    assert answer.status == 200, answer
    return answer.body.decode().split("\n")[-1]


def test_each_domain_sees_its_own_site_s_rows(node):
    proxy, _ = node
    assert rows(ask(proxy, "flour.test")) == "Ann of flour"
    assert rows(ask(proxy, "health.test")) == "Bob of health"
    # Forged fields and a forged context change nothing.
    forged = hs256(SECRET + "x", {"iss": "marquee", "site": HEALTH, "exp": time.time() + 60})
    assert rows(ask(proxy, "flour.test", fields=[("X-Site-Id", HEALTH), ("X-Tenant-Site-Id", HEALTH),
                                                 ("X-Tenant-Context", forged)])) == "Ann of flour"


def test_a_member_sees_the_site_that_is_theirs(node):
    proxy, _ = node
    assert rows(ask(proxy, "app.test", f"/api/contacts?site_id={FLOUR}", ANN)) == "Ann of flour"
    assert ask(proxy, "app.test", f"/api/contacts?site_id={HEALTH}", ANN).status == 403


def test_no_row_can_be_written_for_another_site(node):
    proxy, upstream = node
    upstream.statement = f"INSERT INTO contacts VALUES (3, '{HEALTH}', 'smuggled')"
    try:
        assert "row-level security" in ask(proxy, "flour.test").body.decode()
    finally:
        upstream.statement = "SELECT name FROM contacts ORDER BY id"


def test_the_functions_know_who_asks(node):
    proxy, upstream = node
    upstream.statement = ("SELECT current_agency_id(), current_site_id(), current_user_id(),"
                          f" user_has_site_access('{FLOUR}'), user_has_site_access('{HEALTH}'),"
                          f" is_agency_admin(current_agency_id()), is_agency_admin('{directory.row_id('agency', 'health')}')")
    try:
        said = rows(ask(proxy, "app.test", f"/api/x?site_id={FLOUR}", ANN))
    finally:
        upstream.statement = "SELECT name FROM contacts ORDER BY id"
    assert said == "|".join([directory.row_id("agency", "flour"), FLOUR, ANN, "t", "f", "t", "f"])


def test_a_session_that_said_nothing_sees_nothing(server):
    assert server.sql("SELECT count(*) FROM contacts", "tenants", user="module_app") == "0"
    # What one transaction said is gone in the next one of the same connection.
    assert server.sql(session({"site": FLOUR}, "SELECT count(*) FROM contacts") + "SELECT count(*) FROM contacts",
                      "tenants", user="module_app").split() == ["1", "0"]


def test_membership_changes_come_by_notification(node, server):
    proxy, _ = node
    bob = directory.row_id("user", "bob")
    assert ask(proxy, "app.test", "/api/x", bob).status == 403
    server.sql("INSERT INTO agency_members (agency_id, user_id, role) VALUES"
               f" ('{directory.row_id('agency', 'health')}', '{bob}', 'member')", "tenants")
    eventually(lambda: ask(proxy, "app.test", "/api/x", bob).status == 200, 1.5, "the membership")
    server.sql(f"DELETE FROM agency_members WHERE user_id = '{bob}'", "tenants")
    eventually(lambda: ask(proxy, "app.test", "/api/x", bob).status == 403, 1.5, "the membership gone")
