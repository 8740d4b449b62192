"""The signed snapshot file: a node that starts while its directory is down serves the
domains that it knew, and takes nothing that somebody else wrote."""
import contextlib
import sqlite3
import ssl
import subprocess

import pytest
from harness import EchoOrigin, Marquee, directory, eventually, pki
from harness.certs import PLATFORM, Lite, certs, plain, served, settings
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.settings import seconds

pytestmark = pytest.mark.heavy  # it waits more than it computes


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return pki.Authority(tmp_path_factory.mktemp("pki"), "Snapshot Test CA")


def snapshot(proxy):
    return proxy.folder / "state/domains.snapshot"


def told(proxy):
    return proxy.admin.status()["directory"]["snapshot"]


def restart(proxy, between=lambda: None):
    """A clean stop and another start on the same state."""
    proxy.stop()
    proxy.notify.close()
    between()
    begun = proxy.stderr_file.stat().st_size
    proxy.start()
    return lambda: proxy.stderr()[begun:]


def known(proxy, rows, authority, *hosts):
    """Domains with a certificate of their own, each of which was asked for."""
    for host in hosts:
        rows(directory.module_domain(host, "flour"))
        eventually(lambda host=host: plain(proxy, host) == 200, 5, host)
        pair = authority.issue(host, "www." + host)
        certs(proxy, "import", host, "--cert", pair[0], "--key", pair[1])
        assert served(proxy, authority, host)


@pytest.fixture
def lite(origin, authority):
    with Marquee(origin, directory=settings(kind="sqlite")) as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        known(proxy, rows.run, authority, "shop.test")
        rows.run(directory.module_domain("asleep.test", "flour"))
        yield proxy, rows


def away(rows):
    """The SQLite file gives way to something that is none."""
    move(rows.path, rows.path.with_suffix(".away"))
    rows.path.mkdir()


def back(rows):
    rows.path.rmdir()
    move(rows.path.with_suffix(".away"), rows.path)


def move(path, to):
    """With what of it stands in its log only."""
    path.rename(to)
    for more in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + more).rename(to.with_name(to.name + more))


def test_a_start_without_the_file_of_the_directory(lite, authority):
    proxy, rows = lite
    words = restart(proxy, lambda: away(rows))
    assert plain(proxy, "shop.test") == plain(proxy, "www.shop.test") == 200
    assert served(proxy, authority, "shop.test") and served(proxy, authority, "www.shop.test")
    assert plain(proxy, "asleep.test") == 503  # not known, which is not the same as nobody's
    with pytest.raises(ssl.SSLError, match="INTERNAL_ERROR"):
        proxy.tls_unverified("asleep.test")
    eventually(lambda: told(proxy)["in_use"], 10, "the status")
    eventually(lambda: "domains of the snapshot are served" in words(), 10, "the words")
    ready = proxy.admin.call("/readyz")
    assert ready.status == 200 and ready.body == (
        b"ready: the directory is down; domains served from the snapshot: 1\n")
    metrics = proxy.admin.metrics()
    assert metrics.sum("marquee_directory_on_snapshot") == 1
    assert metrics.sum("marquee_directory_snapshot_loaded") == 1
    assert metrics.sum("marquee_directory_snapshot_certificates_total") >= 1
    page = subprocess.run([BINARY, "status", "--socket", proxy.admin.path], capture_output=True, text=True, check=True)
    assert "ON SNAPSHOT" in page.stdout

    # Meanwhile the domain was taken away; the directory's word counts as soon as there is one.
    with sqlite3.connect(rows.path.with_suffix(".away")) as db:
        db.execute("UPDATE module_custom_domains SET status = 'disabled' WHERE domain = 'shop.test'")
    db.close()
    back(rows)
    eventually(lambda: plain(proxy, "asleep.test") == 200, 10, "a name that was not known")
    eventually(lambda: plain(proxy, "shop.test") == 503, 10, "the domain's new state")
    eventually(lambda: not told(proxy)["in_use"], 10, "the status")
    assert proxy.admin.call("/readyz").body == b"ready\n"


def test_a_start_while_the_directory_is_locked(lite, authority):
    proxy, rows = lite
    holder = []

    def lock():
        db = sqlite3.connect(rows.path, isolation_level=None)
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        holder.append(db)

    restart(proxy, lock)
    assert plain(proxy, "shop.test") == 200
    assert served(proxy, authority, "shop.test")
    holder[0].execute("ROLLBACK")
    holder[0].close()
    eventually(lambda: plain(proxy, "asleep.test") == 200, 15, "the directory")


