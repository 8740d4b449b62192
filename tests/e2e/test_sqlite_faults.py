"""What happens to the SQLite file is not felt by known domains: a writer that
holds it, a disk that is full, a file that is cut short under a running node."""
import contextlib
import os
import shutil
import sqlite3
import subprocess

import pytest
from harness import FULL, Listener, Marquee, Upstream, directory, eventually
from harness.demo import DemoOrigin
from harness.known_load import KnownLoad, answer, live, status
from harness.marquee import BINARY
from harness.settings import seconds

KNOWN = [f"known-{i}.test" for i in range(20)]
# Seconds, as in test_postgres_faults.py.
TIMEOUT = 0.5
P99 = 0.1 if FULL else 0.8 * TIMEOUT


def rows(path, sql):
    """As another process writes: one transaction."""
    with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as db:
        db.executescript("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE;" + sql + "COMMIT;")


@pytest.fixture
def folder(tmp_path):
    """The directory's folder; the file is made by `db migrate`."""
    subprocess.run([BINARY, "db", "migrate", "--url", f"sqlite:{tmp_path / 'directory.sqlite'}"], check=True,
                   capture_output=True, timeout=60)
    rows(tmp_path / "directory.sqlite", directory.tenant("flour")
         + "".join(directory.module_domain(h, "flour") for h in KNOWN + ["asleep.test"]))
    return tmp_path


@contextlib.contextmanager
def node(path, warm=True):
    with DemoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")],
            directory={"kind": "sqlite", "path": str(path), "timeout": seconds(TIMEOUT), "poll_interval": seconds(0.05),
                       "modules": {"upstream": "main"},
                       "cache": {"ttl": seconds(0.2), "negative_ttl": seconds(0.2)}}) as proxy:
        if warm:
            eventually(lambda: live(proxy), 10, "a live feed")
        for host in KNOWN if warm else ():
            assert status(proxy, host) == 200
            with proxy.tls(host) as client:
                assert client.get("/", host).status == 200
        yield proxy


def asked_anew(proxy, what, more):
    """Until the counter has grown by so much, while the load runs."""
    before = proxy.admin.metrics().sum(what)
    eventually(lambda: proxy.admin.metrics().sum(what) >= before + more, 20, f"{what} to grow")


def unharmed(proxy, load):
    print(load)
    assert not load.failed, load.failed[:5]
    if not proxy.sanitized():
        assert load.p99 <= P99, str(load)


def test_a_writer_that_holds_the_file_stops_nobody(folder):
    """WAL: who reads does not wait for who writes, however long."""
    path = folder / "directory.sqlite"
    with node(path) as proxy, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        with KnownLoad(proxy, KNOWN) as load:
            writer.execute("BEGIN EXCLUSIVE")
            writer.execute("UPDATE module_custom_domains SET status = 'disabled'")
            assert status(proxy, "asleep.test") == 200
            assert status(proxy, "nobody.test") == 404
            asked_anew(proxy, "marquee_directory_lookups_total", len(KNOWN))
            assert live(proxy)
            writer.execute("ROLLBACK")
            rows(path, directory.module_domain("new.test", "flour"))
            eventually(lambda: status(proxy, "new.test") == 200, 2, "the new domain")
        unharmed(proxy, load)


def test_a_file_that_nobody_else_may_open(folder):
    """Held by a process in exclusive mode before the node started: down, and said
    so; the settings' own domains are served; then as if nothing had been."""
    path = folder / "directory.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE agencies SET name = 'x'")
        with node(path, warm=False) as proxy:
            for host in (KNOWN[0], "nobody.test"):
                refused = answer(proxy, host)
                assert refused.status == 503 and refused.field("retry-after"), refused
            assert status(proxy, "bakery.test") == 200
            eventually(lambda: "locked" in proxy.stderr(), 5, "the words")
            holder.close()
            eventually(lambda: status(proxy, KNOWN[0]) == 200, 5, "a domain of the directory")
            eventually(lambda: status(proxy, "nobody.test") == 404, 5, "404")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB, filled and emptied at will."""
    mount = tmp_path / "disk"
    mount.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", mount],
                                          capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield mount
    subprocess.run(["umount", "-l", mount], check=True)


def fill(folder):
    with open(folder / "ballast", "ab", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b"x" * 4096):
            pass


def test_a_disk_that_is_full(small_disk, folder):
    path = small_disk / "directory.sqlite"
    shutil.copy(folder / "directory.sqlite", path)
    with node(path) as proxy:
        with KnownLoad(proxy, KNOWN) as load:
            fill(small_disk)
            with pytest.raises(sqlite3.OperationalError, match="full|disk I/O"):
                for i in range(1000):
                    lost = f"lost-{i}.test"
                    rows(path, directory.module_domain(lost, "flour"))
            asked_anew(proxy, "marquee_directory_lookups_total", len(KNOWN))
            assert status(proxy, "asleep.test") == 200
            assert status(proxy, "nobody.test") == 404
            (small_disk / "ballast").unlink()
            rows(path, directory.module_domain("new.test", "flour"))
            eventually(lambda: status(proxy, "new.test") == 200, 5, "the new domain")
            assert status(proxy, lost) == 404  # what failed did not come true
        unharmed(proxy, load)


def test_a_directory_that_cannot_be_made_for_want_of_room(small_disk):
    """`db migrate` says so and leaves nothing half done; a node goes on trying."""
    path = small_disk / "directory.sqlite"
    fill(small_disk)
    done = subprocess.run([BINARY, "db", "migrate", "--url", f"sqlite:{path}"], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode != 0 and str(path) in done.stderr, done
    with node(path, warm=False) as proxy:
        assert status(proxy, "shop.test") == 503
        assert status(proxy, "bakery.test") == 200
        eventually(lambda: str(path) in proxy.stderr(), 5, "the words")
        (small_disk / "ballast").unlink()
        eventually(lambda: live(proxy), 10, "a live feed")
        rows(path, directory.tenant("flour") + directory.module_domain("shop.test", "flour"))
        eventually(lambda: status(proxy, "shop.test") == 200, 5, "the new domain")


@pytest.mark.parametrize("left", [0, 0.5], ids=["nothing", "a half"])
def test_a_file_cut_short_under_a_running_node(folder, left):
    """Known domains go on; of what cannot be read nobody says that it does not
    exist; and a good file put in its place is taken up."""
    path = folder / "directory.sqlite"
    good = folder / "backup.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db, contextlib.closing(sqlite3.connect(good)) as copy:
        db.backup(copy)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with node(path) as proxy:
        with KnownLoad(proxy, KNOWN) as load:
            os.truncate(path, int(path.stat().st_size * left))
            eventually(lambda: proxy.admin.metrics().sum("marquee_directory_lookup_failures_total") >= len(KNOWN), 20,
                       "known names that could not be refreshed")
            assert status(proxy, "asleep.test") == 503
            assert proxy.alive()
            for leftover in (str(path) + "-wal", str(path) + "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(leftover)
            os.replace(good, path)
            eventually(lambda: status(proxy, "asleep.test") == 200, 10, "a domain of the restored file")
            eventually(lambda: live(proxy), 10, "a live feed")
            rows(path, directory.module_domain("new.test", "flour"))
            eventually(lambda: status(proxy, "new.test") == 200, 5, "the new domain")
        unharmed(proxy, load)
