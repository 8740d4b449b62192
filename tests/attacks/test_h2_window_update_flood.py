"""WINDOW_UPDATE without end: more than the DATA that was sent calls for."""
import pytest
from harness import h2_wire as h2, reply
from harness.h2_attack import HEAD_POST, flood, headers
from harness.h2_frames import connect


@pytest.mark.parametrize("stream", [0, 1], ids=["connection", "stream"])
def test_updates_of_1(proxy, origin, stream):
    flood(proxy, lambda client: headers(client.open(), HEAD_POST, False) + h2.window_update(stream, 1) * 1000, "window_update")


def test_a_client_that_returns_each_byte_at_once(proxy, origin):
    """Two for each DATA frame is what clients do: 10 MiB pass."""
    size = 10 << 20
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)):
        with connect(proxy) as client:
            assert len(client.get("/large", within=30).body) == size
            assert sum(f.type == h2.DATA for f in client.frames) >= size // h2.FRAME


def test_a_few_are_no_flood(proxy, origin):
    with connect(proxy) as client:
        client.send(h2.window_update(0, 1000) * 50)
        client.assert_open()
