"""A WebSocket opening handshake and an origin that mirrors the tunnel's bytes."""
import base64
import hashlib

from .deadline import Deadline

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
UPGRADE = (f"GET /socket HTTP/1.1\r\nHost: bakery.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n").encode()
SWITCH = (f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n").encode()


def mirror(connection):
    """Switches and sends back what comes until the proxy ends."""
    connection.send(SWITCH)
    reader = connection.reader
    while True:
        if not reader.buffer:
            reader.fill(Deadline(30, "tunnel bytes"))
        connection.send(reader.take(len(reader.buffer)))


def exactly(client, count, within=10):
    out = bytearray()
    client.reader.exactly(count, Deadline(within, f"{count} tunnel bytes"), out.extend)
    return bytes(out)


def opened(client, extra=b""):
    client.send(UPGRADE + extra)
    answer = client.response()
    assert answer.status == 101
    assert answer.field("upgrade").lower() == "websocket" and answer.field("sec-websocket-accept") == ACCEPT
    assert "upgrade" in answer.field("connection").lower()
    return client
