"""Pools: reuse, one safe retry, failures and their status, ejection."""
import contextlib
import socket
import tempfile
import threading
import time

import pytest
from harness import (Domain, EchoOrigin, Marquee, Truncated, Upstream, chunk, echo, eventually, reply)
from harness.client import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.contextmanager
def refusing_port():
    """Bound and not listening: connects are refused, and nobody gets the port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextlib.contextmanager
def black_hole():
    """An address whose connects hang: its accept queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def one():
    """One worker, so that a pooled connection is the one that is reused."""
    with EchoOrigin() as origin, Marquee(
            workers=1, upstreams=[Upstream("main", [origin.endpoint], first_byte=0.5, read_idle=0.5)]) as proxy:
        yield proxy, origin


def dies_when_reused(*, read_body=True, how="close", fresh=echo):
    """Answers the first request of a connection; kills the second, unanswered."""
    def handler(connection):
        if connection.served == 0:
            return fresh(connection)
        if read_body:
            connection.read_body()
        return getattr(connection, how)()
    return handler


def primed(proxy, origin):
    """A pooled connection that has served once."""
    origin.drop_connections("half_close")
    for connection in origin.connections:
        assert connection.ended.wait(5)
    with proxy.plain() as client:
        assert client.get("/prime").status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method,body", [("GET", None), ("HEAD", None), ("DELETE", None), ("PUT", b"x" * 1000), ("PUT", b"x" * 16000)],
                         ids=["get", "head", "delete", "put", "put_16k"])
def test_retried_once_on_a_fresh_connection(one, method, body, how):
    proxy, origin = one
    with origin.answering(dies_when_reused(how=how)):
        primed(proxy, origin)
        before = origin.mark()
        with proxy.plain() as client:
            answer = client.get("/again", method=method, body=body)
    assert answer.status == 200
    seen = origin.requests[before:]
    assert [r.target for r in seen] == ["/again", "/again"]
    assert seen[0].connection.number != seen[1].connection.number
    if body:
        assert answer.json()["body_length"] == len(body)
        assert seen[0].body == body  # and the second copy is whole, by its length above


@pytest.mark.parametrize("method,body", [("POST", b"x" * 10), ("PATCH", b"x"), ("PUT", b"x" * 400_000), ("POST", None)],
                         ids=["post", "patch", "put_400k", "post_empty"])
def test_not_retried_when_it_may_have_acted(one, method, body):
    """Not idempotent, or its bytes are gone: 502, and one arrival only."""
    proxy, origin = one
    with origin.answering(dies_when_reused()):
        primed(proxy, origin)
        before = origin.mark()
        with proxy.plain() as client:
            answer = client.get("/again", method=method, body=body)
    assert answer.status == 502
    assert len(origin.requests[before:]) == 1


def test_retried_only_once(one):
    """The fresh connection dies as well: 502, not a third try."""
    proxy, origin = one
    armed = []

    def handler(connection):
        if not armed:
            return echo(connection)
        return connection.close()
    with origin.answering(handler):
        primed(proxy, origin)
        armed.append(True)
        before = origin.mark()
        with proxy.plain() as client:
            assert client.get("/again").status == 502
    assert len(origin.requests[before:]) == 2


def test_not_retried_after_an_answer_byte(one):
    proxy, origin = one

    def handler(connection):
        if connection.served == 0:
            return echo(connection)
        connection.send(b"H")
        return connection.close()
    with origin.answering(handler):
        primed(proxy, origin)
        before = origin.mark()
        with proxy.plain() as client:
            assert client.get("/again").status == 502
    assert len(origin.requests[before:]) == 1


def test_peer_close_of_an_idle_connection_is_noticed(one):
    """Without a request: so a POST that follows is never sent into the void."""
    proxy, origin = one
    primed(proxy, origin)
    connection = next(c for c in origin.connections if not c.ended.is_set())
    connection.half_close()
    assert connection.ended.wait(5), "the proxy kept a connection whose peer has ended it"
    with proxy.plain() as client:
        assert client.get("/", method="POST", body=b"x").status == 200


def test_connection_close_of_the_upstream_is_heeded(one):
    proxy, origin = one
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")):
        before = origin.mark()
        with proxy.plain() as client:
            for _ in range(3):
                assert client.get("/").body == b"ok"
    numbers = {r.connection.number for r in origin.requests[before:]}
    assert len(numbers) == 3


