"""Extended CONNECT (RFC 8441) and priorities (RFC 9218)."""
import base64
import hashlib
import os
import struct

import pytest
from harness import h2_wire as h2, reply
from harness.deadline import Deadline

CONNECT = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "bakery.test"),
           (":path", "/socket"), ("sec-websocket-version", "13"), ("origin", "https://bakery.test")]


def without(name):
    return [(n, v) for n, v in CONNECT if n != name]


def replaced(name, value):
    return [(n, value if n == name else v) for n, v in CONNECT]


def opened(client, fields=CONNECT):
    stream = client.headers(fields, end=False)
    found = client.streams[stream]
    client.until(lambda: found.status or found.done, "the answer to CONNECT")
    return stream, found


def switching(connection, mirrored=True):
    """Accepts as a WebSocket server does, by the key that it was sent."""
    key = connection.request.field("sec-websocket-key") or ""
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while mirrored:
        if not connection.reader.buffer:
            connection.reader.fill(Deadline(30, "tunnel bytes"))
        connection.send(connection.reader.take(len(connection.reader.buffer)))


# RFC 8441
def test_tunnel(client, behind):
    before = behind.mark()
    with behind.answering(switching):
        stream, found = opened(client)
        assert found.status == 200 and not found.ended
        assert not found.all("upgrade") and not found.all("connection") and not found.all("sec-websocket-accept")
        for size in (1, 100, h2.FRAME):
            data = os.urandom(size)
            client.data(stream, data)
            client.until(lambda: len(found.body) >= size, f"{size} bytes back")
            assert found.body == data
            found.body.clear()
        [request] = behind.wait_requests(1, before)
        assert request.method == "GET" and request.target == "/socket"
        assert request.field("upgrade").lower() == "websocket" and "upgrade" in request.field("connection").lower()
        assert request.field("sec-websocket-key") and request.field("sec-websocket-version") == "13"
        client.rst(stream)
        assert request.connection.ended.wait(5)


def test_tunnel_beside_requests(client, behind):
    with behind.answering(switching):
        stream, found = opened(client)
    client.assert_open()
    client.data(stream, b"still here")
    client.until(lambda: found.body == b"still here", "the tunnel")


def test_end_of_the_client_is_passed_on(client, behind):
    before = behind.mark()
    with behind.answering(switching):
        stream, found = opened(client)
        client.data(stream, b"last", end=True)
        client.until(lambda: found.done, "the tunnel's end")
        assert found.body == b"last"
        assert behind.requests[before].connection.ended.wait(5)
    client.assert_open()


def test_end_of_the_upstream_is_passed_on(client, behind):
    def handler(connection):
        switching(connection, mirrored=False)
        connection.send(b"bye")
        connection.close()
    with behind.answering(handler):
        _, found = opened(client)
        client.until(lambda: found.done, "the tunnel's end")
        assert found.body == b"bye"
    client.assert_open()


def test_upstream_that_declines(client, behind):
    with behind.answering(reply(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")):
        stream, found = opened(client)
        client.until(lambda: found.done, "the end")
        assert found.status == 403 and found.body == b"no"
    client.assert_open()


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bad\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
    ids=["wrong_accept", "no_accept", "other_protocol"])
def test_upstream_that_accepts_falsely(client, behind, raw):
    """The edge made the key, so that it is the edge that must check (RFC 6455 4.1)."""
    with behind.answering(reply(raw, read_body=False)):
        _, found = opened(client)
        assert found.status == 502 or found.reset is not None
    client.assert_open()


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 204 No Content\r\n\r\n"],
                         ids=["200", "204"])
def test_upstream_success_that_is_no_switch(client, behind, raw):
    """A 2xx that is not the switch must not look like an open tunnel."""
    with behind.answering(reply(raw)):
        _, found = opened(client)
        client.until(lambda: found.done, "the end")
        assert found.reset is not None or not 200 <= found.status < 300
    client.assert_open()


MALFORMED = {"no_scheme": without(":scheme"), "no_path": without(":path"), "no_authority": without(":authority"),
             "empty_path": replaced(":path", ""), "protocol_with_get": replaced(":method", "GET"),
             "protocol_with_post": replaced(":method", "POST"), "empty_protocol": replaced(":protocol", ""),
             "two_protocols": [(":protocol", "websocket")] + CONNECT,
             "protocol_after_a_field": without(":protocol") + [(":protocol", "websocket")],
             "upgrade_field": CONNECT + [("upgrade", "websocket")], "connection_field": CONNECT + [("connection", "upgrade")],
             "protocol_of_no_token": replaced(":protocol", "web socket"), "unknown_protocol": replaced(":protocol", "cake"),
             "connect_udp": replaced(":protocol", "connect-udp"), "h2c": replaced(":protocol", "h2c"),
             "relative_path": replaced(":path", "socket"), "host_differs": CONNECT + [("host", "clinic.test")]}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_extended_connect(client, behind, fields):
    before = behind.mark()
    with behind.answering(switching):
        client.expect_malformed(client.headers(fields, end=False))
    assert not [r for r in behind.requests[before:] if r.target == "/socket"]
    if not client.goaway:
        client.assert_open()


