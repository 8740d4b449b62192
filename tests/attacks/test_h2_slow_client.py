"""Clients that keep a connection by saying little: each has a limit of its own
(docs/configuration.md, timeouts), and it ends the connection or the stream."""
import time

import pytest
from harness import EchoOrigin, Marquee, h2_wire as h2, reply
from harness.h2_frames import connect

pytestmark = pytest.mark.heavy  # it waits more than it computes

HEAD = 1.0


@pytest.fixture(scope="module")
def brief():
    with EchoOrigin() as origin, Marquee(origin, timeouts={"handshake": HEAD, "head": HEAD, "idle": 1.0, "body": 1.0, "body_floor": 500, "linger": 0.3}) as proxy:
        yield proxy, origin


def ended_within(client, seconds, at_least=0.5):
    begun = time.monotonic()
    how = client.wait_end(within=seconds)
    assert time.monotonic() - begun > at_least
    return how


@pytest.mark.parametrize("said", [b"", h2.PREFACE[:12], h2.PREFACE, h2.PREFACE + h2.settings()[:5]],
                         ids=["nothing", "half_a_preface", "preface", "half_settings"])
def test_preface_that_does_not_come(brief, said):
    with connect(brief[0], start=False) as client:
        client.acknowledge = False
        client.send(said)
        ended_within(client, HEAD + 5)


def test_idle_connection(brief):
    """With notice: GOAWAY NO_ERROR, so that a client knows what was served."""
    with connect(brief[0]) as client:
        client.assert_open()
        ended_within(client, 6)
        assert client.goaway and client.goaway[:2] == (1, h2.NO_ERROR)


def test_pings_do_not_hold_an_idle_connection(brief):
    with connect(brief[0]) as client:
        client.assert_open()
        begun = time.monotonic()
        while not client.link.ended and time.monotonic() < begun + 8:
            client.send(h2.ping())
            client.link.take_in()
            time.sleep(0.1)  # its pace
        assert client.link.ended, "PING held the connection"


@pytest.mark.parametrize("cut", [0, 5, 30])
def test_field_block_that_does_not_end(brief, cut):
    """HEADERS without END_HEADERS, or a frame that is not complete."""
    with connect(brief[0]) as client:
        if cut:
            client.send(h2.frame(h2.HEADERS, 5, client.open(), h2.block(h2.get()))[:cut])
        else:
            client.send(h2.frame(h2.HEADERS, 1, client.open(), h2.block(h2.get())))
        ended_within(client, HEAD + 5, 0.3)


def test_field_block_byte_by_byte(brief):
    """Progress does not move the limit."""
    with connect(brief[0]) as client:
        frame = h2.frame(h2.HEADERS, 5, client.open(), h2.block(h2.get("/" + "x" * 500)))
        begun = time.monotonic()
        for byte in frame:
            if not client.send(bytes([byte])) or client.link.ended:
                break
            time.sleep(0.05)  # its pace
        client.wait_end(5)
        assert time.monotonic() - begun < HEAD + 5


def test_slow_body(brief):
    """408 or a reset of that stream; the others of the connection are served."""
    with connect(brief[0]) as client:
        stream = client.request("/slow", method="POST", end=False)
        found = client.streams[stream]
        begun = time.monotonic()
        while not found.done and time.monotonic() < begun + 10:
            client.data(stream, b"x")
            client.barrier()
            time.sleep(0.1)  # its pace
        assert found.status == 408 or found.reset is not None, "1 byte in 100 ms went on"
        client.assert_open()


def test_slow_read(brief):
    """A window that stays closed under an answer that waits."""
    proxy, origin = brief
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000000)):
        with connect(proxy, settings=[(h2.INITIAL_WINDOW_SIZE, 10)], credit=False) as client:
            stream = client.request("/large")
            found = client.streams[stream]
            client.until(lambda: found.reset is not None or client.goaway, "the end of a stream that is not read", 12)
