"""What stands in Redis, or what Redis will not do, that nobody has meant: keys of another
type or value, a full memory, an ACL that lacks a command, answers that make no sense.
Each concerns as few as it can, is said once, and is over when its cause is."""
import contextlib
import re
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually, redis, settings
from harness.relay import Between
from test_rate_limits_redis import HASTY, WITHIN, ready

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")]

A, B = Domain("a.test", agency_name="a"), Domain("b.test", agency_name="b")
AGENCY = {"name": "two-a", "key": ["agency"], "rate": "1000/s"}
KEY = f"marquee:{{agency={A.agency}}}:two-a:agency={A.agency}"


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@pytest.fixture
def store():
    with redis.Redis() as it:
        yield it


def serve(origin, address, *rules, workers=2, on_failure="closed", mode="exact", **more):
    return Marquee(domains=[A, B], upstreams=[Upstream("main", [origin.endpoint])], workers=workers,
                   rate_limits={"rules": list(rules), "on_failure": on_failure, "mode": mode,
                                "redis": {"address": address, "timeout": settings.seconds(0.3), **more}})


def statuses(proxy, domain, count):
    with proxy.plain() as client:
        return [client.get("/", domain.host).status for _ in range(count)]


def value(store, key):
    """The type of a key, and in how many milliseconds it expires."""
    kind = store.command("TYPE", key)[1:-2].decode()
    return kind, int(store.command("PTTL", key)[1:])


NO_STATES = [("LPUSH", "x"), ("HSET", "f", "x"), ("SET", "nan"), ("SET", "-nan"), ("SET", "inf"), ("SET", "-inf"),
             ("SET", "1e20"), ("SET", "abc"), ("SET", ""), ("SET", "-5"), ("SET", "0x1p70")]


@pytest.mark.parametrize("mode", ["exact", "leased"])
def test_a_key_that_is_no_state_counts_as_never_seen(origin, store, mode):
    with serve(origin, store.address, AGENCY, mode=mode) as proxy:
        ready(proxy)
        for command, *words in NO_STATES:
            what = f"{command} {words}"
            store.command("DEL", KEY)
            assert store.command(command, KEY, *words)[:1] in b"+:", what

            def written_over():
                assert statuses(proxy, A, 2) + statuses(proxy, B, 2) == [200] * 4, what
                kind, left = value(store, KEY)
                return (kind == "string" and left > 0) or kind == "none"  # it expires soon
            eventually(written_over, 5, f"a state in place of {what}")
        assert proxy.metrics().sum("marquee_limits_redis_breaker_opened_total") == 0
        assert proxy.metrics().sum("marquee_limits_fallbacks_total") == 0


def ticks_of(store, seconds):
    now = store.command("TIME").split(b"\r\n")
    return (int(now[2]) - 1735689600 + seconds) * 16_000_000 + int(now[4]) * 16


@pytest.mark.parametrize("mode", ["exact", "leased"])
def test_a_state_of_the_far_future_is_a_full_debt(origin, store, mode):
    """As of a clock that was set back by an hour, and without an expiry."""
    rule = {"name": "two-a", "key": ["agency"], "rate": "10/s", "burst": 5}
    with serve(origin, store.address, rule, mode=mode) as proxy:
        ready(proxy)
        store.command("SET", KEY, str(ticks_of(store, 3600)) + ".5")
        eventually(lambda: 429 in statuses(proxy, A, 1), 5, "a refusal")
        eventually(lambda: statuses(proxy, A, 1) == [200], 5, "room, after a burst's time")
        assert proxy.metrics().sum("marquee_limits_redis_breaker_opened_total") == 0


@pytest.mark.parametrize("mode", ["exact", "leased"])
def test_a_rule_that_is_called_nodes(origin, store, mode):
    rule = {"name": "nodes", "rate": "3/h"}
    with serve(origin, store.address, rule, mode=mode) as a, serve(origin, store.address, rule, mode=mode) as b:
        for proxy in (a, b):
            ready(proxy)
        eventually(lambda: [p.metrics().sum("marquee_limits_nodes") for p in (a, b)] == [2, 2], 5, "two nodes counted")
        results = statuses(a, A, 6)
        assert 200 in results and 429 in results
        assert eventually(lambda: value(store, "marquee:nodes")[0], 5, "the rule's own") == "string"
        assert value(store, "marquee:@nodes")[0] == "zset"
        assert a.metrics().sum("marquee_limits_redis_breaker_opened_total") == 0


def test_a_list_of_nodes_that_is_none(origin, store):
    store.command("SET", "marquee:@nodes", "x")
    with serve(origin, store.address, AGENCY) as a, serve(origin, store.address, AGENCY) as b:
        eventually(lambda: [p.metrics().sum("marquee_limits_nodes") for p in (a, b)] == [2, 2], 5, "two nodes counted")
        kind, left = value(store, "marquee:@nodes")
        assert kind == "zset" and left > 0