def test_extended_connect_for_another_tenant(client, behind):
    before = behind.mark()
    _, found = opened(client, replaced(":authority", "clinic.test"))
    assert found.status == 421 and behind.mark() == before


# RFC 9218
def update(stream, value, on=0):
    return h2.frame(h2.PRIORITY_UPDATE, 0, on, struct.pack("!I", stream) + value)


@pytest.mark.parametrize("bad, code", {
    "on_a_stream": (update(1, b"u=1", on=1), h2.PROTOCOL_ERROR),
    "of_stream_0": (update(0, b"u=1"), h2.PROTOCOL_ERROR),
    "of_a_push_that_was_not_promised": (update(2, b"u=1"), h2.PROTOCOL_ERROR),
    "length_0": (h2.frame(h2.PRIORITY_UPDATE), h2.FRAME_SIZE_ERROR),
    "length_3": (h2.frame(h2.PRIORITY_UPDATE, 0, 0, b"\x00" * 3), h2.FRAME_SIZE_ERROR),
}.values(), ids=["on_a_stream", "of_stream_0", "of_a_push", "length_0", "length_3"])
def test_bad_priority_update(client, bad, code):
    client.send(bad)
    client.expect_goaway(code)


@pytest.mark.parametrize("value", [b"", b"u=0", b"u=7, i", b"u=9", b"u=-1", b"u=a", b"i=?0", b"\xff\xfe", b"u=1;x=2, q=3", b"u" * 500])
def test_priority_update_is_taken(client, behind, held, value):
    """Also of values that say nothing: they are ignored (7, 4)."""
    before = behind.mark()
    stream = client.request("/held")
    behind.wait_requests(1, before)
    client.send(update(stream, value) + update(stream + 2, value) + update(stream | 0x80000000, value))
    client.barrier()
    held.release()
    assert client.answer(stream).status == 200
    assert client.get("/next").status == 200


@pytest.mark.parametrize("value", ["u=0", "u=7, i", "u=9", "i", "", "nonsense=((", "u=1, u=2"])
def test_priority_field_is_taken(client, value):
    assert client.get("/priority", more=[("priority", value)]).status == 200


def test_priority_updates_of_more_idle_streams_than_allowed(client):
    """7.1: idle ones that are prioritised count as if they were open."""
    limit = client.peer_settings[h2.MAX_CONCURRENT_STREAMS]
    client.send(b"".join(update(1 + 2 * n, b"u=1") for n in range(limit + 50)))
    client.expect_goaway(h2.PROTOCOL_ERROR, h2.ENHANCE_YOUR_CALM)


def test_priority_update_of_a_stream_that_is_gone(client):
    client.get()
    client.send(update(1, b"u=1"))
    client.assert_open()


def test_urgent_streams_come_first(client, behind):
    """Both wait for the connection window; when it opens, urgency decides."""
    body = b"x" * 60000
    with behind.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)):
        client.credit = False
        first = client.request("/fill")
        client.answer(first)
        low = client.request("/low", more=[("priority", "u=7")])
        client.until(lambda: client.window == 0, "an empty connection window")
        high = client.request("/high", more=[("priority", "u=0")])
        client.until(lambda: client.streams[high].status, "the head of the urgent one")
        client.barrier()
        had = len(client.streams[low].body)
        client.update(0, 60000)
        client.until(lambda: client.window == 0, "the window used up")
        assert client.streams[high].body == body, "the urgent stream waited"
        assert len(client.streams[low].body) == had
        client.update(0, 60000)
        client.answer(low)


def test_a_late_update_moves_a_stream_forward(client, behind):
    body = b"x" * 60000
    with behind.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)):
        client.credit = False
        client.answer(client.request("/fill"))
        streams = [client.request(f"/{n}", more=[("priority", "u=5")]) for n in range(3)]
        for stream in streams:
            client.until(lambda: client.streams[stream].status, "a head")
        client.barrier()
        client.send(update(streams[2], b"u=0"))
        client.update(0, 60000)
        client.until(lambda: client.window == 0, "the window used up")
        assert client.streams[streams[2]].body == body, "the stream made urgent waited"
        client.update(0, 200000)
        for stream in streams:
            client.answer(stream)

