"""Rate limits that several nodes count in one Redis, and what becomes of requests
while it does not answer: never a 5xx, never a wait."""
import contextlib
import re
import threading
import time

import pytest
from harness import FULL, Domain, EchoOrigin, Marquee, Upstream, eventually, pki, redis, settings
from harness.relay import Between

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")]

ONE = Domain("one.test", agency_name="one")
HASTY = {"timeout": settings.seconds(0.02)}  # the default
WITHIN = 2.0  # of recovery, to be asked again


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@pytest.fixture
def store():
    with redis.Redis() as it:
        yield it


def serve(origin, address, *rules, workers=2, **more):
    # Patient: on a busy machine Redis may sleep for 20 ms. Faults have the default.
    sections = {**({"address": address} if address else {}), "timeout": settings.seconds(0.3), **more.pop("redis", {})}
    return Marquee(domains=[ONE], upstreams=[Upstream("main", [origin.endpoint])], workers=workers,
                   rate_limits={"rules": list(rules), "redis": sections, **more})


def ready(proxy, workers=2, within=10.0):
    eventually(lambda: proxy.metrics().sum("marquee_limits_redis_ready_workers") == workers, within,
               "workers that ask Redis")


def statuses(proxy, count, target="/"):
    with proxy.plain() as client:
        return [client.get(target, "one.test").status for _ in range(count)]


def keys(store):
    return re.findall(rb"\r\n(mq[^\r]*|marquee[^\r]*)\r\n", store.command("KEYS", "*"))


def test_counted_in_redis(origin, store):
    rules = [{"name": "agency", "key": ["agency"], "rate": "3/m"},
             {"name": "visitor", "key": ["client_ip"], "rate": "100/m", "fields": True}]
    with serve(origin, store.address, *rules) as proxy:
        ready(proxy)
        with proxy.plain() as client:
            answer = client.get("/", "one.test")
            assert answer.status == 200
            assert answer.field("ratelimit") == '"visitor";r=99;t=1'
            assert [client.get("/", "one.test").status for _ in range(2)] == [200, 200]
            answer = client.get("/", "one.test")
            assert answer.status == 429
            assert answer.json()["limit"] == "agency"
            assert answer.field("ratelimit").startswith('"agency";r=0;t=')
            # What one rule refused did not cost the other anything.
            assert '"visitor";r=97' in answer.field("ratelimit")
        found = sorted(keys(store))
        agency = f"marquee:{{agency={ONE.agency}}}:agency:agency={ONE.agency}".encode()
        assert found == [b"marquee:@nodes", b"marquee:visitor:client_ip=127.0.0.1/32", agency]
        for key in found:
            left = int(store.command("PTTL", key.decode())[1:])
            assert 0 < left <= 61_000, f"{key} expires in {left} ms"
        assert proxy.metrics().sum("marquee_limits_redis_round_trip_seconds_count") == 4
        assert proxy.metrics().sum("marquee_limits_fallbacks_total") == 0


def test_unix_socket_acl_and_database(origin):
    with redis.Redis("--requirepass", "default-secret", "--user", "marquee", "on", ">edge-secret", "~mq:*", "+@all") as store:
        for more in ({"username": "marquee", "password": "edge-secret"}, {"password": "default-secret"}):
            with serve(origin, f"unix:{store.path}", {"name": "all", "rate": "2/h"},
                       redis={"database": 3, "key_prefix": "mq:" + more["password"][:4], **more}) as proxy:
                ready(proxy)
                assert statuses(proxy, 3) == [200, 200, 429]
                assert more["password"] not in proxy.stderr()


def test_wrong_password_is_said_and_limits_hold_here(origin):
    with redis.Redis("--requirepass", "right") as store:
        with serve(origin, store.address, {"name": "all", "rate": "2/h"}, redis={"password": "wrong"}) as proxy:
            eventually(lambda: "WRONGPASS" in proxy.stderr(), 5, "the reason in the log")
            assert statuses(proxy, 3) == [200, 200, 429]
            assert proxy.metrics().sum("marquee_limits_fallbacks_total", how="local") == 3


