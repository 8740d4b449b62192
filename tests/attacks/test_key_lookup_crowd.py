"""Made-up keys while the database is slow: their look-ups take all places of a worker
that stored credentials are asked for by, so that nobody else's can be. One client network
has a quarter of them. And what waits for such a look-up is judged by the settings and the
revocations of the time when it ends."""
import contextlib
import subprocess
import threading

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.yaml import Text

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
PLACES = 512  # of look-ups under way, per worker
CROWD = 600
RULE = {"paths": ["/"], "accept": ["api_key"]}


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        yield it


@pytest.fixture(scope="module")
def setup(server):
    owner = server.create("keys")
    subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
    server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "keys")
    with EchoOrigin() as origin, Marquee(
            domains=[Domain("shop.test")], upstreams=[Upstream("main", [origin.endpoint])], workers=1, access={"rules": [RULE]},
            directory={"kind": "postgres", "url": server.url("keys", "marquee_edge"), "timeout": Text("30s"),
                       "trust_directory_status": True, "modules": {"upstream": "main", "path": "{path}"}}) as proxy:
        eventually(lambda: ask(proxy, "warm-up-key-0123456789").status == 401, 15, "an open directory")
        yield proxy, origin


@contextlib.contextmanager
def slow(server):
    """Nobody can read the keys' rows. Gives how to end it."""
    holder = subprocess.Popen(
        [server.bin / "psql", "-X", "-q", "-h", server.folder, "-p", str(server.port), "-U", "owner", "-d", "keys"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    holder.stdin.write("BEGIN; LOCK TABLE module_api_keys IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n")
    assert holder.stdout.readline() == "locked\n"
    ended = threading.Event()

    def release():
        if not ended.is_set():
            ended.set()
            holder.communicate("ROLLBACK;\n", timeout=10)
    try:
        yield release
    finally:
        release()


def begin(client, key, target="/x"):
    client.send(f"GET {target} HTTP/1.1\r\nHost: shop.test\r\nX-Api-Key: {key}\r\n\r\n".encode())


def ask(proxy, key, target="/x", **more):
    with proxy.plain(**more) as client:
        return client.get(target, "shop.test", fields=[("X-Api-Key", key)])


def test_one_network_does_not_take_all_places(server, setup):
    proxy, _ = setup
    refused = unavailable(proxy)
    with slow(server) as release, contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(proxy.h2("shop.test", source=f"127.0.9.{1 + i}")) for i in range(CROWD // 100)]
        streams = [(client, client.start("GET", "/x", "shop.test", fields=[("x-api-key", f"made-up-key-{c}-{i:012}")]))
                   for c, client in enumerate(crowd) for i in range(100)]
        # All have come: some of them found no place.
        eventually(lambda: unavailable(proxy) >= refused + CROWD - PLACES, 20, "a crowd that waits")
        other = stack.enter_context(proxy.plain(source="127.0.10.1"))
        begin(other, "a-key-of-somebody-else")
        eventually(lambda: unavailable(proxy) == refused + CROWD - PLACES // 4, 20, "all of them but its share")
        release()
        assert other.response().status == 401
        got = [client.response(stream).status for client, stream in streams]
        assert (got.count(401), got.count(503)) == (PLACES // 4, CROWD - PLACES // 4)


def unavailable(proxy):
    return proxy.metrics().sum("marquee_access_checks_total", result="unavailable")


def test_a_path_that_new_settings_find_ambiguous(server, setup):
    """It began under a rule for all paths, and ends under one that it hides from."""
    proxy, origin = setup
    with slow(server) as release, proxy.plain() as client:
        before = origin.mark()
        begin(client, "made-up-key-of-mine-1", "/%61dmin/x")
        eventually(lambda: waiting(server), 10, "a look-up that waits")
        proxy.sections["access"] = {"rules": [{**RULE, "paths": ["/admin"]}]}
        proxy.reload()
        release()
        assert client.response().status == 400
        assert origin.mark() == before


def waiting(server):
    return server.sql("SELECT count(*) FROM pg_locks WHERE NOT granted", "keys").strip() not in ("", "0")
