"""RFC 9113 5.2 and 6.9: flow control. The client counts each DATA frame
against both windows, so that a byte too many fails every test."""
import threading

import pytest
from harness import echo, h2_wire as h2, reply
from harness.h2_frames import connect

BODY = bytes(range(256)) * 800  # 204,800 bytes
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture
def large(behind):
    with behind.answering(reply(LARGE)):
        yield behind


# 6.9
@pytest.mark.parametrize("where", ["connection", "stream"])
def test_increment_of_0(client, held, where):
    stream = client.request("/held")
    client.send(h2.window_update(stream if where == "stream" else 0, 0))
    if where == "stream":
        client.expect_reset(stream, h2.PROTOCOL_ERROR)
    else:
        client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 3, 5])
@pytest.mark.parametrize("where", ["connection", "stream"])
def test_window_update_of_a_wrong_length(client, held, size, where):
    stream = client.request("/held")
    client.send(h2.frame(h2.WINDOW_UPDATE, 0, stream if where == "stream" else 0, b"\x00" * size))
    client.expect_goaway(h2.FRAME_SIZE_ERROR)


# 6.9.1
def test_connection_window_above_the_largest(client):
    client.send(h2.window_update(0, h2.LARGEST) * 2)
    client.expect_goaway(h2.FLOW_CONTROL_ERROR)


def test_stream_window_above_the_largest(client, held):
    stream = client.request("/held")
    client.send(h2.window_update(stream, h2.LARGEST) * 2)
    client.expect_reset(stream, h2.FLOW_CONTROL_ERROR)


def test_windows_of_exactly_the_largest(client, held):
    stream = client.request("/held")
    client.update(stream, h2.LARGEST - h2.WINDOW)
    client.update(0, h2.LARGEST - h2.WINDOW)
    held.release()
    client.credit = False
    assert client.answer(stream).status == 200


def test_stream_window_stops_the_answer(front, large):
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 1)], credit=False) as client:
        stream = client.request()
        found = client.streams[stream]
        for size in (1, 2, 3, 503):
            client.until(lambda: len(found.body) == size, f"{size} bytes")
            client.barrier()
            assert len(found.body) == size
            client.update(stream, {1: 1, 2: 1, 3: 500, 503: 1}[size])
        client.rst(stream)
        client.barrier()


def test_connection_window_stops_the_answer(front, large):
    """Streams with room wait for the connection; each then goes on."""
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 1 << 20)], credit=False) as client:
        streams = [client.request(f"/{n}") for n in range(3)]
        client.until(lambda: client.window == 0, "an empty connection window")
        client.barrier()
        assert sum(len(client.streams[s].body) for s in streams) == h2.WINDOW
        client.update(0, 1 << 20)
        for stream in streams:
            assert client.answer(stream).body == BODY


def test_an_empty_answer_needs_no_window(front, behind):
    with behind.answering(reply(b"HTTP/1.1 204 No Content\r\n\r\n")):
        with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 0)], credit=False) as client:
            assert client.get().status == 204
    with behind.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")):
        with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 0)], credit=False) as client:
            assert client.get().body == b""


# 6.9.2
def test_initial_window_of_0(front, large):
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 0)], credit=False) as client:
        stream = client.request()
        found = client.streams[stream]
        client.until(lambda: found.status == 200, "the head")
        client.barrier()
        assert not found.body
        client.update(stream, 10)
        client.until(lambda: len(found.body) == 10, "ten bytes")
        client.settings([(h2.INITIAL_WINDOW_SIZE, 7)])
        client.until(lambda: len(found.body) == 17, "seven more by SETTINGS")
        client.barrier()
        assert len(found.body) == 17
        client.rst(stream)


def test_negative_window(front, large):
    """A window below 0 must be filled above it before a byte comes."""
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, 100)], credit=False) as client:
        stream = client.request()
        found = client.streams[stream]
        client.until(lambda: len(found.body) == 100, "the window")
        client.settings([(h2.INITIAL_WINDOW_SIZE, 10)])
        client.until(lambda: client.settings_acks == 2, "the acknowledgement")
        assert found.window == -90
        client.update(stream, 90)
        client.barrier()
        assert len(found.body) == 100
        client.update(stream, 5)
        client.until(lambda: len(found.body) == 105, "five more")
        client.barrier()
        assert len(found.body) == 105
        client.rst(stream)


