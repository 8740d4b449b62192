"""An upgrade that the origin declines (or the proxy only thinks it got): bytes
pipelined behind it are the next request, judged like any other, never a tunnel
(CVE-2019-20372's kin; "WebSocket request smuggling", 2019)."""
import pytest
from harness import reply
from harness.attack import canary, head

UPGRADE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]


@pytest.mark.parametrize("status", ["426 Upgrade Required", "400 Bad Request", "200 OK"])
def test_declined_is_no_tunnel(proxy, origin, tenants, status):
    answer_raw = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    inner = canary()
    before = origin.mark()
    with origin.answering(lambda c: reply(answer_raw)(c) if "upgrade" in [n.lower() for n, _ in c.request.fields]
                          else origin_echo(c)):
        with proxy.plain() as client:
            client.send(head(f"GET {canary()} HTTP/1.1", *UPGRADE))
            first = client.response()
            assert first.status == int(status[:3])
            if (first.field("connection") or "").lower() == "close":
                client.assert_closed()
                return
            client.send(head(f"GET {inner} HTTP/1.1", "X-Tenant-Site-Id: FORGED"))
            second = client.response()
    assert second.json()["target"] == inner
    assert "FORGED" not in str(second.json()["fields"])
    assert len(origin.requests[before:]) == 2


def origin_echo(connection):
    from harness import echo
    echo(connection)


def test_body_with_upgrade(proxy, origin):
    """A request that upgrades and has a body: refused, or its body stays a body."""
    target = canary()
    inner = head("GET /smuggled HTTP/1.1")
    before = origin.mark()
    with proxy.plain() as client:
        client.send(head(f"POST {target} HTTP/1.1", *UPGRADE, f"Content-Length: {len(inner)}", body=inner))
        answer = client.response()
    assert answer.status in (200, 400, 501)
    assert "/smuggled" not in [r.target for r in origin.requests[before:]]
