"""More connections than are allowed, from one client or from all: closed as soon
as they are accepted, before TLS, and counted by reason. The cap is exact, though
several workers accept at once."""
import threading

import pytest
from harness import ConnectionEnded, EchoOrigin, Listener, Marquee, eventually
from harness.attack import head

CAP = 40


def serves(client):
    client.send(head("GET / HTTP/1.1"))
    try:
        return client.response(within=5).status == 200
    except (ConnectionEnded, ConnectionError):
        return False


def refused(proxy, reason):
    return proxy.metrics().sum("marquee_connections_refused_total", reason=reason)


def test_cap_is_exact():
    """Many at once, round after round; never one too many, nor too few."""
    with EchoOrigin() as origin, Marquee(origin, workers=4, limits={"connections": CAP}) as proxy:
        for _ in range(3):
            served, lock = [], threading.Lock()

            def one():
                client = proxy.plain()
                if serves(client):
                    with lock:
                        served.append(client)
                else:
                    client.close()
            threads = [threading.Thread(target=one) for _ in range(2 * CAP)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(served) == CAP
            status = proxy.admin.status()
            assert status["connections"] == CAP and status["overload"]["reasons"] == ["connections"]
            answer = proxy.admin.call("/readyz")
            assert answer.status == 503 and answer.body == b"not ready: connections\n"
            for client in served:
                assert client.get("/").status == 200, "one that was there is served no more"
                client.close()
            eventually(lambda: proxy.admin.status()["connections"] == 0, 5, "all gone")
            assert proxy.admin.call("/readyz").status == 200
        assert refused(proxy, "connections") == 3 * CAP
        assert "connection refused reason=connections" in proxy.stderr()
        assert proxy.stderr().count("connection refused") < 30, "a stranger may not fill the log"


def test_refused_before_tls():
    with EchoOrigin() as origin, Marquee(origin, limits={"connections": 1}) as proxy:
        with proxy.plain() as first:
            assert serves(first)
            before = proxy.metrics()
            for _ in range(20):
                with pytest.raises(OSError):
                    proxy.tls("bakery.test").close()
            grown = {name for name, _ in proxy.metrics().changed(before)}
            assert "marquee_tls_handshakes_total" not in grown
            assert refused(proxy, "connections") == 20


def test_one_client_leaves_room_for_others():
    with EchoOrigin() as origin, Marquee(origin, limits={"connections_per_client": 5}) as proxy:
        flood = [proxy.plain(source="127.0.0.9") for _ in range(50)]
        assert sum(serves(client) for client in flood) == 5
        with proxy.plain(source="127.0.0.10") as other:
            assert serves(other)
        assert refused(proxy, "connections_per_client") == 45
        for client in flood:
            client.close()
        eventually(lambda: proxy.admin.status()["connections"] == 0, 5, "all gone")


def test_behind_a_balancer_its_clients_are_counted():
    """With the PROXY protocol all connections come from the balancer; the limit is
    for the clients that it names."""
    listeners = [Listener("127.0.0.1:0", "http", proxy_protocol="v1")]
    with EchoOrigin() as origin, Marquee(origin, listeners=listeners, trusted_proxies=["127.0.0.0/8"],
                                         limits={"connections_per_client": 3}) as proxy:
        def come(client):
            return proxy.plain(before_tls=f"PROXY TCP4 {client} 192.0.2.1 4000 443\r\n".encode())
        flood = [come("198.51.100.1") for _ in range(10)]
        assert sum(serves(client) for client in flood) == 3
        others = [come(f"198.51.100.{n}") for n in range(2, 12)]
        assert all(serves(client) for client in others)
        assert refused(proxy, "connections_per_client") == 7
        for client in flood + others:
            client.close()
