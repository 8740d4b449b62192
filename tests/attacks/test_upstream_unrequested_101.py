"""101 that nobody asked for (RFC 9110 15.2.2): nginx relays it and turns the
connection into a blind tunnel past every check."""
import pytest
from harness import reply
from harness.attack import bad_gateway, canary

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\npoison"


def test_refused(proxy, origin):
    bad_gateway(proxy, origin, SWITCH)


def test_without_upgrade_field(proxy, origin):
    bad_gateway(proxy, origin, b"HTTP/1.1 101 Switching Protocols\r\n\r\npoison")


@pytest.mark.parametrize("offered,taken", [("websocket", "h2c"), ("websocket", "x-evil")], ids=["h2c", "unknown"])
def test_other_protocol_than_offered(proxy, origin, offered, taken):
    raw = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {taken}\r\n\r\npoison".encode()
    with origin.answering(reply(raw)), proxy.plain() as client:
        answer = client.get(canary(), fields=[("Connection", "Upgrade"), ("Upgrade", offered)])
    assert answer.status == 502
