"""Connections until no descriptor is left: accepting waits, without spinning;
those that are there are served, with descriptors kept for their upstreams; and
soon after connections end, new ones are served again."""
import contextlib
import resource
import time

import pytest
from harness import EchoOrigin, Marquee, eventually
from harness.attack import head
from harness.process import cpu_seconds

ROOM = 60


def flood(proxy, count):
    """Silent clients: they are in the kernel's queue, accepted or not."""
    return [proxy.plain() for _ in range(count)]


def test_accepting_waits_and_goes_on():
    with EchoOrigin() as origin, Marquee(origin, timeouts={"head": 30, "handshake": 30}) as proxy:
        with proxy.plain() as existing:
            assert existing.get("/").status == 200
            origin.drop_connections()  # its next request needs a new upstream connection
            most = proxy.descriptors() + ROOM
            resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (most, most))
            eventually(lambda: proxy.admin.status()["overload"]["descriptor_limit"] == most, 2, "the new limit known")
            silent = flood(proxy, 2 * ROOM)
            eventually(lambda: "descriptors" in proxy.admin.status()["overload"]["reasons"], 5, "accepting paused")
            assert proxy.admin.call("/readyz").body == b"not ready: descriptors\n"
            # Not hot: two seconds of waiting cost next to nothing.
            spent = cpu_seconds(proxy.process.pid)
            time.sleep(2)
            assert cpu_seconds(proxy.process.pid) - spent < 0.3, "it spins"
            assert proxy.descriptors() <= most - 4, "nothing is left for upstreams and logs"
            with proxy.plain() as asking:  # connects to the queue, no further
                asking.send(head("GET /late HTTP/1.1"))
                with contextlib.suppress(Exception):
                    # Was it ended while idle? Then it may not come back now, but others may.
                    assert existing.get("/served").status == 200
                for client in silent:
                    client.close()
                start = time.monotonic()
                assert asking.response(within=5).status == 200
                assert time.monotonic() - start < 1, "slow to come back"
        assert proxy.metrics().sum("marquee_accept_pauses_total") > 0
        assert "descriptors short: accepting waits" in proxy.stderr()
        eventually(lambda: proxy.admin.status()["overload"]["reasons"] == [], 2, "the end of the pause")
        assert proxy.admin.call("/readyz").status == 200


def test_requests_under_way_get_their_upstream():
    """A request that comes on an open connection while descriptors are short."""
    with EchoOrigin() as origin, Marquee(origin, timeouts={"head": 30, "handshake": 30}) as proxy:
        most = proxy.descriptors() + ROOM
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (most, most))
        eventually(lambda: proxy.admin.status()["overload"]["descriptor_limit"] == most, 2, "the new limit known")
        early = flood(proxy, 4)
        eventually(lambda: proxy.admin.status()["connections"] == 4, 5, "accepted")
        rest = flood(proxy, 2 * ROOM)
        eventually(lambda: "descriptors" in proxy.admin.status()["overload"]["reasons"], 5, "accepting paused")
        for client in early:
            assert client.get("/served").status == 200
        for client in early + rest:
            client.close()


def test_none_left_at_all():
    """The limit falls below what is in use: accept() itself fails (EMFILE)."""
    with EchoOrigin() as origin, Marquee(origin, timeouts={"head": 30, "handshake": 30}) as proxy:
        if proxy.sanitized():
            pytest.skip("UBSan looks at an object's type through a pipe: without one it reports the object")
        hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
        silent = flood(proxy, 20)
        eventually(lambda: proxy.admin.status()["connections"] == 20, 5, "accepted")
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (4, hard[1]))  # the lowest numbers have no gap
        with proxy.plain() as asking:
            asking.send(head("GET /late HTTP/1.1"))
            spent = cpu_seconds(proxy.process.pid)
            time.sleep(1.5)
            assert cpu_seconds(proxy.process.pid) - spent < 0.3, "it spins"
            resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, hard)
            start = time.monotonic()
            assert asking.response(within=5).status == 200
            assert time.monotonic() - start < 1, "slow to come back"
        for client in silent:
            client.close()
