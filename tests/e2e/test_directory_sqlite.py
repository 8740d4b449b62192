"""Domains from an SQLite directory: data, live at once, never a reload."""
import sqlite3
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually


class Store:
    """Another process's hand on the file."""

    def __init__(self, proxy):
        self.path = proxy.folder / "state" / "directory.sqlite"

    def run(self, sql):
        with sqlite3.connect(self.path, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "http")],
            directory={"kind": "sqlite", "modules": {"upstream": "main"},
                       "sites": {"upstream": "main"}}) as proxy:
        store = Store(proxy)
        eventually(store.path.exists, 10, "the directory's file")
        eventually(lambda: answer(proxy, "nobody.test").status == 404, 10, "an open directory")
        yield proxy, store


def answer(proxy, host, target="/"):
    with proxy.plain() as client:
        return client.get(target, host)


def status_within_a_second(proxy, host, status):
    begun = time.monotonic()
    eventually(lambda: answer(proxy, host).status == status, 5, f"{status} from {host}")
    took = time.monotonic() - begun
    assert took < 1.0, f"{host} took {took:.3f} s to answer {status}"


def test_a_domain_added_by_another_process_answers_within_a_second(node):
    proxy, store = node
    assert answer(proxy, "new.test").status == 404
    store.run(directory.tenant("flour") + directory.module_domain("new.test", "flour"))
    status_within_a_second(proxy, "new.test", 200)
    echo = answer(proxy, "www.new.test", "/menu?x=1").json()
    fields = dict(echo["fields"])
    assert echo["target"] == f"/module-render/{directory.row_id('installation', 'flour')}/menu?x=1"
    assert fields["x-tenant-agency-id"] == directory.row_id("agency", "flour")
    assert fields["x-domain-id"] == directory.row_id("domain", "new.test")

    store.run("UPDATE module_custom_domains SET status = 'disabled' WHERE domain = 'new.test';")
    status_within_a_second(proxy, "new.test", 503)
    store.run("DELETE FROM module_custom_domains WHERE domain = 'new.test';")
    status_within_a_second(proxy, "new.test", 404)


def test_a_site_domain_and_what_is_not_served(node):
    proxy, store = node
    store.run(directory.tenant("rye", custom_domain="rye.test")
              + directory.tenant("oat", custom_domain="oat.test", verified=False)
              + directory.tenant("late", status="suspended", custom_domain="late.test")
              + directory.tenant("draft", published=False, custom_domain="draft.test"))
    status_within_a_second(proxy, "rye.test", 200)
    assert answer(proxy, "rye.test", "/a").json()["target"] == "/site/rye.test/a"
    assert answer(proxy, "oat.test").status == 404
    assert answer(proxy, "late.test").status not in (200, 404)
    assert answer(proxy, "draft.test").status not in (200, 301)
    store.run(f"UPDATE agencies SET status = 'active' WHERE id = '{directory.row_id('agency', 'late')}';")
    status_within_a_second(proxy, "late.test", 200)


def test_redirects_of_the_directory(node):
    proxy, store = node
    store.run(directory.tenant("barley", custom_domain="barley.test")
              + directory.redirect("old.test", "older.test", "barley")
              + directory.redirect("older.test", "barley.test", "barley"))
    status_within_a_second(proxy, "barley.test", 200)
    eventually(lambda: answer(proxy, "old.test").status == 301, 5, "the redirect")
    location = answer(proxy, "old.test", "/a?b=c").field("location")
    assert "//barley.test" in location and location.endswith("/a?b=c"), location


def test_a_poisoned_row_is_its_own_domain_s(node):
    proxy, store = node
    store.run(directory.tenant("spelt") + directory.module_domain("fine.test", "spelt")
              + directory.module_domain("bad.test", "spelt", config='{"redirect_to_https": 7, "x'))
    status_within_a_second(proxy, "fine.test", 200)
    assert answer(proxy, "bad.test").status == 200  # with the defaults
    eventually(lambda: "bad.test" in proxy.stderr(), 5, "the words")
    assert proxy.admin.metrics().sum("marquee_directory_faulty_rows_total") >= 1
