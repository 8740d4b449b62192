"""RFC 9113 3.3, 3.4, 4, 5.5: ALPN, the preface, frames and field blocks."""
import pytest
from harness import h2_wire as h2
from harness.client import RawClient, request
from harness.h2_frames import connect


def silent_or_goaway(client, *codes):
    """3.4: GOAWAY may be left out when the peer does not speak HTTP/2."""
    client.wait_end()
    assert not client.goaway or client.goaway[1] in codes, client.goaway


# 3.3 and 3.4
def test_preface_in_single_bytes(front):
    with connect(front, start=False) as client:
        for byte in h2.PREFACE + h2.settings():
            client.send(bytes([byte]))
        client._unacked.append([])
        client.until(lambda: client.settings_acks == 1, "the acknowledgement")
        client.assert_open()


def test_request_in_the_same_write_as_the_preface(front):
    with connect(front, start=False) as client:
        client._unacked.append([])
        stream = client.headers(h2.get("/at-once"), first=h2.PREFACE + h2.settings())
        assert client.answer(stream).json()["target"] == "/at-once"


@pytest.mark.parametrize("first", [
    h2.PREFACE.replace(b"SM", b"SX"), h2.PREFACE.replace(b"2.0", b"2.1"), h2.settings(),
    b"\x00" * 24, request("GET", "/smuggled")], ids=["SX", "2.1", "missing", "zeros", "HTTP_1_1"])
def test_wrong_preface(front, behind, first):
    before = behind.mark()
    with connect(front, start=False) as client:
        client.send(first + h2.settings() + h2.frame(h2.HEADERS, 5, 1, h2.block(h2.get("/smuggled"))))
        silent_or_goaway(client, h2.PROTOCOL_ERROR)
    assert behind.mark() == before


def test_preface_cut_by_the_end(front):
    with connect(front, start=False) as client:
        client.send(h2.PREFACE[:10])
        client.link.sock.shutdown(1)
        silent_or_goaway(client, h2.PROTOCOL_ERROR, h2.NO_ERROR)


@pytest.mark.parametrize("first", [
    h2.ping(), h2.window_update(0, 1), h2.settings(flags=h2.ACK), h2.frame(0x77, 0, 0, b"x"),
    h2.frame(h2.HEADERS, 5, 1, h2.block(h2.get("/smuggled")))],
    ids=["ping", "window_update", "settings_ack", "unknown", "headers"])
def test_first_frame_is_not_settings(front, behind, first):
    before = behind.mark()
    with connect(front, start=False) as client:
        client.send(h2.PREFACE + first)
        silent_or_goaway(client, h2.PROTOCOL_ERROR)
    assert behind.mark() == before


def test_settings_that_a_server_announces(client):
    said = client.peer_settings
    assert said.get(h2.MAX_CONCURRENT_STREAMS) == 100
    assert said.get(h2.MAX_HEADER_LIST_SIZE) == 32768
    assert said.get(h2.INITIAL_WINDOW_SIZE) == 65536
    assert said.get(h2.ENABLE_CONNECT_PROTOCOL) == 1
    assert not said.get(h2.ENABLE_PUSH)


def test_connection_window_of_1_mib(client):
    grown = sum(int.from_bytes(f.payload, "big") for f in client.frames
                if f.type == h2.WINDOW_UPDATE and f.stream == 0)
    client.barrier()
    assert h2.WINDOW + grown == 1 << 20


def test_http_1_1_is_still_spoken(front):
    from harness import pki
    address = front if isinstance(front, tuple) else front.address(None, "https")
    with RawClient(address, tls=pki.client_context(), sni="bakery.test") as client:
        assert client.sock.selected_alpn_protocol() == "http/1.1"
        assert client.get("/").status == 200


def test_h2_is_chosen_before_http_1_1(front):
    from harness import pki
    address = front if isinstance(front, tuple) else front.address(None, "https")
    with RawClient(address, tls=pki.client_context(alpn=("http/1.1", "h2")), sni="bakery.test") as raw:
        assert raw.sock.selected_alpn_protocol() == "h2"


# 4.1
@pytest.mark.parametrize("stream", [0, 1, 2])
def test_unknown_frame_type_is_ignored(client, stream):
    client.send(h2.frame(0x16, 0xff, stream, b"\x00" * 8))
    client.assert_open()


def test_unknown_frame_type_on_an_open_stream(client):
    stream = client.request(method="POST", end=False)
    client.send(h2.frame(0xee, 0, stream, b"x" * 100))
    client.data(stream, b"body", end=True)
    assert client.answer(stream).json()["body_length"] == 4


@pytest.mark.parametrize("flags", [0x02, 0x10, 0x40, 0x80, 0xd2])
def test_undefined_flags_are_ignored(client, flags):
    stream = client.headers(h2.get("/flags", method="POST"), end=False, flags=flags)
    client.data(stream, b"body", end=True, flags=flags)
    assert client.answer(stream).json()["body_length"] == 4
    client.send(h2.ping(b"flagsset", flags))
    client.until(lambda: b"flagsset" in client.pongs, "the answer to PING")


def test_reserved_bit_is_ignored(client):
    stream = client.open()
    client.send(h2.frame(h2.HEADERS, 5, stream | 0x80000000, h2.block(h2.get("/reserved"))))
    client.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, b"\x80\x00\x00\x01"))
    client.send(h2.frame(h2.PING, 0, 0x80000000, b"reserved"))
    assert client.answer(stream).status == 200
    client.until(lambda: b"reserved" in client.pongs, "the answer to PING")