def test_a_file_that_was_touched_is_refused_in_words(lite):
    proxy, rows = lite
    key = snapshot(proxy).with_name("domains.snapshot.key")
    restart(proxy)
    good, good_key = snapshot(proxy).read_bytes(), key.read_bytes()
    assert snapshot(proxy).stat().st_mode & 0o777 == key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in good and b"shop.test" in good
    middle = len(good) // 2
    cases = {"signature": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1:],
             "size": good[:-10],
             "version": good[:8] + b"\x09" + good[9:],
             "format": b"{}" * 50,
             "directory": None,
             "unreadable": good}
    for reason, content in cases.items():
        proxy.stop()
        proxy.notify.close()
        key.write_bytes(good_key)
        key.chmod(0o600)
        snapshot(proxy).write_bytes(content or good)
        if reason == "directory":
            proxy.sections["directory"]["path"] = str(proxy.folder / "state/another.sqlite")
            proxy.write_settings()
        elif reason == "unreadable":
            proxy.sections["directory"].pop("path")
            key.chmod(0o644)
        begun = proxy.stderr_file.stat().st_size
        proxy.start()
        words = proxy.stderr()[begun:]
        assert "snapshot of domains refused" in words and str(snapshot(proxy)) in words, words
        assert told(proxy)["refused"] == reason and told(proxy)["loaded"] == 0
        assert proxy.admin.metrics().sum("marquee_directory_snapshot_refused_total", reason=reason) == 1
        if reason != "directory":
            eventually(lambda: plain(proxy, "shop.test") == 200, 10, "the domain, by the directory")
    key.chmod(0o600)
    # Another node's file, signed with another node's key.
    proxy.stop()
    proxy.notify.close()
    key.write_bytes(b"11" * 32 + b"\n")
    snapshot(proxy).write_bytes(good)
    away(rows)
    proxy.start()
    assert told(proxy)["refused"] == "signature"
    assert plain(proxy, "shop.test") == 503
    back(rows)


def test_it_is_written_while_it_runs_and_survives_a_kill(origin, authority):
    here = settings(kind="sqlite", snapshot={"every": seconds(1)})
    with Marquee(origin, directory=here) as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        known(proxy, rows.run, authority, "shop.test")
        # Asked for in the clear only: its certificate is fetched for the file.
        rows.run(directory.module_domain("plain.test", "flour")
                 + "UPDATE module_custom_domains SET (ssl_certificate, ssl_private_key_encrypted) = (SELECT "
                 "ssl_certificate, ssl_private_key_encrypted FROM module_custom_domains WHERE domain = 'shop.test')"
                 " WHERE domain = 'plain.test';")
        eventually(lambda: plain(proxy, "plain.test") == 200, 5, "the domain")
        eventually(lambda: told(proxy)["certificates"] == 2, 15, "both certificates in the file")
        assert told(proxy)["domains"] >= 2 and told(proxy)["written"]
        proxy.kill()
        proxy.notify.close()
        away(rows)
        proxy.start()
        assert plain(proxy, "shop.test") == plain(proxy, "plain.test") == 200
        assert served(proxy, authority, "shop.test")
        # What is written while it is down is what was known, as old as it is.
        restart(proxy)
        assert served(proxy, authority, "shop.test")
        back(rows)


def test_what_is_too_old_is_not_served(origin, authority):
    here = settings(kind="sqlite", cache={"ttl": seconds(0.2), "max_stale": seconds(1)})
    with Marquee(origin, directory=here) as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        known(proxy, rows.run, authority, "shop.test")
        restart(proxy, lambda: away(rows))
        eventually(lambda: plain(proxy, "shop.test") == 503, 10, "an answer that is too old")
        back(rows)


def test_switched_off_it_leaves_no_trace(origin, authority):
    with Marquee(origin, directory=settings(kind="sqlite", snapshot={"enabled": False})) as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        known(proxy, rows.run, authority, "shop.test")
        restart(proxy)
        assert not list((proxy.folder / "state").glob("domains.snapshot*"))
        assert told(proxy) is None


def test_certificates_in_use_are_loaded_ahead_after_a_restart(lite, authority):
    proxy, rows = lite
    known(proxy, rows.run, authority, *(f"warm{i}.test" for i in range(5)))
    restart(proxy)
    eventually(lambda: proxy.admin.metrics().sum("marquee_certificates_loaded") >= 6, 10, "six certificates")
    eventually(lambda: "certificates loaded ahead of need" in proxy.stderr(), 5, "the words")
    assert proxy.admin.metrics().sum("marquee_certificates_warmed_total", result="loaded") >= 6
    assert served(proxy, authority, "warm3.test")
    proxy.sections["directory"]["snapshot"] = {"warm_up": 0}
    restart(proxy)
    assert proxy.admin.metrics().sum("marquee_certificates_warmed_total") == 0


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_a_start_without_postgresql(origin, authority):
    with Postgres() as server:
        owner = server.create("platform")
        server.sql(PLATFORM, "platform")
        server.sql(directory.tenant("flour"), "platform")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "platform")
        here = settings(kind="postgres", url=server.url("platform", "marquee_edge"), trust_directory_status=True,
                        timeout=seconds(0.5))
        with Marquee(origin, directory=here) as proxy:
            eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
            known(proxy, lambda sql: server.sql(sql, "platform"), authority, "shop.test", "rye.test")
            words = restart(proxy, lambda: server.stop("immediate"))
            for host in ("shop.test", "www.shop.test", "rye.test"):
                assert plain(proxy, host) == 200
                assert served(proxy, authority, host)
            assert plain(proxy, "unknown.test") == 503
            eventually(lambda: "domains of the snapshot are served" in words(), 10, "the words")
            for _ in range(20):
                assert plain(proxy, "shop.test") == 200
            server.start()
            server.sql("UPDATE module_custom_domains SET status = 'disabled' WHERE domain = 'rye.test'", "platform")
            eventually(lambda: plain(proxy, "unknown.test") == 404, 30, "the directory")
            eventually(lambda: plain(proxy, "rye.test") == 503, 5, "the domain's new state")
            assert plain(proxy, "shop.test") == 200
            eventually(lambda: "is reached" in words(), 5, "the words")
            eventually(lambda: not told(proxy)["in_use"], 5, "the status")
