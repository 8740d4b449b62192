"""The platform's tenant rules on its own app host (EM-40): who asks, of which
agency they are members, whose site they name."""
import sqlite3

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.tokens import claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
USER, OTHER = directory.row_id("user", "ann"), directory.row_id("user", "bob")
SITE, FOREIGN = directory.row_id("site", "flour"), directory.row_id("site", "health")


def member(user, agency, role="member"):
    return (f"INSERT INTO agency_members (id, agency_id, user_id, role) VALUES"
            f" ('{directory.row_id('member', user + agency)}', '{directory.row_id('agency', agency)}', '{user}', '{role}');")


class Node:
    def __init__(self, proxy, origin):
        self.proxy, self.origin = proxy, origin
        self.file = proxy.folder / "state" / "directory.sqlite"

    def run(self, sql):
        with sqlite3.connect(self.file, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()

    def ask(self, target="/api/sites", user=USER, fields=(), **more):
        fields = list(fields)
        if user:
            fields.append(("Authorization", "Bearer " + hs256(SECRET, claims(sub=user))))
        with self.proxy.tls("app.test") as client:
            return client.get(target, "app.test", fields=fields, **more)


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https")],
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}},
            access={"rules": [{"paths": ["/api"], "accept": ["jwt"], "optional": True}],
                    "tokens": {"issuers": {"platform": {"secret": SECRET}}}},
            tenants={"membership": True}) as proxy:
        it = Node(proxy, origin)
        eventually(it.file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/").status == 200, 10, "an answer")
        eventually(lambda: it.ask().status in (403, 200), 10, "an open directory")
        it.run(directory.tenant("flour") + directory.tenant("health") + member(USER, "flour", "admin"))
        eventually(lambda: it.ask().status == 200, 2, "the membership")
        yield it


def refused(answer, status, code):
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert answer.field("content-type") == "application/json" and answer.field("cache-control") == "no-store"


def told(answer):
    assert answer.status == 200, answer
    return {n.lower(): v for n, v in answer.json()["fields"]}


def test_nobody_is_refused_and_public_paths_are_not(node):
    refused(node.ask(user=None), 401, "AUTH_REQUIRED")
    for target in ("/api/auth/login", "/api/public/x", "/api/webhook", "/", "/apiary"):
        assert node.ask(target, user=None).status == 200
    for target in ("/api/auth/../sites", "//api/sites", "/%61pi/sites", "/API/sites"):
        assert node.ask(target, user=None).status in (400, 401)


def test_the_upstream_is_told_who_asks(node):
    fields = told(node.ask(fields=[("X-Site-Id", SITE), ("X-Tenant-Agency-Id", "forged"), ("X-Tenant-Role", "owner")]))
    assert fields["x-tenant-user-id"] == USER
    assert fields["x-tenant-agency-id"] == directory.row_id("agency", "flour")
    assert fields["x-tenant-role"] == "admin"
    assert fields["x-tenant-site-id"] == fields["x-site-id"] == SITE


@pytest.mark.parametrize("target,fields", [
    ("/api/x", [("X-Site-Id", FOREIGN)]), ("/api/x", [("X_Site_Id", FOREIGN)]),
    (f"/api/x?site_id={FOREIGN}", []), ("/api/x", [("Cookie", f"a=b; current_site_id={FOREIGN}")])])
def test_another_agency_s_site_is_denied(node, target, fields):
    before = node.origin.mark()
    refused(node.ask(target, fields=fields), 403, "SITE_ACCESS_DENIED")
    assert node.origin.mark() == before


def test_a_site_that_is_not_there(node):
    refused(node.ask("/api/x?site_id=nobody"), 404, "SITE_NOT_FOUND")
    refused(node.ask("/api/x", fields=[("X-Site-Id", SITE), ("X-Site-Id", FOREIGN)]), 400, "SITE_AMBIGUOUS")


def test_field_and_query_agree_and_outrank_the_cookie(node):
    cookie = ("Cookie", f"current_site_id={FOREIGN}")
    assert told(node.ask(f"/api/x?site_id={SITE}", fields=[cookie]))["x-site-id"] == SITE
    assert told(node.ask("/api/x", fields=[("X-Site-Id", SITE), cookie]))["x-site-id"] == SITE
    refused(node.ask(f"/api/x?site_id={FOREIGN}", fields=[("X-Site-Id", SITE)]), 400, "SITE_AMBIGUOUS")


def test_changes_are_in_force_within_a_second(node):
    refused(node.ask(user=OTHER), 403, "NO_AGENCY")
    node.run(member(OTHER, "health"))
    eventually(lambda: node.ask(user=OTHER).status == 200, 1.5, "the new membership")
    node.run(f"DELETE FROM agency_members WHERE user_id = '{OTHER}';")
    eventually(lambda: node.ask(user=OTHER).status == 403, 1.5, "the membership gone")
    node.run(f"UPDATE agencies SET status = 'suspended' WHERE id = '{directory.row_id('agency', 'flour')}';")
    eventually(lambda: node.ask().status == 403, 1.5, "the suspended agency")
    node.run(f"UPDATE agencies SET status = 'active' WHERE id = '{directory.row_id('agency', 'flour')}';")
    eventually(lambda: node.ask().status == 200, 1.5, "the agency back")