def said(proxy):
    log = proxy.stderr()
    return log.count("does not count rate limits"), log.count("counts rate limits again")


@contextlib.contextmanager
def full(store):
    store.command("CONFIG", "SET", "maxmemory", "1")
    yield
    store.command("CONFIG", "SET", "maxmemory", "0")


@contextlib.contextmanager
def without_a_command(store):
    store.command("ACL", "SETUSER", "default", "-mget")
    yield
    store.command("ACL", "SETUSER", "default", "+@all")


@pytest.mark.parametrize("mode", ["exact", "leased"])
@pytest.mark.parametrize("fault,reason", [(full, "OOM"), (without_a_command, "can't run this command")], ids=["full", "acl"])
def test_a_redis_that_answers_and_does_not_count(origin, store, mode, fault, reason):
    """PING goes on: what is said once is that nothing is counted, until it is."""
    with serve(origin, store.address, AGENCY, mode=mode, on_failure="open") as proxy:
        ready(proxy)
        assert said(proxy) == (0, 0)
        with fault(store):
            def opened():
                statuses(proxy, A, 5)
                return proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0
            eventually(opened, 5, "workers that do not ask")
            before = proxy.metrics().sum("marquee_limits_redis_breaker_opened_total")
            until = time.monotonic() + 2
            while time.monotonic() < until:
                assert set(statuses(proxy, A, 5)) == {200}
                assert proxy.metrics().sum("marquee_limits_redis_ready_workers") == 0
                time.sleep(0.02)
            assert proxy.metrics().sum("marquee_limits_redis_breaker_opened_total") == before
            assert said(proxy) == (1, 0)
            line = next(line for line in proxy.stderr().splitlines() if "does not count" in line)
            assert reason.lower() in line.lower() and store.address in line, line
        ready(proxy, within=WITHIN)
        eventually(lambda: said(proxy) == (1, 1), 5, "the end, said once")


@pytest.mark.parametrize("spoils", [b"*", b"*3"], ids=["all", "questions_alone"])
def test_answers_without_sense_flood_nothing(origin, store, spoils):
    """Of two rules an answer has three items, that to a probe has two: where only the
    former makes no sense, the probe cannot know, and the pauses grow."""
    rules = [AGENCY, {"name": "agencies", "key": ["agency"], "rate": "1000/s"}]
    with Between(store.port) as between:
        with serve(origin, between.address, *rules, on_failure="open", workers=1, **HASTY) as proxy:
            ready(proxy, 1)
            statuses(proxy, A, 5)
            time.sleep(1.1)  # it is well: the first pause is none
            between.spoils, between.garbage = spoils, b":7\r\n"
            begun = time.monotonic()
            while time.monotonic() < begun + 4:
                assert set(statuses(proxy, A, 5)) == {200}
                time.sleep(0.005)
            opened = proxy.metrics().sum("marquee_limits_redis_breaker_opened_total")
            # At once, and after 0.1, 0.2, and each 0.4 s.
            assert 1 <= opened <= (14 if spoils == b"*3" else 1)
            assert said(proxy) == (1, 0)
            between.garbage = None
            ready(proxy, 1, within=WITHIN)

            def counted():
                before = proxy.metrics().sum("marquee_limits_fallbacks_total")
                statuses(proxy, A, 20)
                return proxy.metrics().sum("marquee_limits_fallbacks_total") == before
            eventually(counted, WITHIN, "requests that Redis counts")
            eventually(lambda: said(proxy) == (1, 1), 5, "the end, said once")


def test_the_log_names_the_server(origin, store):
    with serve(origin, store.address, AGENCY, on_failure="open") as proxy:
        ready(proxy)
        store.kill()
        line = eventually(lambda: re.search(r".*Redis does not count rate limits.*", proxy.stderr()), 5, "the line")[0]
        assert f"server={store.address}" in line.replace('"', "").replace("server:", "server="), line


def test_leased_tells_how_long_until_there_is_room(origin, store):
    rule = {"name": "login", "key": ["agency"], "rate": "10/m"}
    with serve(origin, store.address, rule, mode="leased", workers=1) as proxy:
        ready(proxy, 1)

        def wait():
            with proxy.plain() as client:
                answer = client.get("/", A.host)
            return answer.status == 429 and int(answer.field("retry-after"))
        first = eventually(wait, 5, "a refusal")
        assert 5 <= first <= 6
        begun = time.monotonic()
        eventually(lambda: wait() == 3, 6, "half of the wait")
        assert time.monotonic() - begun < 4
