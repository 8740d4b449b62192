"""What happens to PostgreSQL is not felt by known domains: each fault comes while
they are asked for without a pause, over kept connections and by new handshakes,
and with cached answers that expire all the time. Names that nobody knows are
answered with 503 meanwhile, never with 404, and all is well afterwards."""
import contextlib
import subprocess
import time

import pytest
from harness import FULL, Listener, Marquee, Upstream, directory, eventually
from harness.demo import DemoOrigin
from harness.known_load import KnownLoad, answer, live, status
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.settings import seconds

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")]
KNOWN = [f"known-{i}.test" for i in range(20)]
# Seconds. Who waited for the database would have waited for TIMEOUT; at full size,
# on a machine of its own, what a request takes at all.
TIMEOUT = 0.5
P99 = 0.1 if FULL else 0.8 * TIMEOUT
BACK = 5.0
ROUNDS = 20 if FULL else 1  # of refreshing all known names in vain


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        yield it


@contextlib.contextmanager
def prepared(server, name):
    """A node on a database of its own, whose known domains were asked for once."""
    owner = server.create(name)
    subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
    server.sql("ALTER ROLE marquee_edge PASSWORD 'secret';" + directory.tenant("flour")
               + "".join(directory.module_domain(h, "flour") for h in KNOWN + ["asleep.test"]), name)
    with DemoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")],
            directory={"kind": "postgres", "url": server.url(name, "marquee_edge"), "timeout": seconds(TIMEOUT),
                       "modules": {"upstream": "main"}, "trust_directory_status": True,
                       "cache": {"ttl": seconds(0.2), "negative_ttl": seconds(0.2)}}) as proxy:
        eventually(lambda: live(proxy), 10, "a live feed")
        for host in KNOWN:
            assert status(proxy, host) == 200
            with proxy.tls(host) as client:
                assert client.get("/", host).status == 200
        yield proxy


def unharmed(proxy, load):
    print(load)
    assert not load.failed, load.failed[:5]
    if not proxy.sanitized():
        assert load.p99 <= P99, str(load)


def killed(server):
    server.stop("immediate")
    return server.start


def stopped(server):
    server.pause()
    return server.resume


def shut_down(server):
    server.stop("fast")
    return server.start


def locked_out(server):
    """An operator's ALTER TABLE that waits for something: the rows cannot be read."""
    holder = subprocess.Popen(
        [server.bin / "psql", "-X", "-q", "-h", server.folder, "-p", str(server.port), "-U", "owner", "-d", "locked_out"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    holder.stdin.write("BEGIN; LOCK TABLE module_custom_domains IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n")
    assert holder.stdout.readline() == "locked\n"

    def release():
        holder.communicate("ROLLBACK;\n", timeout=10)
    return release


@pytest.mark.parametrize("fault", [killed, stopped, shut_down, locked_out], ids=lambda f: f.__name__)
def test_known_domains_do_not_feel_it(server, fault):
    with prepared(server, fault.__name__) as proxy:
        failures = proxy.admin.metrics().sum("marquee_directory_lookup_failures_total")
        with KnownLoad(proxy, KNOWN) as load:
            undo = fault(server)
            try:
                # One that exists and one that does not: nobody can know which is which.
                for host in ("asleep.test", "nobody.test"):
                    eventually(lambda: status(proxy, host) == 503, 5, f"503 from {host}")
                    refused = answer(proxy, host)
                    assert refused.status == 503 and refused.field("retry-after"), refused
                # All known answers have expired by now, and were asked for in vain.
                eventually(lambda: proxy.admin.metrics().sum("marquee_directory_lookup_failures_total")
                           >= failures + ROUNDS * len(KNOWN), 60, "known names that could not be refreshed")
            finally:
                undo()
            begun = time.monotonic()
            for host, wanted in (("nobody.test", 404), ("asleep.test", 200)):
                eventually(lambda: status(proxy, host) == wanted, 15, f"{wanted} from {host}")
            eventually(lambda: live(proxy), 15, "a live feed")
            back = time.monotonic() - begun
            print(f"{fault.__name__}: back after {back:.2f} s")
            server.sql(directory.module_domain("new.test", "flour"), fault.__name__)
            added = time.monotonic()
            eventually(lambda: status(proxy, "new.test") == 200, 10, "the new domain")
            assert time.monotonic() - added < 2
        unharmed(proxy, load)
        assert back < BACK, f"{back:.2f} s until all was well"


def test_a_database_made_read_only_is_not_felt(server):
    """Its sessions are ended, and the new ones cannot write: pruning fails, reading does not."""
    with prepared(server, "read_only") as proxy:
        connects = proxy.admin.metrics().sum("marquee_directory_connects_total")
        with KnownLoad(proxy, KNOWN) as load:
            server.sql("ALTER DATABASE read_only SET default_transaction_read_only = on;"
                       "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'marquee_edge'", "read_only")
            eventually(lambda: proxy.admin.metrics().sum("marquee_directory_connects_total") > connects and live(proxy),
                       10, "a live feed on new connections")
            eventually(lambda: status(proxy, "asleep.test") == 200, 5, "a domain not asked for before")
            eventually(lambda: status(proxy, "nobody.test") == 404, 5, "404")
            # Someone who may still write.
            server.sql("SET default_transaction_read_only = off;" + directory.module_domain("new.test", "flour"), "read_only")
            eventually(lambda: status(proxy, "new.test") == 200, 5, "the new domain")
        unharmed(proxy, load)


def test_a_restart_again_and_again(server):
    """Restarts under load, none of them waited out."""
    with prepared(server, "restarts") as proxy:
        with KnownLoad(proxy, KNOWN) as load:
            for i in range(10 if FULL else 3):
                server.stop("immediate" if i % 2 else "fast")
                server.start()
            begun = time.monotonic()
            eventually(lambda: live(proxy) and status(proxy, "asleep.test") == 200, 20, "all well again")
            assert time.monotonic() - begun < BACK
        unharmed(proxy, load)
