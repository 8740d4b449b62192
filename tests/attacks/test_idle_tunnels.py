"""Upgraded connections that say nothing: each is ended by `tunnel_idle`, its
upstream let go, and counted; they cost no buffer meanwhile."""
import time

from harness import EchoOrigin, Marquee, Upstream, eventually
from harness.tunnel import exactly, mirror, opened

LIMIT = 1.5
COUNT = 100


def test_each_is_ended_and_counted():
    with EchoOrigin(mirror) as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])], timeouts={"tunnel_idle": LIMIT}) as proxy:
        before, rss = proxy.metrics(), proxy.resident()
        start = time.monotonic()
        tunnels = [opened(proxy.tls("bakery.test")) for _ in range(COUNT)]
        if not proxy.sanitized():
            assert proxy.resident() - rss < COUNT * (64 << 10)
        busy = opened(proxy.plain())
        while time.monotonic() < start + LIMIT * 1.5:
            busy.send(b"x")  # who talks is let be
            assert exactly(busy, 1) == b"x"
            time.sleep(0.1)
        for client in tunnels:
            client.assert_closed(LIMIT + 5)
            client.close()
        assert time.monotonic() - start < LIMIT + 5
        eventually(lambda: proxy.metrics().sum("marquee_client_losses_total", how="idle")
                   == before.sum("marquee_client_losses_total", how="idle") + COUNT, 2, "their count")
        eventually(lambda: sum(c.open for c in origin.connections) <= 1, 5, "their upstreams let go")
        busy.send(b"y")
        assert exactly(busy, 1) == b"y"
        busy.close()