def test_http_1_0_upstream(one):
    proxy, origin = one
    with origin.answering(reply(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", then="close")), proxy.plain() as client:
        assert client.get("/").body == b"ok"
        assert client.get("/").body == b"ok"


def test_first_byte_timeout(one):
    proxy, origin = one
    with origin.answering(lambda c: (c.read_body(), c.wait_end(), c.close())):
        start = time.monotonic()
        before = origin.mark()
        with proxy.plain() as client:
            answer = client.get("/", method="POST", body=b"x")
        took = time.monotonic() - start
    assert answer.status == 504 and 0.4 < took < 5
    assert origin.requests[before].connection.ended.wait(5), "the connection of a late answer was kept"
    assert len(origin.requests[before:]) == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"half")],
                         ids=["length", "chunked"])
def test_silence_in_mid_body_aborts(one, framing):
    proxy, origin = one

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\n" + framing)
        connection.wait_end()
        connection.close()
    with origin.answering(handler), proxy.plain() as client, pytest.raises(Truncated) as cut:
        client.get("/", within=8)
    assert cut.value.partial == b"half"


def test_slow_upload_is_not_a_slow_upstream(one):
    """first_byte runs from the end of the request."""
    proxy, _ = one
    with proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 8000\r\n\r\n")
        for _ in range(8):
            client.send(b"x" * 1000)
            time.sleep(0.1)  # the upload's pace: in all longer than first_byte, each pause shorter than read_idle
        assert client.response().status == 200


def test_total_time():
    """A drip that never pauses long enough for read_idle ends all the same."""
    def drip(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.send(chunk(b"x" * 1000))
                time.sleep(0.1)  # the drip's pace
            raise AssertionError("nobody ended the drip")
        connection.close()
    with EchoOrigin(drip) as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint], total=1.0)]) as proxy:
        with proxy.plain() as client, pytest.raises(Truncated):
            client.get("/", within=8)
        assert not origin.errors


@pytest.mark.parametrize("what", ["refused", "hangs"])
def test_connect_failure(what):
    with (refusing_port() if what == "refused" else black_hole()) as port, Marquee(
            upstreams=[Upstream("main", [f"http://127.0.0.1:{port}"], connect=0.4)]) as proxy:
        start = time.monotonic()
        with proxy.plain() as client:
            answer = client.get("/")
        assert answer.status == (502 if what == "refused" else 504)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("what", ["refused", "hangs"])
@pytest.mark.parametrize("balance", ["least_loaded", "round_robin"])
def test_connect_failure_goes_to_another_endpoint(what, balance):
    """No byte was sent, so any method may go elsewhere."""
    with (refusing_port() if what == "refused" else black_hole()) as port, EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [f"http://127.0.0.1:{port}", origin.endpoint], connect=0.3, balance=balance)]) as proxy:
        with proxy.plain() as client:
            for n in range(6):
                assert client.get("/", method="POST" if n % 2 else "GET", body=b"x" if n % 2 else None).status == 200


def test_round_robin_is_even():
    with EchoOrigin() as a, EchoOrigin() as b, Marquee(
            workers=1, upstreams=[Upstream("main", [a.endpoint, b.endpoint], balance="round_robin")]) as proxy:
        with proxy.plain() as client:
            for _ in range(10):
                assert client.get("/").status == 200
        assert (len(a.requests), len(b.requests)) == (5, 5)


def test_least_loaded_avoids_the_busy_one():
    """Requests in flight at one endpoint: nothing more goes there."""
    let_go = threading.Event()

    def busy(connection):
        connection.read_body()
        if connection.request.target == "/hold":
            let_go.wait(20)
        connection.send(OK)
    with EchoOrigin(busy) as a, EchoOrigin(busy) as b, Marquee(
            workers=1, upstreams=[Upstream("main", [a.endpoint, b.endpoint], first_byte=30)]) as proxy:
        with proxy.plain() as holder, proxy.plain() as client:
            holder.send(request("GET", "/hold"))
            eventually(lambda: a.requests or b.requests, 5, "the held request")
            held, free = (a, b) if a.requests else (b, a)
            for _ in range(20):
                assert client.get("/quick").status == 200
            assert len(held.requests) == 1 and len(free.requests) == 20
            let_go.set()
            assert holder.response().status == 200


