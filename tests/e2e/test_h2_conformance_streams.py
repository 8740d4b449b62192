"""RFC 9113 5.1 to 5.3: states of a stream, its id, how many, and priority."""
import pytest
from harness import echo, h2_wire as h2
from harness.h2_frames import connect

BLOCK = h2.block(h2.get("/late"))


# 5.1: idle
@pytest.mark.parametrize("frame", {
    "data": h2.frame(h2.DATA, h2.END_STREAM, 1, b"x"), "rst_stream": h2.rst_stream(1),
    "window_update": h2.window_update(1, 100), "continuation": h2.frame(h2.CONTINUATION, 4, 1, BLOCK),
    "rst_stream_of_the_servers": h2.rst_stream(2), "window_update_of_the_servers": h2.window_update(2, 1),
    "data_of_the_servers": h2.frame(h2.DATA, 0, 2, b"x"),
}.items(), ids=lambda item: item[0])
def test_idle(client, frame):
    client.send(frame[1])
    client.expect_goaway(h2.PROTOCOL_ERROR)


def test_idle_priority_is_taken(client):
    client.send(h2.priority(7, 0))
    client.assert_open()


# 5.1: half-closed (remote)
@pytest.mark.parametrize("kind", ["data", "data_end", "headers", "headers_without_end"])
def test_half_closed_remote(client, held, kind):
    stream = client.request("/held")
    client.send({"data": h2.frame(h2.DATA, 0, stream, b"x"), "data_end": h2.frame(h2.DATA, 1, stream, b"x"),
                 "headers": h2.frame(h2.HEADERS, 5, stream, BLOCK),
                 "headers_without_end": h2.frame(h2.HEADERS, 4, stream, BLOCK)}[kind])
    client.expect_reset(stream, h2.STREAM_CLOSED)


def test_half_closed_remote_continuation(client, held):
    stream = client.request("/held")
    client.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS, stream, BLOCK))
    client.expect_goaway(h2.PROTOCOL_ERROR)


def test_half_closed_remote_window_update_and_priority(client, held):
    stream = client.request("/held")
    client.update(stream, 100)
    client.send(h2.priority(stream, 0))
    client.barrier()
    held.release()
    assert client.answer(stream).status == 200


def test_half_closed_remote_rst_stream(client, behind):
    before = behind.mark()
    with behind.answering(lambda connection: (connection.wait_end(), connection.close())):
        stream = client.request("/left")
        [request] = behind.wait_requests(1, before)
        client.rst(stream)
        assert request.connection.ended.wait(5), "the upstream still works for a client that left"
    client.assert_open()


def test_headers_after_trailers(client, held):
    stream = client.request("/held", method="POST", end=False)
    client.data(stream, b"x")
    client.headers([("x-trailer", "1")], stream=stream)
    client.headers([("x-trailer", "2")], stream=stream)
    client.expect_reset(stream, h2.STREAM_CLOSED)


