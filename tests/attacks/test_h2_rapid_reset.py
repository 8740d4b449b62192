"""Rapid reset (CVE-2023-44487): requests that are taken back at once. GOAWAY
within 200, and not more than 100 of them reach an upstream."""
import threading

import pytest
from harness import echo, eventually, h2_wire as h2
from harness.h2_attack import CALM, counted, flood, headers, opened
from harness.h2_frames import connect


@pytest.mark.parametrize("code", [h2.CANCEL, h2.NO_ERROR, h2.PROTOCOL_ERROR], ids=h2.code_name)
def test_in_one_write(proxy, origin, code):
    before = origin.mark()
    flood(proxy, lambda client: opened(client, 200, lambda s: headers(s) + h2.rst_stream(s, code)), "rapid_reset", rounds=1)
    assert len([r for r in origin.requests[before:] if r.target == "/flood"]) <= 100


def test_again_and_again(proxy, origin):
    flood(proxy, lambda client: opened(client, 1000, lambda s: headers(s) + h2.rst_stream(s)), "rapid_reset")


def test_each_reaches_the_upstream_first(proxy, origin):
    """Taken back only when they were seen there."""
    free = threading.Event()
    seen = counted(proxy, "rapid_reset")

    def handler(connection):
        if connection.request.target == "/flood":
            free.wait(20)
            connection.close()
        else:
            echo(connection)
    with connect(proxy) as client, origin.answering(handler):
        before = origin.mark()

        def reached():
            return sum(r.target == "/flood" for r in origin.requests[before:])

        def ended(client):
            client.link.take_in()
            return client.link.ended
        for n in range(20, 220, 20):
            streams = [client.headers(h2.get("/flood")) for _ in range(20)]
            eventually(lambda: reached() >= n or ended(client), 5, "the requests, or the end")
            client.send(b"".join(h2.rst_stream(s) for s in streams))
        free.set()
        client.expect_goaway(CALM)
    assert reached() <= 100
    assert counted(proxy, "rapid_reset") == seen + 1


def test_in_the_batch_of_their_requests(proxy, origin):
    """What is taken back within the same read never reaches an upstream."""
    before = origin.mark()
    with connect(proxy) as client:
        client.link.send(opened(client, 50, lambda s: headers(s) + h2.rst_stream(s)))
        for stream in client.streams.values():
            stream.left = True
        client.assert_open()
    assert not [r for r in origin.requests[before:] if r.target == "/flood"]


def test_a_few_are_no_flood(proxy, origin):
    """Browsers cancel what a page no longer needs."""
    with connect(proxy) as client:
        for _ in range(30):
            client.rst(client.request("/cancelled"))
        client.assert_open()
