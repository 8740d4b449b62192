"""RFC 9113 6.1 to 6.8, 6.10: each frame's stream, length, values and padding."""
import time

import pytest
from harness import h2_wire as h2
from harness.h2_frames import connect

SIZE_OR_PROTOCOL = (h2.FRAME_SIZE_ERROR, h2.PROTOCOL_ERROR)  # 4.2 and the frame's own section differ


# 6.1 DATA
def test_data_on_stream_0(client):
    client.send(h2.frame(h2.DATA, 0, 0, b"x"))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("payload", [b"\x04body", b"\xffbody", b"\x01"], ids=["whole", "longer", "alone"])
def test_data_padding_too_long(client, payload):
    stream = client.request(method="POST", end=False)
    client.data(stream, payload, end=True, flags=h2.PADDED)
    if payload == b"\x04body":  # all padding and no data is allowed
        assert client.answer(stream).json()["body_length"] == 0
    else:
        client.expect_goaway(h2.PROTOCOL_ERROR)


def test_data_padded_without_a_length(client):
    stream = client.request(method="POST", end=False)
    client.data(stream, b"", end=True, flags=h2.PADDED)
    client.expect_goaway(*SIZE_OR_PROTOCOL)


@pytest.mark.parametrize("pad", [0, 1, 255])
def test_data_padded(client, pad):
    stream = client.request(method="POST", end=False)
    client.data(stream, bytes([pad]) + b"body" + b"\x00" * pad, end=True, flags=h2.PADDED)
    assert client.answer(stream).json()["body_length"] == 4


@pytest.mark.parametrize("where", ["before", "after"])
def test_empty_data(client, where):
    stream = client.request(method="POST", end=False)
    if where == "before":
        client.data(stream)
    client.data(stream, b"body", end=where == "before")
    if where == "after":
        client.data(stream, end=True)
    assert client.answer(stream).json()["body_length"] == 4


# 6.2 HEADERS
@pytest.mark.parametrize("pad", [0, 1, 255])
def test_headers_padded(client, pad):
    stream = client.headers(h2.get("/padded"), flags=h2.PADDED, before=bytes([pad]), after=b"\x00" * pad)
    assert client.answer(stream).json()["target"] == "/padded"


def test_headers_padding_too_long(client):
    client.headers(h2.get("/padded"), flags=h2.PADDED, before=b"\xff")
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("flags, payload", [
    (h2.PADDED, b""), (h2.PRIORITISED, b"\x00" * 4), (h2.PADDED | h2.PRIORITISED, b"\x00" * 5)],
    ids=["padded", "prioritised", "both"])
def test_headers_too_short(client, flags, payload):
    client.send(h2.frame(h2.HEADERS, 5 | flags, client.open(), payload))
    client.expect_goaway(*SIZE_OR_PROTOCOL)


def test_headers_padded_and_prioritised(client):
    stream = client.headers(h2.get("/both"), flags=h2.PADDED | h2.PRIORITISED,
                            before=b"\x03" + h2.dependency(0), after=b"\x00" * 3)
    assert client.answer(stream).json()["target"] == "/both"


# 6.4 RST_STREAM
def test_rst_stream_on_stream_0(client):
    client.send(h2.rst_stream(0))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 3, 5])
def test_rst_stream_of_a_wrong_length(client, held, size):
    stream = client.request("/held")
    client.send(h2.frame(h2.RST_STREAM, 0, stream, b"\x00" * size))
    client.expect_goaway(h2.FRAME_SIZE_ERROR)


@pytest.mark.parametrize("code", [h2.NO_ERROR, h2.CANCEL, 0xffffffff])
def test_rst_stream_of_any_code(client, held, code):
    client.rst(client.request("/held"), code)
    held.release()
    client.assert_open()