def hammer(proxies, rate, seconds):
    """About `rate` requests a second at each, from two connections each: the
    statuses and the times that requests took."""
    results, times, lock = [], [], threading.Lock()
    until = time.monotonic() + seconds

    def one(proxy, share):
        mine, took = [], []
        with proxy.plain() as client:
            due = time.monotonic()
            while due < until:
                time.sleep(max(0, due - time.monotonic()))
                begun = time.monotonic()
                mine.append(client.get("/", "one.test").status)
                took.append(time.monotonic() - begun)
                due += 1 / share
        with lock:
            results.extend(mine)
            times.extend(took)

    threads = [threading.Thread(target=one, args=(p, rate / 2)) for p in proxies for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results, sorted(times)


def test_two_nodes_hold_one_limit(origin, store):
    seconds = 30 if FULL else 5
    rule = {"name": "all", "rate": "100/s", "burst": 10}
    with serve(origin, store.address, rule, workers=1) as a, serve(origin, store.address, rule, workers=1) as b:
        ready(a, 1)
        ready(b, 1)
        begun = time.monotonic()
        results, _ = hammer([a, b], 120, seconds)
        took = time.monotonic() - begun
        admitted = results.count(200)
        assert results.count(429) == len(results) - admitted > 0
        assert admitted <= 100 * took * 1.02 + 10, f"{admitted} admitted in {took:.2f} s"
        assert admitted >= 100 * seconds * 0.98, f"{admitted} admitted in {took:.2f} s"
        eventually(lambda: [p.metrics().sum("marquee_limits_nodes") for p in (a, b)] == [2, 2], 5, "two nodes counted")


@contextlib.contextmanager
def stopped(store):
    store.kill()
    yield
    store.start()


@contextlib.contextmanager
def paused(store):
    store.command("CLIENT", "PAUSE", 1500, "ALL")
    yield
    time.sleep(0.5)  # the rest of its pause


@contextlib.contextmanager
def frozen(store):
    store.pause()
    yield
    store.resume()


@contextlib.contextmanager
def emptied(store):
    store.kill()
    store.start()
    yield


@contextlib.contextmanager
def erring(store):
    # Scripts may not run any more; PING may.
    store.command("ACL", "SETUSER", "default", "-eval", "-evalsha")
    yield
    store.command("ACL", "SETUSER", "default", "+@all")


@contextlib.contextmanager
def unscripted(store):
    store.command("SCRIPT", "FLUSH")
    yield


@pytest.mark.parametrize("load", [1000, 100, 10])
def test_two_nodes_by_leases(origin, store, load):
    """10 times, once and a tenth of what is allowed; nobody waits for Redis."""
    seconds = 30 if FULL else 4
    rule = {"name": "all", "rate": "100/s", "burst": 10}
    with serve(origin, store.address, rule, workers=1, mode="leased") as a, \
            serve(origin, store.address, rule, workers=1, mode="leased") as b:
        for proxy in (a, b):
            ready(proxy, 1)
        eventually(lambda: [p.metrics().sum("marquee_limits_nodes") for p in (a, b)] == [2, 2], 5, "two nodes counted")
        begun = time.monotonic()
        results, _ = hammer([a, b], load / 2, seconds)
        took = time.monotonic() - begun
        admitted = results.count(200)
        assert results.count(429) == len(results) - admitted
        lease = 5  # of each node: half of the burst
        assert admitted <= 100 * took * 1.05 + 10 + 2 * lease, f"{admitted} of {len(results)} in {took:.2f} s"
        least = min(len(results), 100 * seconds) * (0.95 if load != 100 else 0.85)
        assert admitted >= least, f"{admitted} of {len(results)} in {took:.2f} s"
        assert [p.metrics().sum("marquee_limits_fallbacks_total") for p in (a, b)] == [0, 0]


@pytest.mark.parametrize("mode", ["exact", "leased"])
@pytest.mark.parametrize("fault", [stopped, paused, frozen, emptied, erring, unscripted], ids=lambda f: f.__name__)
def test_faults(origin, store, fault, mode):
    """A limit far above the load: whatever is not 200 was made by the fault."""
    rule = {"name": "all", "rate": "10000/s", "burst": 10000}
    with serve(origin, store.address, rule, mode=mode, redis=HASTY) as proxy:
        ready(proxy)
        statuses(proxy, 5)
        with fault(store):
            results, times = hammer([proxy], 200, 1.0)
        assert set(results) == {200}
        # The few that wait for Redis wait for its timeout, in steps of 20 ms.
        late = [t for t in times if t > 0.1]
        assert len(late) <= 0.01 * len(times), f"{len(late)} of {len(times)} took over 100 ms: {times[-8:]}"
        ready(proxy, within=WITHIN)

        def counted():
            before = proxy.metrics().sum("marquee_limits_fallbacks_total")
            assert set(statuses(proxy, 20)) == {200}
            return proxy.metrics().sum("marquee_limits_fallbacks_total") == before
        eventually(counted, WITHIN, "requests that Redis counts")


def test_paused_for_five_seconds(origin, store):
    """CLIENT PAUSE for 5 s: connections are made anew and paused, too."""
    with serve(origin, store.address, {"name": "all", "rate": "5/h"}, redis=HASTY) as proxy:
        ready(proxy)
        assert statuses(proxy, 2) == [200, 200]
        begun = time.monotonic()
        store.command("CLIENT", "PAUSE", 5000, "ALL")
        # This node's own count begins anew, and holds.
        assert statuses(proxy, 8) == [200] * 5 + [429] * 3
        assert time.monotonic() - begun < 2
        ready(proxy, within=5 - (time.monotonic() - begun) + WITHIN)
        assert time.monotonic() - begun > 4.5
        assert statuses(proxy, 4) == [200] * 3 + [429]


def test_far_away(origin, store):
    with Between(store.port, delay=0.1) as between:
        with serve(origin, between.address, {"name": "all", "rate": "3/h"}, redis=HASTY) as proxy:
            eventually(lambda: b"script" in store.command("INFO", "commandstats"), 5, "the first connection")
            begun = time.monotonic()
            assert statuses(proxy, 5) == [200] * 3 + [429] * 2
            assert time.monotonic() - begun < 0.5
            assert proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0
            results, times = hammer([proxy], 200, 1.0)
            assert set(results) <= {200, 429}
            late = [t for t in times if t > 0.1]
            assert len(late) <= 0.01 * len(times), f"{len(late)} of {len(times)} took over 100 ms: {times[-8:]}"
            # Nobody waited at all: probes have said so.
            assert proxy.metrics().sum("marquee_limits_redis_failures_total", kind="timeout") == 0
            between.delay = 0.0
            ready(proxy, within=WITHIN)


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 200 OK\r\n\r\n", b"*3\r\n:1\r\n:-5\r\n$1\r\nx\r\n", b":7\r\n" * 50,
                                     b"*1000000000\r\n", b"$999999999\r\n" + b"x" * 300_000],
                         ids=["http", "negative", "too_many", "endless_array", "endless_text"])