@pytest.mark.parametrize("fault", ["reset", "garbage", "silent"])
def test_ejection_and_the_way_back(fault):
    """Two failures in a row: left out. After its time, one probe, and back."""
    sick = []

    def moody(connection):
        if not sick:
            return echo(connection)
        connection.read_body()
        if fault == "garbage":
            connection.send(b"garbage\r\n\r\n")
        elif fault == "silent":
            connection.wait_end()
        return connection.close()
    with EchoOrigin(moody) as a, EchoOrigin() as b, Marquee(
            workers=1, upstreams=[Upstream("main", [a.endpoint, b.endpoint], balance="round_robin", first_byte=0.3,
                                           ejection={"consecutive_failures": 2, "duration": 0.8, "max_percent": 50})]) as proxy:
        def post():
            with proxy.plain() as client:
                return client.get("/", method="POST", body=b"x").status
        assert [post() for _ in range(6)] == [200] * 6
        sick.append(True)
        failures = 0
        while failures < 2:  # POSTs are not retried, so each failure shows
            failures += post() != 200
            assert len(a.requests) < 20
        reached = len(a.requests)
        assert [post() for _ in range(10)] == [200] * 10
        assert len(a.requests) == reached, "an ejected endpoint was asked"
        sick.clear()
        eventually(lambda: post() == 200 and len(a.requests) > reached + 3, 10, "the endpoint to be taken back")


def test_one_endpoint_always_stays():
    with EchoOrigin(lambda c: c.close()) as only, Marquee(
            workers=1, upstreams=[Upstream("main", [only.endpoint], ejection={"consecutive_failures": 1, "duration": 30})]) as proxy:
        for _ in range(4):
            with proxy.plain() as client:
                assert client.get("/").status == 502
        only.handler = echo
        with proxy.plain() as client:
            assert client.get("/").status == 200


def test_unix_endpoint():
    with tempfile.TemporaryDirectory(prefix="mq-", dir="/tmp") as folder, EchoOrigin(unix_path=f"{folder}/o") as origin, \
            Marquee(upstreams=[Upstream("main", [origin.endpoint])]) as proxy, proxy.plain() as client:
        assert client.get("/over-unix", method="POST", body=b"abc").json()["body_length"] == 3


def test_dns_name_endpoint():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [f"http://localhost:{origin.address[1]}"])]) as proxy, proxy.plain() as client:
        assert client.get("/").status == 200


def test_unresolvable_name_is_a_bad_gateway():
    with Marquee(upstreams=[Upstream("main", ["http://does-not-exist.invalid:80"])]) as proxy, proxy.plain() as client:
        assert client.get("/", within=15).status in (502, 503, 504)


def test_host_field():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("client", [origin.endpoint]), Upstream("fixed", [origin.endpoint], host_field="inner.test"),
                       Upstream("endpoint", [origin.endpoint], host_field="endpoint")],
            domains=[Domain("a.test", upstream="client"), Domain("b.test", upstream="fixed"), Domain("c.test", upstream="endpoint")]) as proxy:
        for host in ("a.test", "b.test", "c.test"):
            with proxy.plain() as client:
                client.get("/", host)
        assert [r.field("host") for r in origin.requests] == ["a.test", "inner.test", f"127.0.0.1:{origin.address[1]}"]
        assert [r.field("x-forwarded-host") for r in origin.requests] == ["a.test", "b.test", "c.test"]


def test_idle_connections_expire_and_are_bounded():
    with EchoOrigin() as origin, Marquee(
            workers=1, upstreams=[Upstream("main", [origin.endpoint], max_idle=2, idle=0.5)]) as proxy:
        gate = threading.Barrier(5)

        def together(connection):
            connection.read_body()
            gate.wait(10)
            connection.send(OK)
        with origin.answering(together), contextlib.ExitStack() as stack:
            clients = [stack.enter_context(proxy.plain()) for _ in range(5)]
            for client in clients:
                client.send(request())
            for client in clients:
                assert client.response().status == 200
        assert len(origin.connections) == 5
        eventually(lambda: sum(not c.ended.is_set() for c in origin.connections) <= 2, 5, "no more than 2 idle connections")
        eventually(lambda: all(c.ended.is_set() for c in origin.connections), 5, "idle connections to expire")

