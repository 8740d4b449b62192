"""Domains of a directory (SQLite): live while the process runs, by name, by
handshake, and for as long as they are known when the directory is not there."""
import sqlite3
import ssl
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually

SETTINGS = {"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"},
            "sites": {"upstream": "main"}}


class Directory:
    """Rows written as another process would; ids are those of a Domain. The file is made by Marquee, which does not wait for it at its start."""

    def __init__(self, proxy):
        file = proxy.folder / "state/directory.sqlite"
        eventually(file.exists)
        self.database = sqlite3.connect(file, timeout=10, isolation_level=None)
        # All steps are one migration; what the last of them makes is there last.
        eventually(lambda: self.run("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
                                    " AND tbl_name = 'domain_redirects'").fetchone()[0] > 0)
        self.database.execute("PRAGMA foreign_keys = ON")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.database.close()

    def run(self, statement, *values):
        return self.database.execute(statement, values)

    def put(self, table, **row):
        marks = ", ".join("?" * len(row))
        self.run(f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def tenant(self, domain):
        """Agency, client, site and installation of a Domain."""
        self.put("agencies", id=domain.agency)
        self.put("clients", id=domain.client, agency_id=domain.agency)
        self.put("sites", id=domain.site, client_id=domain.client, agency_id=domain.agency, published=1)
        self.put("site_module_installations", id=domain.installation, site_id=domain.site,
                 module_id=domain.module)

    def add(self, host, agency_name="", status="active", config='{"redirect_to_https": false}'):
        """An active module domain. One transaction, as from an API."""
        domain = Domain(host, agency_name=agency_name)
        self.run("BEGIN IMMEDIATE")
        self.tenant(domain)
        self.put("module_custom_domains", id=domain.domain_id, domain=host, status=status,
                 site_module_installation_id=domain.installation, config=config)
        self.run("COMMIT")
        return domain

    def move(self, host, to):
        """Gives the domain to the tenant of another Domain."""
        self.run("BEGIN IMMEDIATE")
        self.tenant(to)
        self.run("UPDATE module_custom_domains SET site_module_installation_id = ? WHERE domain = ?",
                 to.installation, host)
        self.run("COMMIT")


@pytest.fixture
def running():
    with EchoOrigin() as origin, Marquee(origin, directory=SETTINGS) as proxy, Directory(proxy) as rows:
        yield proxy, rows


def status(proxy, host, target="/", **more):
    with proxy.plain() as client:
        return client.get(target, host, **more).status


def agency(proxy, host):
    with proxy.plain() as client:
        answer = client.get("/", host)
    if answer.status != 200:
        return answer.status
    return {n.lower(): v for n, v in answer.json()["fields"]}["x-tenant-agency-id"]


def within_a_second(check):
    begun = time.monotonic()
    eventually(check, within=5.0)
    assert time.monotonic() - begun < 1.0


def test_domains_of_the_settings_and_of_the_directory(running):
    proxy, rows = running
    domain = rows.add("shop.test")
    within_a_second(lambda: status(proxy, "shop.test") == 200)
    assert status(proxy, "bakery.test") == 200
    with proxy.plain() as client:
        sent = {n.lower(): v for n, v in client.get("/x?y=1", "www.shop.test").json()["fields"]}
    for name, value in domain.tenant_fields().items():
        if name != "x-custom-domain":
            assert sent[name] == value, name


def test_a_domain_added_after_it_was_asked_for_answers_within_a_second(running):
    proxy, rows = running
    assert status(proxy, "new.test") == 404
    rows.add("new.test")
    within_a_second(lambda: status(proxy, "new.test") == 200)
    with proxy.tls("new.test") as client:
        assert client.get("/", "new.test").status == 200


def test_handshakes_of_unknown_names_are_refused_and_of_new_ones_wait(running):
    proxy, rows = running
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        proxy.tls("who.test")
    rows.add("late.test")
    within_a_second(lambda: status(proxy, "late.test") == 200)
    for name in ("late.test", "www.late.test"):
        with proxy.tls(name) as client:
            assert client.get("/", name).status == 200


def test_a_domain_that_moves_changes_its_tenant_within_a_second(running):
    proxy, rows = running
    old = rows.add("move.test", agency_name="one")
    within_a_second(lambda: agency(proxy, "move.test") == old.agency)
    new = Domain("elsewhere.test", agency_name="two")
    with proxy.tls("move.test") as client:
        assert client.get("/", "move.test").status == 200
        rows.move("move.test", new)
        within_a_second(lambda: agency(proxy, "move.test") == new.agency)
        # The old tenant's connection: answered, then closed.
        answer = client.get("/", "move.test")
        assert {n.lower(): v for n, v in answer.json()["fields"]}["x-tenant-agency-id"] == new.agency
        assert answer.field("connection") == "close"


def test_pages_of_states(running):
    proxy, rows = running
    domain = rows.add("state.test")
    within_a_second(lambda: status(proxy, "state.test") == 200)
    for change, back, expected, cause in (
            ("UPDATE agencies SET status = 'suspended'", "UPDATE agencies SET status = 'active'", 503,
             "agency_suspended"),
            ("UPDATE site_module_installations SET is_enabled = 0",
             "UPDATE site_module_installations SET is_enabled = 1", 503, "installation_disabled"),
            ("UPDATE sites SET published = 0", "UPDATE sites SET published = 1", 404, "site_unpublished")):
        rows.run(change)
        within_a_second(lambda: status(proxy, "state.test") == expected)
        proxy.access.wait(lambda r: r.value("refusal") == cause)
        rows.run(back)
        within_a_second(lambda: status(proxy, "state.test") == 200)
    rows.run("DELETE FROM module_custom_domains WHERE id = ?", domain.domain_id)
    within_a_second(lambda: status(proxy, "state.test") == 404)


def test_redirect_rows(running):
    proxy, rows = running
    domain = rows.add("target.test")
    rows.put("domain_redirects", id="r1", site_id=domain.site, from_domain="old.test", to_domain="older.test")
    rows.put("domain_redirects", id="r2", site_id=domain.site, from_domain="older.test", to_domain="target.test")
    rows.put("domain_redirects", id="r3", site_id=domain.site, from_domain="loop.test", to_domain="loop2.test")
    rows.put("domain_redirects", id="r4", site_id=domain.site, from_domain="loop2.test", to_domain="loop.test")
    within_a_second(lambda: status(proxy, "old.test") == 301)
    with proxy.plain() as client:
        answer = client.get("/a?b=c", "old.test")
        assert answer.field("location").startswith("https://target.test:")
        assert answer.field("location").endswith("/a?b=c")
    assert status(proxy, "loop.test") == 404


def test_known_domains_go_on_without_the_directory(running):
    proxy, rows = running
    assert status(proxy, "last.test") == 404
    rows.add("known.test")
    rows.add("asleep.test")  # there, and never asked for
    rows.add("last.test")
    # All three were announced: nothing that is known now is void later.
    within_a_second(lambda: status(proxy, "last.test") == 200)
    assert status(proxy, "known.test") == 200
    rows.run("ALTER TABLE module_custom_domains RENAME TO module_custom_domains_gone")
    with proxy.plain() as client:
        answer = client.get("/", "asleep.test")
    assert answer.status == 503 and answer.field("retry-after")
    with pytest.raises(ssl.SSLError, match="INTERNAL_ERROR"):
        proxy.tls("asleep.test")
    proxy.access.wait(lambda r: r.value("refusal") == "directory_unavailable")
    assert status(proxy, "known.test") == 200
    with proxy.tls("known.test") as client:
        assert client.get("/", "known.test").status == 200
    rows.run("ALTER TABLE module_custom_domains_gone RENAME TO module_custom_domains")
    eventually(lambda: status(proxy, "asleep.test") == 200)


def test_a_reload_leads_the_directorys_domains_elsewhere():
    with EchoOrigin() as one, EchoOrigin() as two, \
            Marquee(upstreams=[Upstream("main", [one.endpoint]), Upstream("other", [two.endpoint])],
                    directory=SETTINGS) as proxy, Directory(proxy) as rows:
        rows.add("new.test")
        with proxy.plain() as client:
            eventually(lambda: client.get("/1", "new.test").status == 200, 5)
            proxy.sections["directory"] = {**SETTINGS, "modules": {"upstream": "other", "path": "{path}"}}
            before = len(two.requests)
            proxy.reload()
            assert client.get("/2", "new.test").status == 200
            assert len(two.requests) == before + 1, "the domain still leads to the old upstream"
            # Not even the pool's loss takes domains down: such settings are refused.
            del proxy.sections["directory"]
            proxy.upstreams = proxy.upstreams[:1]
            proxy.write_settings()
            answer = proxy.admin.call("/v1/reload", "POST", b"")
            assert answer.json()["ok"] is False and '"other"' in str(answer.json()["problems"]), answer.body
            assert client.get("/3", "new.test").status == 200