def test_garbage(origin, store, garbage):
    with Between(store.port) as between:
        with serve(origin, between.address, {"name": "all", "rate": "100/h"}, redis=HASTY) as proxy:
            ready(proxy)
            between.garbage = garbage
            begun = time.monotonic()
            assert set(statuses(proxy, 20)) == {200}
            assert time.monotonic() - begun < 1.5
            results, times = hammer([proxy], 40, 1.0)
            assert set(results) == {200}
            assert len([t for t in times if t > 0.1]) <= 0.01 * len(times) + 1, times[-8:]
            assert proxy.resident() < 200 << 20 or proxy.sanitized()
            between.garbage = None
            ready(proxy, within=WITHIN)


@pytest.mark.parametrize("how,expected", [("open", [200] * 5), ("closed", [503] * 5), ("local", [200, 200, 429, 429, 429])])
def test_on_failure(origin, store, how, expected):
    with serve(origin, store.address, {"name": "all", "rate": "2/h"}, on_failure=how, workers=1) as proxy:
        ready(proxy, 1)
        store.kill()
        eventually(lambda: proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0, 5, "an open breaker")
        assert statuses(proxy, 5) == expected
        assert proxy.metrics().sum("marquee_limits_fallbacks_total", how=how) == 5
        store.start()
        ready(proxy, 1, within=WITHIN + 1)


def test_a_share_of_the_limit_for_each_node(origin, store):
    rule = {"name": "all", "rate": "10/h"}
    with serve(origin, store.address, rule) as a, serve(origin, store.address, rule) as b:
        eventually(lambda: [p.metrics().sum("marquee_limits_nodes") for p in (a, b)] == [2, 2], 5, "two nodes counted")
        store.kill()
        for p in (a, b):
            eventually(lambda p=p: p.metrics().sum("marquee_limits_redis_ready_workers") == 0, 5, "an open breaker")
        assert [statuses(p, 7).count(200) for p in (a, b)] == [5, 5]


def test_clients_that_leave_while_they_wait(origin, store):
    with serve(origin, store.address, {"name": "all", "rate": "1000/s"}, redis={"timeout": settings.seconds(1)}) as proxy:
        ready(proxy)
        store.pause()
        clients = [proxy.plain() for _ in range(40)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n")
        eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 40, 5, "requests that wait")
        for client in clients:
            client.reset()
        eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 0, 5, "nobody left")
        store.resume()
        ready(proxy, within=5)
        assert statuses(proxy, 3) == [200] * 3


def test_tls(origin, tmp_path):
    authority = pki.Authority(tmp_path)
    with redis.Redis(tls=(authority.cert, *authority.issue("redis.test"))) as store:
        good = {"tls": True, "ca_file": str(authority.cert), "server_name": "redis.test"}
        with serve(origin, store.tls_address, {"name": "all", "rate": "2/h"}, redis=good) as proxy:
            ready(proxy)
            assert statuses(proxy, 3) == [200, 200, 429]
        for bad in ({**good, "server_name": "other.test"}, {"tls": True, "server_name": "redis.test"}):
            with serve(origin, store.tls_address, {"name": "all", "rate": "2/h"}, redis=bad) as proxy:
                eventually(lambda proxy=proxy: "TLS: " in proxy.stderr(), 5, "the reason in the log")
                assert proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0
