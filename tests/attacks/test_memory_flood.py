"""Clients that hold memory until `limits.memory` is met: new connections are
refused before TLS, requests that are under way are served, and when the memory
is free again new connections are welcome."""
import pytest
from harness import Marquee, Upstream, eventually
from harness.attack import head
from harness.demo import DemoOrigin
from harness.slow_clients import BODY, SlowClients

ROOM = 8 << 20


def test_refuses_new_serves_old_and_recovers():
    with DemoOrigin() as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint], first_byte=60)],
                                         timeouts={"body": 60, "head": 60, "idle": 60}) as proxy:
        if proxy.sanitized():
            pytest.skip("a sanitizer holds memory back")
        with proxy.tls("bakery.test") as warm:
            assert warm.get("/bytes/1000").status == 200
        mark = max(proxy.resident() + ROOM, 16 << 20)
        proxy.sections["limits"] = {"memory": mark}
        proxy.reload()
        assert proxy.admin.status()["overload"]["memory_limit_bytes"] == mark
        with proxy.plain() as under_way, proxy.tls("bakery.test") as idle, \
                SlowClients(proxy, {BODY: 600}, again=False, pace=5) as crowd:
            under_way.send(head("POST /upload HTTP/1.1", "Content-Length: 10"))
            assert idle.get("/bytes/10").status == 200
            crowd.again = True
            status = eventually(lambda: _short(proxy), 20, "memory short")
            crowd.again = False
            assert status["resident_bytes"] > mark * 0.8
            assert proxy.admin.call("/readyz").body == b"not ready: memory\n"
            before = proxy.metrics()
            for _ in range(5):
                with pytest.raises(OSError):
                    proxy.tls("bakery.test").close()
            grown = proxy.metrics().changed(before)
            assert not any(name == "marquee_tls_handshakes_total" for name, _ in grown)
            assert proxy.metrics().sum("marquee_connections_refused_total", reason="memory") >= 5
            idle.assert_closed(5)  # the first to make room
            under_way.send(b"0123456789")
            assert under_way.response().json()["length"] == 10
            assert "memory short: new connections are refused" in proxy.stderr()
        eventually(lambda: not _short(proxy), 15, "memory enough again")
        with proxy.tls("bakery.test") as again:
            assert again.get("/bytes/10").status == 200
        assert proxy.admin.call("/readyz").status == 200
        assert "memory is enough again" in proxy.stderr()


def _short(proxy):
    overload = proxy.admin.status()["overload"]
    return overload if "memory" in overload["reasons"] else None