# 6.5 SETTINGS
BAD_SETTINGS = {
    "ack_with_payload": (h2.frame(h2.SETTINGS, h2.ACK, 0, b"\x00" * 6), h2.FRAME_SIZE_ERROR),
    "on_a_stream": (h2.frame(h2.SETTINGS, 0, 1), h2.PROTOCOL_ERROR),
    "length_5": (h2.frame(h2.SETTINGS, 0, 0, b"\x00" * 5), h2.FRAME_SIZE_ERROR),
    "length_7": (h2.frame(h2.SETTINGS, 0, 0, b"\x00" * 7), h2.FRAME_SIZE_ERROR),
    "enable_push_2": (h2.settings([(h2.ENABLE_PUSH, 2)]), h2.PROTOCOL_ERROR),
    "window_2_31": (h2.settings([(h2.INITIAL_WINDOW_SIZE, 1 << 31)]), h2.FLOW_CONTROL_ERROR),
    "window_2_32": (h2.settings([(h2.INITIAL_WINDOW_SIZE, (1 << 32) - 1)]), h2.FLOW_CONTROL_ERROR),
    "frame_size_below": (h2.settings([(h2.MAX_FRAME_SIZE, h2.FRAME - 1)]), h2.PROTOCOL_ERROR),
    "frame_size_0": (h2.settings([(h2.MAX_FRAME_SIZE, 0)]), h2.PROTOCOL_ERROR),
    "frame_size_above": (h2.settings([(h2.MAX_FRAME_SIZE, 1 << 24)]), h2.PROTOCOL_ERROR),
    "connect_protocol_2": (h2.settings([(h2.ENABLE_CONNECT_PROTOCOL, 2)]), h2.PROTOCOL_ERROR),
    "priorities_2": (h2.settings([(h2.NO_RFC7540_PRIORITIES, 2)]), h2.PROTOCOL_ERROR),
    "bad_behind_good": (h2.settings([(h2.MAX_FRAME_SIZE, h2.FRAME), (h2.ENABLE_PUSH, 7)]), h2.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("case", BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_bad_settings(client, case):
    client.send(case[0])
    client.expect_goaway(case[1])


@pytest.mark.parametrize("pairs", [
    [], [(0x7777, 1)], [(0, 0), (0xffff, 0xffffffff)], [(h2.MAX_CONCURRENT_STREAMS, 0)], [(h2.ENABLE_PUSH, 0)],
    [(h2.MAX_HEADER_LIST_SIZE, 100)], [(h2.HEADER_TABLE_SIZE, 1 << 30)], [(h2.MAX_FRAME_SIZE, (1 << 24) - 1)],
    [(h2.NO_RFC7540_PRIORITIES, 1)]], ids=str)
def test_settings_are_acknowledged(front, pairs):
    with connect(front, settings=pairs) as client:
        client.assert_open()


def test_every_settings_is_acknowledged_once(client):
    for _ in range(10):
        client.settings([(h2.MAX_HEADER_LIST_SIZE, 100_000)])
    client.until(lambda: client.settings_acks == 11, "eleven acknowledgements")
    client.barrier()
    assert client.settings_acks == 11
    client.assert_open()


def test_the_last_of_two_values_counts(front):
    """6.5.3: values are processed in the order in which they appear."""
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 1000), (h2.INITIAL_WINDOW_SIZE, 5)], credit=False) as client:
        stream = client.open()
        client.streams[stream].window = 5
        client.headers(h2.get(), stream=stream)
        client.until(lambda: len(client.streams[stream].body) == 5, "five bytes")
        client.barrier()
        client.rst(stream)


def test_a_small_header_table_is_kept(front):
    """The decoder demands the table size update of RFC 7541 4.2."""
    with connect(front, settings=[(h2.HEADER_TABLE_SIZE, 0)]) as client:
        for _ in range(3):
            client.assert_open()
        client.settings([(h2.HEADER_TABLE_SIZE, 4096)])
        client.settings([(h2.HEADER_TABLE_SIZE, 100)])
        for _ in range(3):
            client.assert_open()


# 6.6 PUSH_PROMISE
@pytest.mark.parametrize("stream", [0, 1, 3])
def test_push_promise(client, stream):
    if stream == 1:
        client.request(method="POST", end=False)
    client.send(h2.frame(h2.PUSH_PROMISE, h2.END_HEADERS, stream, b"\x00\x00\x00\x02" + h2.block(h2.get())))
    client.expect_goaway(h2.PROTOCOL_ERROR)


