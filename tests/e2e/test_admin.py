"""Status, metrics, health; and that none of it is public."""
import contextlib
import os
import socket
import ssl
import stat

import pytest
from harness import EchoOrigin, Marquee, Upstream, eventually, reply
from harness.attack import canary, head
from harness.wire import ConnectionEnded, Truncated


def test_status(proxy, origin):
    status = proxy.admin.status()
    assert {(li["configured"], li["protocol"]) for li in status["listeners"]} == {("127.0.0.1:0", "https"), ("127.0.0.2:0", "http")}
    assert all(int(li["address"].rpartition(":")[2]) > 0 for li in status["listeners"])
    assert status["snapshots_alive"] == 1 and status["version"]


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_health(proxy, origin, target):
    assert proxy.admin.call(target).status == 200


def test_unknown_admin_path(proxy, origin):
    assert proxy.admin.call("/v1/nothing").status == 404
    assert proxy.admin.call("/v1/reload", "GET").status == 405


def test_socket_is_private(proxy, origin):
    mode = os.stat(proxy.admin.path).st_mode
    assert stat.S_ISSOCK(mode) and not mode & (stat.S_IROTH | stat.S_IWOTH)


@pytest.mark.parametrize("target", ["/metrics", "/v1/status", "/healthz", "/readyz", "/v1/reload", "/admin", "/../metrics"])
def test_never_on_a_public_listener(proxy, origin, target):
    with proxy.plain() as client:
        answer = client.get(target)
    assert answer.status == 400 or answer.json()["target"] == target  # the upstream's, not ours
    with proxy.plain() as client:
        assert client.get(target, "127.0.0.1").status in (404, 421)


@pytest.mark.parametrize("raw", [b"GET /v1/status HTTP/1.1\nHost: x\r\n\r\n", b"\x16\x03\x01", b"GET /v1/status HTTP/1.1\r\n" + b"X: " + b"a" * 1_000_000,
                                 b"POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"],
                         ids=["bare_lf", "tls", "endless_head", "endless_body"])
def test_junk_at_the_admin_socket(proxy, origin, raw):
    with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
        sock.settimeout(2)
        sock.connect(proxy.admin.path)
        sock.sendall(raw)
        sock.recv(1000)
    assert proxy.admin.call("/healthz").status == 200


# Counters.
def grown(proxy, action, name_part, **labels):
    """What grew by `action` among series whose name holds `name_part`."""
    before = proxy.metrics()
    action()

    def found():
        out = {}
        for (name, have), growth in proxy.metrics().changed(before).items():
            if name_part in name and all(dict(have).get(k) == v for k, v in labels.items()):
                out[name, have] = growth
        return out
    return eventually(found, 3, f"a series with {name_part!r} {labels} to grow")


def test_all_names_are_ours(proxy, origin):
    names = proxy.metrics().names()
    assert any(n.startswith("marquee_") for n in names)
    assert all(n.startswith(("marquee_", "process_")) for n in names), names
    assert any("build_info" in n for n in names)


def test_requests_are_counted(proxy, origin):
    before = proxy.metrics()
    with proxy.plain() as client:
        for _ in range(3):
            client.get(canary())

    def counted():
        growth = proxy.metrics().changed(before)
        return [g for (name, _), g in growth.items() if name == "marquee_requests_total"] == [3.0]
    eventually(counted, 3, "one series of requests to grow by three")


@pytest.mark.parametrize("status", [200, 301, 404, 503])
def test_status_classes(proxy, origin, status):
    with origin.answering(reply(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())):
        def action():
            with proxy.plain() as client:
                client.get("/")
        found = grown(proxy, action, "requests_total")
    assert any(f"{status // 100}xx" in str(labels) for _, labels in found), found


def test_refusals_are_counted_by_reason(proxy, origin):
    seen = set()
    for raw in (head("GET / HTTP/1.1", "Bad Name: x"), head("GET / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"),
                head("GET / HTTP/1.1", *["X: a"] * 200), head("GET /" + "a" * 16000 + " HTTP/1.1"), head("GET / HTTP/1.1", host="unknown.test")):
        def action(raw=raw):
            with proxy.plain() as client:
                client.send(raw)
                client.response()
        found = grown(proxy, action, "refus")
        seen |= set(found)
    assert len(seen) >= 4, f"different reasons share a series: {seen}"


def test_handshakes_are_counted(proxy, origin):
    def good():
        with proxy.tls("bakery.test") as client:
            client.get("/")

    def bad():
        with pytest.raises(ssl.SSLError):
            proxy.tls_unverified("unknown.test")
    worked, failed = grown(proxy, good, "handshake"), grown(proxy, bad, "handshake")
    assert set(worked) != set(failed)
    assert any("1.3" in str(labels) for _, labels in worked), worked


def test_upstream_failures_are_counted_by_kind(proxy, origin):
    seen = []
    for raw in (b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"):
        with origin.answering(reply(raw, then="close")):
            def action():
                with proxy.plain() as client:
                    try:
                        client.get("/", method="POST", body=b"x")
                    except (Truncated, ConnectionEnded):
                        pass
            seen.append(set(grown(proxy, action, "upstream_failures")))
    assert seen[0] != seen[1], seen


def test_reloads_are_counted():
    with EchoOrigin() as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint])]) as proxy:
        good = grown(proxy, proxy.reload, "reload")

        def broken():
            proxy.file.write_text("nonsense: [")
            assert proxy.admin.call("/v1/reload", "POST", b"").status == 422
        bad = grown(proxy, broken, "reload")
        assert set(good) != set(bad)


def test_bytes_and_durations(proxy, origin):
    def action():
        with proxy.plain() as client:
            client.get("/", method="POST", body=b"x" * 100_000)
    found = grown(proxy, action, "bytes")
    assert any(100_000 <= growth < 110_000 for growth in found.values()), found
    assert grown(proxy, action, "duration")
