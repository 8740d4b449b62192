"""An upstream that dies after its head went out (design 2): the client's
connection is aborted; a cut answer is never made to look complete."""
import threading

import pytest
from harness import ConnectionEnded, Deadline, Truncated, chunk
from harness.client import request

HEADS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"half"),
    "chunked_in_chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nhalf",
    "chunked_in_trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX: y\r\n",
}


def dying(raw, how, seen):
    """Sends, waits until the client has it, dies."""
    def handler(connection):
        connection.read_body()
        connection.send(raw)
        assert seen.wait(10)
        getattr(connection, how)()
    return handler


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("case", HEADS)
def test_client_sees_the_cut(proxy, origin, case, how, scheme):
    seen = threading.Event()
    with origin.answering(dying(HEADS[case], how, seen)), \
            (proxy.tls("bakery.test") if scheme == "https" else proxy.plain()) as client:
        client.send(request())
        head = client.head()
        assert head.status == 200
        seen.set()
        got = bytearray()
        with pytest.raises(Truncated):
            client.body(head, "GET", Deadline(8), got.extend, got)
    assert b"half".startswith(bytes(got))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_1_0_client_sees_an_abort(proxy, origin, scheme):
    """Its answer ends with the connection, so only the kind of end can tell:
    RST, or TLS without close_notify."""
    seen = threading.Event()
    with origin.answering(dying(HEADS["chunked"], "close", seen)), \
            (proxy.tls("bakery.test") if scheme == "https" else proxy.plain()) as client:
        client.send(request(version="1.0"))
        head = client.head()
        seen.set()
        try:
            client.body(head, "GET", Deadline(8), lambda _: None)
        except (Truncated, ConnectionEnded):
            return
        assert head.end in ("reset", "ragged", "alert"), f"a cut answer ended like a whole one: {head.end}"


def test_next_pipelined_request_is_not_answered_in_its_place(proxy, origin):
    seen = threading.Event()
    seen.set()
    with origin.answering(dying(HEADS["length"], "close", seen)), proxy.plain() as client:
        client.send(request() + request("GET", "/second"))
        with pytest.raises(Truncated) as cut:
            client.response()
    assert b"HTTP/1.1" not in cut.value.partial


def test_death_before_the_head_is_a_502(proxy, origin):
    with origin.answering(lambda c: (c.read_body(), c.send(b"HTTP/1.1 200 OK\r\nX: "), c.close())), proxy.plain() as client:
        assert client.get("/", method="POST", body=b"x").status == 502


def test_death_after_interim_is_a_502(proxy, origin):
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    with origin.answering(lambda c: (c.read_body(), c.send(raw), c.close())), proxy.plain() as client:
        answer = client.get("/", method="POST", body=b"x")
    assert answer.status == 502


def test_death_during_upload_is_a_502(proxy, origin):
    with origin.answering(lambda c: (c.read_some(1000), c.reset())), proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 500_000)
        answer = client.response()
    assert answer.status == 502