# 6.7 PING
@pytest.mark.parametrize("payload", [b"\x00" * 8, b"\xff" * 8, b"12345678"])
def test_ping(client, payload):
    client.ping(payload)
    client.until(lambda: client.pongs == [payload], "the same bytes")


def test_ping_acknowledgement_is_not_answered(client):
    client.send(h2.ping(b"unasked!", h2.ACK))
    client.barrier()
    assert b"unasked!" not in client.pongs


def test_ping_on_a_stream(client):
    client.send(h2.frame(h2.PING, 0, 1, b"12345678"))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 7, 9])
@pytest.mark.parametrize("flags", [0, h2.ACK])
def test_ping_of_a_wrong_length(client, size, flags):
    client.send(h2.frame(h2.PING, flags, 0, b"\x00" * size))
    client.expect_goaway(h2.FRAME_SIZE_ERROR)


# 6.8 GOAWAY
def test_goaway_on_a_stream(client):
    client.send(h2.frame(h2.GOAWAY, 0, 1, b"\x00" * 8))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 7])
def test_goaway_too_short(client, size):
    client.send(h2.frame(h2.GOAWAY, 0, 0, b"\x00" * size))
    client.expect_goaway(h2.FRAME_SIZE_ERROR)


@pytest.mark.parametrize("debug", [b"", b"bye" * 100])
def test_goaway_lets_streams_end(client, behind, held, debug):
    before = behind.mark()
    stream = client.request("/held")
    behind.wait_requests(1, before)
    client.send(h2.frame(h2.GOAWAY, 0, 0, b"\x00" * 8 + debug))
    held.release()
    assert client.answer(stream).json()["target"] == "/held"


def test_goaway_and_nothing_open_ends_the_connection(client):
    client.get()
    begun = time.monotonic()
    client.send(h2.frame(h2.GOAWAY, 0, 0, b"\x00" * 8))
    client.wait_end(within=5)
    assert time.monotonic() - begun < 5


def test_goaway_with_an_error_ends_what_is_open(client, behind):
    """And the connection's end behind it: nothing is left hanging."""
    before = behind.mark()
    with behind.answering(lambda connection: (connection.wait_end(), connection.close())):
        client.request("/left")
        [request] = behind.wait_requests(1, before)
        client.send(h2.frame(h2.GOAWAY, 0, 0, b"\x00\x00\x00\x00\x00\x00\x00\x01"))
        client.close()
        assert request.connection.ended.wait(5)


# 6.10 CONTINUATION
def test_continuation_on_stream_0(client):
    client.send(h2.frame(h2.CONTINUATION, 4, 0, h2.block(h2.get())))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("what", ["headers", "data", "continuation"])
def test_continuation_after_the_block(client, held, what):
    stream, block = client.open(method="POST"), h2.block(h2.get("/held", method="POST"))
    frames = {"headers": h2.frame(h2.HEADERS, 4, stream, block),
              "data": h2.frame(h2.HEADERS, 4, stream, block) + h2.frame(h2.DATA, 0, stream, b"x"),
              "continuation": h2.frame(h2.HEADERS, 0, stream, block[:9]) + h2.frame(h2.CONTINUATION, 4, stream, block[9:])}
    client.send(frames[what] + h2.frame(h2.CONTINUATION, 4, stream, h2.literal("x-late", "1")))
    client.expect_goaway(h2.PROTOCOL_ERROR)


def test_continuation_of_trailers(client):
    stream = client.request(method="POST", end=False)
    client.data(stream, b"body")
    block = h2.block([("x-trailer", "value"), ("x-second", "other")])
    client.send(h2.frame(h2.HEADERS, h2.END_STREAM, stream, block[:9])
                + h2.frame(h2.CONTINUATION, h2.END_HEADERS, stream, block[9:]))
    assert client.answer(stream).json()["body_length"] == 4
