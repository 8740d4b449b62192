"""Connection: Upgrade tunnels (RFC 9110 7.8, RFC 6455)."""
import os
import time

import pytest
from harness import EchoOrigin, Marquee
from harness.attack import canary
from harness.deadline import Deadline
from harness.tunnel import KEY, SWITCH, UPGRADE, exactly, mirror, opened

@pytest.mark.parametrize("scheme", ["http", "https"])
def test_bytes_both_ways(proxy, origin, scheme):
    with origin.answering(mirror), (proxy.plain() if scheme == "http" else proxy.tls("bakery.test")) as client:
        opened(client)
        for size in (1, 7, 20_000, 1_000_000):
            data = os.urandom(size)
            client.send(data)
            assert exactly(client, size) == data


def test_request_to_the_upstream(proxy, origin, tenants):
    before = origin.mark()
    with origin.answering(mirror), proxy.plain() as client:
        opened(client)
    request = origin.requests[before]
    assert request.field("upgrade").lower() == "websocket" and "upgrade" in request.field("connection").lower()
    assert request.field("sec-websocket-key") == KEY and request.field("x-site-id") == tenants["bakery.test"].site


def test_bytes_behind_the_request_are_not_lost(proxy, origin):
    with origin.answering(mirror), proxy.plain() as client:
        opened(client, b"early")
        assert exactly(client, 5) == b"early"


def test_upstream_speaks_first(proxy, origin):
    def handler(connection):
        connection.send(SWITCH + b"hello")
        connection.wait_end()
        connection.close()
    with origin.answering(handler), proxy.plain() as client:
        opened(client)
        assert exactly(client, 5) == b"hello"


def test_not_a_request_any_more(proxy, origin):
    raw = b"GET /smuggled HTTP/1.1\r\nHost: clinic.test\r\n\r\n"
    before = origin.mark()
    with origin.answering(mirror), proxy.plain() as client:
        opened(client)
        client.send(raw)
        assert exactly(client, len(raw)) == raw
    assert len(origin.requests) == before + 1


@pytest.mark.parametrize("who", ["client", "origin"])
def test_end_is_passed_on(proxy, origin, who):
    before = origin.mark()
    with origin.answering(mirror), proxy.plain() as client:
        opened(client)
        connection = origin.wait_requests(1, before)[0].connection
        if who == "client":
            client.close()
            assert connection.ended.wait(5)
        else:
            connection.close()
            client.assert_closed(5)


def test_half_close_is_passed_on(proxy, origin):
    """The client has said all; the answer still comes whole."""
    def handler(connection):
        connection.send(SWITCH)
        reader = connection.reader
        how = reader.to_end(Deadline(10, "the client's end"), data.extend)
        assert how == "eof"
        connection.send(b"said: " + bytes(data))
        connection.close()
    data = bytearray()
    with origin.answering(handler), proxy.plain() as client:
        opened(client)
        client.send(b"question")
        client.half_close()
        assert client.bytes_until_end(10) == (b"said: question", "eof")


@pytest.fixture(scope="module")
def brief():
    with EchoOrigin(mirror) as origin, Marquee(origin, timeouts={"tunnel_idle": 1.0}) as proxy:
        yield proxy


def test_idle_limit(brief):
    with brief.plain() as client:
        opened(client)
        start = time.monotonic()
        client.assert_closed(6)
        assert time.monotonic() - start > 0.7


@pytest.mark.parametrize("direction", ["both", "up_only"])
def test_traffic_holds_it_open(direction):
    def swallow(connection):
        connection.send(SWITCH)
        connection.wait_end()
        connection.close()
    with EchoOrigin(mirror if direction == "both" else swallow) as origin, Marquee(origin, timeouts={"tunnel_idle": 1.0}) as proxy:
        with proxy.plain() as client:
            opened(client)
            end = time.monotonic() + 2.5  # more than two limits long
            while time.monotonic() < end:
                client.send(b"x")
                if direction == "both":
                    assert exactly(client, 1) == b"x"
                time.sleep(0.1)  # the pace of the traffic
            assert client.reader.ended is None
            client.send(b"y")
            if direction == "both":
                assert exactly(client, 1) == b"y"


@pytest.mark.parametrize("how", ["reset", "ragged"])
def test_a_client_may_leave_rudely_after_the_upstream_has_ended(proxy, origin, how):
    """A WebSocket's server closes first (RFC 6455 7.1.1); a client that then just
    goes, without close_notify or with a reset, has lost nothing."""
    target = canary()

    def handler(connection):
        connection.send(SWITCH + b"bye")
        connection.half_close()
        connection.wait_end()
    before = proxy.metrics()
    with origin.answering(handler), proxy.tls("bakery.test") as client:
        client.send(UPGRADE.replace(b"/socket", target.encode()))
        assert client.response().status == 101
        assert client.bytes_until_end(5) == (b"bye", "eof")
        if how == "reset":
            client.reset()
        else:
            client.close()  # a FIN without close_notify
        record = proxy.access.wait(lambda r: r.value("target") == target)[0]
    assert record.value("reason") is None, record
    assert proxy.metrics().sum("marquee_client_losses_total") == before.sum("marquee_client_losses_total")