# 5.1: closed
@pytest.mark.parametrize("kind", ["data", "headers"])
def test_closed_by_the_clients_reset(client, held, kind):
    stream = client.request("/held", method="POST", end=False)
    client.rst(stream)
    client.send(h2.frame(h2.DATA, 1, stream, b"x") if kind == "data" else h2.frame(h2.HEADERS, 5, stream, BLOCK))
    client.expect_reset(stream, h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


def test_closed_by_the_clients_reset_continuation(client, held):
    stream = client.request("/held", method="POST", end=False)
    client.rst(stream)
    client.send(h2.frame(h2.CONTINUATION, 4, stream, BLOCK))
    client.expect_goaway(h2.PROTOCOL_ERROR, h2.STREAM_CLOSED)


@pytest.mark.parametrize("kind", ["data", "headers"])
def test_closed_by_both_ends(client, kind):
    stream = client.request()
    client.answer(stream)
    client.streams[stream].left = True  # an error on it may come
    client.send(h2.frame(h2.DATA, 1, stream, b"x") if kind == "data" else h2.frame(h2.HEADERS, 5, stream, BLOCK))
    client.expect_reset(stream, h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


def test_closed_by_both_ends_continuation(client):
    stream = client.request()
    client.answer(stream)
    client.send(h2.frame(h2.CONTINUATION, 4, stream, BLOCK))
    client.expect_goaway(h2.PROTOCOL_ERROR, h2.STREAM_CLOSED)


@pytest.mark.parametrize("late", [h2.window_update(1, 1), h2.rst_stream(1), h2.priority(1, 0)],
                         ids=["window_update", "rst_stream", "priority"])
def test_closed_frames_that_may_be_late(client, late):
    client.get()
    client.send(late)
    client.assert_open()


def test_closed_by_the_servers_reset(client):
    """5.1: what was sent before the client saw the reset is ignored, and the
    connection window does not leak."""
    stream = client.headers(h2.get("/", method="POST", more=[("content-length", "1")]), end=False)
    client.data(stream, b"four")
    client.expect_malformed(stream)
    if not client.goaway:
        for _ in range(20):
            client.send(h2.frame(h2.DATA, 0, stream, b"x" * 1000))
        client.send(h2.window_update(stream, 1) + h2.rst_stream(stream))
        client.assert_open()


# 5.1.1
@pytest.mark.parametrize("stream", [2, 100])
def test_even_id(client, stream):
    client.headers(h2.get(), stream=stream)
    client.expect_goaway(h2.PROTOCOL_ERROR)


def test_decreasing_id(client, behind):
    client.headers(h2.get("/five"), stream=5)
    client.answer(5)
    before = behind.mark()
    client.headers(h2.get("/three"), stream=3)
    client.expect_goaway(h2.PROTOCOL_ERROR)
    assert behind.mark() == before


def test_id_used_again(client):
    client.get()
    client.streams.clear()
    client.headers(h2.get(), stream=1)
    client.expect_reset(1, h2.STREAM_CLOSED, h2.PROTOCOL_ERROR)


def test_ids_may_skip(client):
    for stream in (5, 1001, h2.LARGEST - 2):
        client.headers(h2.get(f"/{stream}"), stream=stream)
        assert client.answer(stream).status == 200


def test_largest_id(client):
    client.headers(h2.get("/last"), stream=h2.LARGEST)
    assert client.answer(h2.LARGEST).json()["target"] == "/last"


def test_headers_on_stream_0(client):
    client.send(h2.frame(h2.HEADERS, 5, 0, BLOCK))
    client.expect_goaway(h2.PROTOCOL_ERROR)


# 5.1.2
def test_more_streams_than_announced(client, behind, held):
    limit = client.peer_settings[h2.MAX_CONCURRENT_STREAMS]
    before = behind.mark()
    streams = [client.request(f"/{n}") for n in range(limit)]
    behind.wait_requests(limit, before, within=15)
    extra = client.request("/extra")
    client.expect_reset(extra, h2.REFUSED_STREAM, h2.PROTOCOL_ERROR)
    held.release()
    if not client.goaway:  # or an error of the connection (5.4.1)
        for stream in streams:
            assert client.answer(stream, within=20).status == 200
        client.assert_open()
    assert not [r for r in behind.requests[before:] if r.target == "/extra"]


def test_field_block_of_a_refused_stream_counts_for_hpack(client, behind, held):
    """4.3: the decoder's state is kept whatever becomes of the stream."""
    limit = client.peer_settings[h2.MAX_CONCURRENT_STREAMS]
    before = behind.mark()
    for n in range(limit):
        client.request(f"/{n}")
    behind.wait_requests(limit, before, within=15)
    extra = client.headers(h2.block(h2.get("/extra")) + h2.literal("x-kept", "still here", 0x40))
    client.expect_reset(extra, h2.REFUSED_STREAM, h2.PROTOCOL_ERROR)
    held.release()
    if client.goaway:
        return
    for stream in list(client.streams)[:limit]:
        client.answer(stream, within=20)
    stream = client.headers(h2.block(h2.get("/after")) + h2.indexed(62))
    assert ["x-kept", "still here"] in client.answer(stream).json()["fields"]


def test_a_stream_ends_and_another_may_begin(client):
    limit = client.peer_settings[h2.MAX_CONCURRENT_STREAMS]
    for begin in range(3):
        streams = [client.request(f"/{begin}/{n}") for n in range(limit)]
        for stream in streams:
            assert client.answer(stream, within=20).status == 200


# 5.3
@pytest.mark.parametrize("with_headers", [True, False], ids=["headers", "priority"])
def test_stream_that_depends_on_itself(client, held, with_headers):
    if with_headers:
        stream = client.headers(h2.get("/self"), flags=h2.PRIORITISED, before=h2.dependency(client.next_id))
    else:
        stream = client.request("/self")
        client.send(h2.priority(stream, stream))
    client.expect_reset(stream, h2.PROTOCOL_ERROR)


def test_idle_stream_that_depends_on_itself(client):
    client.open(1)
    client.send(h2.priority(1, 1))
    client.expect_reset(1, h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("size", [0, 4, 6])
def test_priority_of_a_wrong_length(client, held, size):
    stream = client.request("/held")
    client.send(h2.frame(h2.PRIORITY, 0, stream, b"\x00" * size))
    client.expect_reset(stream, h2.FRAME_SIZE_ERROR)


def test_priority_on_stream_0(client):
    client.send(h2.frame(h2.PRIORITY, 0, 0, h2.dependency(1)))
    client.expect_goaway(h2.PROTOCOL_ERROR)


@pytest.mark.parametrize("on", [0, 99, 2], ids=["root", "idle", "the_servers"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_priority_is_taken(client, on, exclusive):
    stream = client.headers(h2.get("/priority"), flags=h2.PRIORITISED, before=h2.dependency(on, 255, exclusive))
    assert client.answer(stream).status == 200


def test_streams_interleave(front, behind, held):
    """A stream that waits holds up no other."""
    with connect(front) as client:
        before = behind.mark()
        slow = client.request("/slow")
        behind.wait_requests(1, before)
        with behind.answering(echo):
            for _ in range(5):
                client.assert_open()
        assert not client.streams[slow].done
        held.release()
        assert client.answer(slow).json()["target"] == "/slow"
