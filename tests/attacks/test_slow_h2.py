"""Slow clients over HTTP/2: half a field block, a body that does not come, and a
client that gives no credit for its answer. Frames are made by hand: each test
sends a few, and looks at how Marquee ends it."""
import struct
import time

import pytest
from harness import EchoOrigin, Marquee, Upstream, eventually, pki, reply

LIMIT = 1.0
SLACK = 5.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(method, *more):
    """RFC 7541 6.2.2: literals that need no table."""
    fields = [(":method", method), (":scheme", "https"), (":path", "/"), (":authority", "bakery.test"), *more]
    return b"".join(b"\x00" + bytes([len(n)]) + n.encode() + bytes([len(v)]) + v.encode() for n, v in fields)


@pytest.fixture(scope="module")
def hasty():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint], first_byte=30, read_idle=30)],
            timeouts={"head": LIMIT, "handshake": LIMIT, "body": LIMIT, "body_floor": 2000, "idle": 30, "linger": 0.3}) as proxy:
        yield proxy, origin


def connect(proxy, settings=b""):
    client = proxy.tls("bakery.test", context=pki.client_context(proxy.ca_file, alpn=("h2",)))
    assert client.sock.selected_alpn_protocol() == "h2"
    client.send(PREFACE + frame(SETTINGS, 0, 0, settings))
    return client


def counted(proxy, name, **labels):
    return proxy.metrics().sum(name, **labels)


def frames_until(client, wanted, within=LIMIT + SLACK):
    """Reads frames until one of a wanted kind, or the connection's end (None)."""
    end, data = time.monotonic() + within, b""
    while time.monotonic() < end:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            size = int.from_bytes(data[:3], "big")
            if data[3] in wanted:
                return data[3]
            data = data[9 + size:]
        client.sock.settimeout(max(0.01, end - time.monotonic()))
        try:
            more = client.sock.recv(65536)
        except TimeoutError:
            break
        except OSError:
            return None
        if not more:
            return None
        data += more
    raise AssertionError(f"not ended within {within} s")


def test_half_a_field_block(hasty):
    proxy, _ = hasty
    with connect(proxy) as client:
        client.send(frame(HEADERS, END_STREAM, 1, block("GET")))  # END_HEADERS never comes
        frames_until(client, (GOAWAY,))


def test_body_does_not_come(hasty):
    proxy, _ = hasty
    before = counted(proxy, "marquee_refusals_total", cause="slow_body")
    with connect(proxy) as client:
        client.send(frame(HEADERS, END_HEADERS, 1, block("POST")) + frame(DATA, 0, 1, b"start"))
        assert frames_until(client, (HEADERS, RST_STREAM)) is not None
        eventually(lambda: counted(proxy, "marquee_refusals_total", cause="slow_body") == before + 1, 2, "its count")


def test_no_credit_for_the_answer(hasty):
    proxy, origin = hasty
    before, since = counted(proxy, "marquee_client_losses_total", how="too_slow"), origin.mark()
    size = 1_000_000
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)), \
            connect(proxy, struct.pack(">HI", 4, 0)) as client:  # INITIAL_WINDOW_SIZE 0
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block("GET")))
        assert frames_until(client, (HEADERS,)) == HEADERS
        frames_until(client, (RST_STREAM, GOAWAY))
        upstream = origin.wait_requests(1, since)[0].connection
        assert upstream.ended.wait(2), "the upstream is still held"
        eventually(lambda: counted(proxy, "marquee_client_losses_total", how="too_slow") == before + 1, 2, "its count")