def test_settings_that_overflow_a_window(client, held):
    stream = client.request("/held")
    client.update(stream, h2.LARGEST - h2.WINDOW)
    client.expect_acks(1)  # it may come before the error
    client.send(h2.settings([(h2.INITIAL_WINDOW_SIZE, h2.WINDOW + 1)]))
    client.expect_goaway(h2.FLOW_CONTROL_ERROR)


def test_settings_do_not_change_the_connection_window(front, large):
    with connect(front, settings=[(h2.INITIAL_WINDOW_SIZE, h2.LARGEST)], credit=False) as client:
        stream = client.request()
        client.until(lambda: client.window == 0, "an empty connection window")
        client.barrier()
        client.rst(stream)


# The server's windows.
def test_data_beyond_the_stream_window(client, behind):
    """An upstream that reads nothing: no credit comes back but what buffers
    take, and who sends on without it is stopped."""
    free = threading.Event()
    with behind.answering(lambda connection: (free.wait(30), connection.close())):
        stream = client.request(method="POST", end=False)
        chunk = h2.frame(h2.DATA, 0, stream, b"x" * h2.FRAME)
        for _ in range(64):
            if client.goaway or not client.send(chunk * 64):
                break
        client.expect_reset(stream, h2.FLOW_CONTROL_ERROR)
        free.set()


def test_stalled_uploads_leave_room_for_others(client, behind):
    """Connection credit is returned on receipt: more bytes than its window lie
    with streams that nobody reads, and another stream is served."""
    free = threading.Event()

    def handler(connection):
        if connection.request.target == "/stalled":
            free.wait(30)
            connection.close()
        else:
            echo(connection)
    room = client.peer_settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW)
    with behind.answering(handler):
        for _ in range((1 << 20) // room + 4):
            stream = client.request("/stalled", method="POST", end=False)
            for size in [h2.FRAME] * (room // h2.FRAME):
                client.data(stream, b"x" * size)
            client.barrier()
        answer = client.get("/served", method="POST", body=b"x" * 1000)
        assert answer.json()["body_length"] == 1000
        free.set()


def test_credit_comes_back(client):
    """A body of many windows passes, when the client waits for its credit."""
    said = client.peer_settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW)
    stream = client.request(method="POST", end=False)
    size, sent, seen = 3_000_000, 0, 0
    window, connection = said, h2.WINDOW
    while sent < size:
        for frame in client.frames[seen:]:
            if frame.type == h2.WINDOW_UPDATE:
                grown = int.from_bytes(frame.payload, "big")
                window += grown if frame.stream == stream else 0
                connection += grown if frame.stream == 0 else 0
        seen = len(client.frames)
        room = min(window, connection, h2.FRAME, size - sent)
        if not room:
            client.until(lambda: len(client.frames) > seen, "credit")
            continue
        client.data(stream, b"x" * room)
        sent, window, connection = sent + room, window - room, connection - room
    client.data(stream, end=True)
    assert client.answer(stream).json()["body_length"] == size


def test_padding_gives_credit_back(client):
    """6.1: padding is counted, and what is not body must be returned too."""
    stream = client.request(method="POST", end=False)
    for n in range(300):  # 77 kB of padding, more than a stream's window
        client.data(stream, b"\xff" + b"\x00" * 255, flags=h2.PADDED)
        if n % 50 == 49:
            client.barrier()
    client.data(stream, b"body", end=True)
    assert client.answer(stream).json()["body_length"] == 4


def test_data_of_dead_streams_gives_credit_back(client):
    """What is thrown away must not eat the connection's window for good."""
    for _ in range(40):  # 1.28 MB in all, more than the window
        stream = client.request(method="POST", end=False)
        client.data(stream, b"x" * 16000)
        client.rst(stream)
        client.data(client.request(method="POST", end=False), b"x" * 16000, end=True)
        client.barrier()
    returned = sum(int.from_bytes(f.payload, "big") for f in client.frames
                   if f.type == h2.WINDOW_UPDATE and f.stream == 0)
    assert returned > 40 * 32000 - (1 << 20)
    client.assert_open()
