"""Requests leave nothing behind: resident memory after many of them is what it
was after a few. Heads, bodies, refusals, aborted and TLS connections in turn."""
import shutil
import subprocess

import pytest
from harness import FULL, Marquee, Upstream, eventually
from harness.demo import DemoOrigin

WARM, MANY = (200_000, 10_000_000) if FULL else (10_000, 40_000)


def requests(proxy, count, target="/bytes/1000", connections=32):
    address, port = proxy.address(protocol="https")
    done = subprocess.run(
        ["h2load", "--h1", "-n", str(count), "-c", str(connections), "--connect-to", f"{address}:{port}",
         f"https://bakery.test:{port}{target}"], capture_output=True, text=True, timeout=7000)
    assert f"{count} succeeded, 0 failed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.skipif(not shutil.which("h2load"), reason="needs h2load (nghttp2-client)")
def test_resident_memory_has_no_slope():
    with DemoOrigin() as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint])], access_format="off") as proxy:
        if proxy.sanitized():
            pytest.skip("a sanitizer holds memory back")
        requests(proxy, WARM)
        first = proxy.resident()
        requests(proxy, MANY // 2)
        middle = proxy.resident()
        requests(proxy, MANY // 2)
        last = proxy.resident()
        print(f"resident KiB after {WARM}: {first >> 10}, after {MANY // 2} more: {middle >> 10}, after {MANY}: {last >> 10}")
        assert last - first < 2 << 20
        # In the full run: a fifth of a byte a request.
        assert last - middle < 1 << 20


def test_connections_leave_nothing_behind():
    """Handshakes, requests, and clients that go in the middle of things."""
    rounds = 3000 if FULL else 150
    with DemoOrigin() as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint])]) as proxy:
        if proxy.sanitized():
            pytest.skip("a sanitizer holds memory back")

        def one_of_each():
            with proxy.tls("bakery.test") as client:
                assert client.get("/bytes/10").status == 200
            with proxy.plain() as client:
                client.send(b"GET / HTTP/1.1\r\nHost: bak")
            with proxy.plain() as client:
                client.send(b"POST /upload HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 1000\r\n\r\nhalf")
            with proxy.plain() as client:
                client.send(b"GET /bytes/1000000 HTTP/1.1\r\nHost: bakery.test\r\n\r\n")
                client.reset()
            with proxy.plain() as client:
                client.send(b"GARBAGE\r\n\r\n")
                client.bytes_until_end()
        for _ in range(rounds // 3):
            one_of_each()
        first, descriptors = proxy.resident(), proxy.descriptors()
        for _ in range(rounds):
            one_of_each()
        eventually(lambda: proxy.admin.status()["connections"] == 0, 10, "all gone")
        assert proxy.resident() - first < 1 << 20
        assert proxy.descriptors() <= descriptors + 8