def test_frames_in_single_bytes(client):
    stream = client.open(method="POST")
    for byte in (h2.frame(h2.HEADERS, h2.END_HEADERS, stream, h2.block(h2.get("/bytes", method="POST")))
                 + h2.frame(h2.DATA, h2.END_STREAM, stream, b"body")):
        client.send(bytes([byte]))
    assert client.answer(stream).json()["body_length"] == 4


def test_end_within_a_frame(front):
    with connect(front) as client:
        client.send(h2.frame(h2.PING, 0, 0, b"\x00" * 4, length=8))
        client.link.sock.shutdown(1)
        client.wait_end()


# 4.2
def test_data_of_the_largest_size(client):
    stream = client.request(method="POST", end=False)
    client.data(stream, b"x" * h2.FRAME, end=True)
    assert client.answer(stream).json()["body_length"] == h2.FRAME


@pytest.mark.parametrize("kind", [h2.DATA, h2.HEADERS, h2.SETTINGS, h2.PING, h2.GOAWAY, 0x77],
                         ids=lambda k: h2.TYPES.get(k, "unknown"))
def test_larger_than_the_largest_size(client, kind):
    size = client.peer_settings.get(h2.MAX_FRAME_SIZE, h2.FRAME) + 6
    stream = 0
    payload = b"\x00" * size
    if kind in (h2.DATA, h2.HEADERS):
        stream = client.request(method="POST", end=False) if kind == h2.DATA else client.open()
    if kind == h2.HEADERS:
        payload = h2.block(h2.get("/large"))
        payload += h2.literal("x-large", "x" * (size - len(payload) - 12))
        payload += b"\x82" * (size - len(payload))
    client.send(h2.frame(kind, 5 if kind == h2.HEADERS else 0, stream, payload))
    if kind == h2.DATA:
        client.expect_reset(stream, h2.FRAME_SIZE_ERROR)
    else:
        client.expect_goaway(h2.FRAME_SIZE_ERROR)


def test_the_clients_largest_size_is_kept(front, behind):
    body = b"x" * 300_000
    from harness import reply
    with behind.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body)):
        with connect(front) as client:  # each frame is measured as it comes
            assert client.get("/").body == body
        with connect(front, settings=[(h2.MAX_FRAME_SIZE, 1 << 20)]) as client:
            assert client.get("/").body == body


# 4.3 and 6.10
def test_broken_field_block(client):
    stream = client.headers(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")
    client.expect_goaway(h2.COMPRESSION_ERROR)
    assert stream


@pytest.mark.parametrize("cuts", [(0,), (1,), (10, 11), (5, 5, 5)], ids=str)
def test_field_block_in_pieces(client, cuts):
    """Also cut within a field, and with an empty piece."""
    block = h2.block(h2.get("/pieces"))
    stream, ends = client.open(), [0, *cuts, len(block)]
    pieces = [block[a:b] for a, b in zip(ends, ends[1:])]
    out = h2.frame(h2.HEADERS, h2.END_STREAM, stream, pieces[0])
    for at, piece in enumerate(pieces[1:], 2):
        out += h2.frame(h2.CONTINUATION, h2.END_HEADERS if at == len(pieces) else 0, stream, piece)
    client.send(out)
    assert client.answer(stream).json()["target"] == "/pieces"


@pytest.mark.parametrize("between", {
    "priority": h2.priority(1, 0), "priority_of_another": h2.priority(3, 0), "data": h2.frame(h2.DATA, 0, 1, b"x"),
    "headers": h2.frame(h2.HEADERS, 5, 1, h2.block(h2.get())),
    "headers_of_another": h2.frame(h2.HEADERS, 5, 3, h2.block(h2.get())),
    "continuation_of_another": h2.frame(h2.CONTINUATION, 4, 3, h2.block(h2.get())),
    "rst_stream": h2.rst_stream(1), "settings": h2.settings(), "ping": h2.ping(),
    "window_update": h2.window_update(0, 1), "goaway": h2.frame(h2.GOAWAY, 0, 0, b"\x00" * 8),
    "unknown": h2.frame(0x77, 0, 0, b"x"), "unknown_on_the_stream": h2.frame(0x77, 0, 1, b"x"),
}.items(), ids=lambda item: item[0])
def test_frame_inside_a_field_block(client, behind, between):
    before = behind.mark()
    block = h2.block(h2.get("/inside"))
    client.open(1)
    client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, block[:20]) + between[1]
                + h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, block[20:]))
    client.expect_goaway(h2.PROTOCOL_ERROR)
    assert behind.mark() == before


# 5.4.1
def test_goaway_names_the_last_stream_that_was_served(client):
    client.get("/one")
    client.get("/two")
    client.send(h2.window_update(0, 0))
    last, _, _ = client.expect_goaway(h2.PROTOCOL_ERROR)
    assert last == 3


def test_a_connection_error_lets_the_end_come_at_once(client):
    client.send(h2.frame(h2.PING, 0, 1, b"\x00" * 8))
    client.expect_goaway(h2.PROTOCOL_ERROR, within=3)


def test_nothing_is_served_after_a_connection_error(client, behind):
    before = behind.mark()
    client.open(1)
    client.send(h2.window_update(0, 0) + h2.frame(h2.HEADERS, 5, 1, h2.block(h2.get("/late"))))
    client.expect_goaway(h2.PROTOCOL_ERROR)
    assert behind.mark() == before


def test_request_in_the_same_batch_before_a_connection_error(client, behind):
    """Whatever of it is served, the client is told the truth: a stream above
    GOAWAY's last id has not reached the upstream."""
    before = behind.mark()
    client.open(1)
    client.send(h2.frame(h2.HEADERS, 5, 1, h2.block(h2.get("/early"))) + h2.window_update(0, 0))
    last, _, _ = client.expect_goaway(h2.PROTOCOL_ERROR)
    assert last >= 1 or behind.mark() == before
