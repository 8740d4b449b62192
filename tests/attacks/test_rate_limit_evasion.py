"""Ways around a rate limit, and ways to make it hurt its owner."""
import concurrent.futures
import re

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually, redis, yaml

ONE = Domain("one.test", agency_name="one")
BY_CLIENT = {"name": "client", "key": ["client_ip"], "rate": "3/h"}


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


def serve(origin, *rules, memory=None, address=None, **more):
    limits = {"rules": list(rules)}
    if memory:
        limits["memory"] = memory
    if address:
        limits["redis"] = {"address": address}
    return Marquee(domains=[ONE], upstreams=[Upstream("main", [origin.endpoint])], rate_limits=limits, **more)


def ask(proxy, count, fields=lambda i: (), target=lambda i: "/", **more):
    with proxy.plain() as client:
        return [client.get(target(i), "one.test", fields=fields(i), **more).status for i in range(count)]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-real-ip", "Forwarded", "X_Forwarded_For", "True-Client-IP"])
def test_spoofed_client_address(origin, name):
    """Fields of a client that is no trusted proxy do not change who it is."""
    with serve(origin, BY_CLIENT) as proxy:
        value = "for=192.0.2.%d" if name == "Forwarded" else "192.0.2.%d"
        assert ask(proxy, 8, lambda i: [(name, value % i)]) == [200] * 3 + [429] * 5


def test_behind_a_trusted_proxy_the_last_hop_that_it_saw_counts(origin):
    """What the client itself put in front of the proxy's own entry is not believed."""
    with serve(origin, BY_CLIENT, trusted_proxies=["127.0.0.0/8"]) as proxy:
        spoofed = ask(proxy, 8, lambda i: [("X-Forwarded-For", f"192.0.2.{i}, 203.0.113.9")])
        assert spoofed == [200] * 3 + [429] * 5
        # Another client of the same proxy has a count of its own.
        assert ask(proxy, 1, lambda i: [("X-Forwarded-For", "203.0.113.10")]) == [200]


def test_rotation_inside_a_64(origin):
    with serve(origin, BY_CLIENT, trusted_proxies=["127.0.0.0/8"]) as proxy:
        rotated = ask(proxy, 40, lambda i: [("X-Forwarded-For", f"2001:db8:1:2:{i:x}:{i * 7:x}::{i:x}")])
        assert rotated.count(200) == 3
        assert ask(proxy, 1, lambda i: [("X-Forwarded-For", "2001:db8:1:3::1")]) == [200]
        # The mapped form of an IPv4 address is that address.
        mapped = [f"{p}198.51.100.7" for p in ("", "::ffff:", "", "::ffff:", "")]
        assert ask(proxy, 5, lambda i: [("X-Forwarded-For", mapped[i])]) == [200] * 3 + [429] * 2


@pytest.mark.parametrize("target", ["/api//x", "//api/x", "/./api/x", "/%61pi/x", "/%2561pi/x", "/y/../api/x",
                                    "/y/%2e%2e/api/x", "/api%2fx", "/api/x?y=/../..", "/api/./x"])
def test_spelling_of_a_path(origin, target):
    rule = {"name": "api", "rate": "2/h", "match": {"path": "/api/"}}
    with serve(origin, rule) as proxy:
        assert ask(proxy, 2, target=lambda i: "/api/x") == [200, 200]
        got = ask(proxy, 2, target=lambda i: target)
        assert all(s in (429, 400) for s in got), got  # 400: refused as a path already


def test_bursts_over_http2(origin):
    """A hundred streams in one write are a hundred requests."""
    rule = {"name": "client", "key": ["client_ip"], "rate": "20/h"}
    with serve(origin, rule, workers=2) as proxy:
        def burst(_):
            with proxy.h2("one.test") as client:
                streams = [client.start(target=f"/{i}", host="one.test") for i in range(90)]
                client.wait(lambda: all(s.over() for s in streams))
                return [s.status for s in streams]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            got = [s for r in pool.map(burst, range(3)) for s in r]
        assert got.count(200) == 20, got
        assert got.count(429) == 250


def test_key_explosion_in_memory(origin):
    """As many clients as one likes: memory is what the settings say, and who was
    refused before the flood is refused after it."""
    rule = {"name": "client", "key": ["client_ip"], "rate": "50/h"}
    with serve(origin, rule, memory=yaml.Text("1MiB"), trusted_proxies=["127.0.0.0/8"]) as proxy:
        def victim(i):
            return [("X-Forwarded-For", "203.0.113.1")]
        assert ask(proxy, 60, victim).count(429) == 10
        before = proxy.resident()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            def flood(part):
                return ask(proxy, 3000, lambda i: [("X-Forwarded-For", f"2001:db8:{part:x}:{i:x}::1")])
            assert all(s == 200 for r in pool.map(flood, range(4)) for s in r)
        assert proxy.resident() - before < 16 << 20 or proxy.sanitized()
        assert ask(proxy, 3, victim) == [429] * 3


@pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")
def test_key_explosion_in_redis(origin):
    """Every key expires, soon after what it holds means nothing any more."""
    rule = {"name": "client", "key": ["client_ip"], "rate": "60/m"}
    with redis.Redis() as store:
        with serve(origin, rule, address=store.address, trusted_proxies=["127.0.0.0/8"]) as proxy:
            eventually(lambda: proxy.metrics().sum("marquee_limits_redis_ready_workers") == 2, 10, "workers that ask Redis")
            assert set(ask(proxy, 300, lambda i: [("X-Forwarded-For", f"2001:db8:5:{i:x}::1")])) == {200}
            names = [k for k in store.command("KEYS", "marquee:client:*").split(b"\r\n") if k.startswith(b"marquee")]
            for name in names[-50:]:
                assert int(store.command("PTTL", name.decode())[1:]) in range(-2, 1101)  # -2: it is gone
            eventually(lambda: not re.search(b"marquee:client", store.command("KEYS", "*")), 5, "no key left")
