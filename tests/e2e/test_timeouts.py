"""Time limits set to fractions of a second. Sleeps here are the attacker's
pace, never a wait for something to happen."""
import contextlib
import select
import time

import pytest
from harness import ConnectionEnded, EchoOrigin, Marquee, Truncated, Upstream, pki
from harness.attack import assert_never_completed, head
from harness.wire import ByteReader

pytestmark = pytest.mark.heavy  # it waits more than it computes

LIMIT = 0.6
SLACK = 5.0  # the reliability table: closed within limit + 5 s


@pytest.fixture(scope="module")
def hasty():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint], first_byte=20, read_idle=20)],
            timeouts={"handshake": LIMIT, "head": LIMIT, "idle": LIMIT, "body": LIMIT, "body_floor": 2000, "linger": 0.3}) as proxy:
        yield proxy, origin


@contextlib.contextmanager
def within_limit(limit=LIMIT):
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert limit * 0.5 < took < limit + SLACK, f"took {took:.2f} s under a limit of {limit} s"


def drip(client, data, pace=0.05, longest=LIMIT + SLACK):
    """Sends byte by byte until the peer has answered or ended."""
    end = time.monotonic() + longest
    for byte in data:
        with contextlib.suppress(OSError):
            client.sock.sendall(bytes([byte]))
        readable, _, _ = select.select([client.sock], [], [], pace)
        if readable:
            return
        assert time.monotonic() < end, "the drip was never ended"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_first_byte(hasty, scheme):
    proxy, _ = hasty
    with within_limit(), (proxy.plain() if scheme == "http" else proxy.tls("bakery.test")) as client:
        assert client.assert_closed(LIMIT + SLACK)


def test_slow_head(hasty):
    """slowloris: each byte in time, the head never. 408, or just the end."""
    proxy, origin = hasty
    before = origin.mark()
    with within_limit(), proxy.plain() as client:
        drip(client, head("GET / HTTP/1.1", "X: " + "a" * 1000))
        data, _ = client.bytes_until_end(SLACK)
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")
    assert origin.mark() == before


def test_stalled_head(hasty):
    proxy, _ = hasty
    with within_limit(), proxy.plain() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: bak")
        data, _ = client.bytes_until_end(LIMIT + SLACK)
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


def test_leading_crlf_drip(hasty):
    """Empty lines are no progress: one is forgiven, more are refused at once."""
    proxy, _ = hasty
    begun = time.monotonic()
    with proxy.plain() as client:
        drip(client, b"\r\n" * 500)
        client.bytes_until_end(SLACK)
    assert time.monotonic() - begun < LIMIT + SLACK


def test_idle_after_an_answer(hasty):
    """Ends silently: an unasked 408 could be taken for the next answer."""
    proxy, _ = hasty
    with proxy.plain() as client:
        assert client.get("/").status == 200
        with within_limit():
            client.assert_closed(LIMIT + SLACK)


def test_requests_keep_it_alive(hasty):
    proxy, _ = hasty
    with proxy.plain() as client:
        end = time.monotonic() + 2.5 * LIMIT
        while time.monotonic() < end:
            assert client.get("/").status == 200
            time.sleep(LIMIT / 4)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=["nothing", "record_header", "half_hello"])
def test_handshake(hasty, sent):
    proxy, _ = hasty
    before = proxy.metrics()
    with within_limit(), proxy.plain(listener="127.0.0.1:0") as client:
        client.send(sent)
        data, _ = client.bytes_until_end(LIMIT + SLACK)
    assert len(data) < 100
    grown = {dict(labels)["result"]: growth for (name, *labels), growth in proxy.metrics().changed(before).items()
             if name == "marquee_tls_handshakes_total" for labels in labels}
    assert grown == {"timed_out": 1}


def test_handshake_drip(hasty):
    proxy, _ = hasty
    with within_limit(), proxy.plain(listener="127.0.0.1:0") as client:
        drip(client, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500)
        client.bytes_until_end(SLACK)


def test_handshake_and_first_head_are_one_budget():
    """Time spent on the handshake is not given again for the head."""
    limit = 2.0
    with EchoOrigin() as origin, Marquee(origin, timeouts={"handshake": limit, "head": limit}) as proxy, \
            proxy.plain(listener="127.0.0.1:0") as client:
        start = time.monotonic()
        time.sleep(limit * 0.8)
        client.sock = pki.client_context(proxy.ca_file).wrap_socket(client.sock, server_hostname="bakery.test")
        client.reader = ByteReader(client.sock)
        client.send(b"GET / HTTP/1.1\r\nHost: bak")
        data, _ = client.bytes_until_end(limit + SLACK)
        took = time.monotonic() - start
    assert data.startswith(b"HTTP/1.1 408 ")
    assert limit * 0.9 < took < limit * 1.6, f"took {took:.2f} s from accept"


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("pace", ["stalled", "dripping"])
def test_slow_body(hasty, framing, pace):
    """Below the floor: 408, and the origin never sees a whole request."""
    proxy, origin = hasty
    before = origin.mark()
    with within_limit(), proxy.plain() as client:
        if framing == "length":
            client.send(head("POST / HTTP/1.1", "Content-Length: 100000", body=b"start"))
        else:
            client.send(head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"ffff\r\nstart"))
        if pace == "dripping":
            drip(client, b"a" * 1000)
        answer = client.response(within=LIMIT + SLACK)
        assert answer.status == 408
        assert (answer.field("connection") or "").lower() == "close"
        client.bytes_until_end(SLACK)
    assert_never_completed(origin, before)


def test_body_above_the_floor(hasty):
    """Slower than a line, faster than the floor: it may take its time."""
    proxy, _ = hasty
    with proxy.plain() as client:
        client.send(head("POST / HTTP/1.1", "Content-Length: 10000"))
        for _ in range(20):
            client.send(b"a" * 500)
            time.sleep(0.1)  # 5000 bytes a second against a floor of 2000
        assert client.response().json()["body_length"] == 10_000


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_slow_reader(hasty, scheme):
    """The floor holds for answers too: a client that does not read is cut."""
    proxy, origin = hasty

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.send(b"a" * 1_000_000)
        connection.close()
    before = origin.mark()
    with origin.answering(handler):
        client = (proxy.plain(receive_buffer=8192) if scheme == "http" else proxy.tls("bakery.test", receive_buffer=8192))
        with client:
            client.send(head("GET / HTTP/1.1"))
            connection = origin.wait_requests(1, before)[0].connection
            assert connection.ended.wait(LIMIT + 2 * SLACK), "the origin still serves a client that does not read"
            with pytest.raises((Truncated, ConnectionEnded)):
                client.response()


def test_line_end_behind_a_body_begins_no_request(hasty):
    """RFC 9112 2.2: some clients send CRLF behind a POST body. It must not start
    the clock of a head, whose 408 would be taken for the next answer."""
    proxy, _ = hasty
    with proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 3\r\n\r\nabc\r\n")
        assert client.response().status == 200
        client.assert_closed(LIMIT + SLACK)


def test_waiting_for_the_upstream_is_not_idle(hasty):
    """A client that has said all is not to blame for a slow origin."""
    proxy, origin = hasty

    def slow(connection):
        connection.read_body()
        time.sleep(2 * LIMIT)  # the origin's own pace
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with origin.answering(slow), proxy.plain() as client:
        assert client.get("/", method="POST", body=b"x").body == b"ok"


def test_many_slow_clients_harm_nobody(hasty):
    """300 slow heads at once; others are served as ever."""
    proxy, _ = hasty
    slow = []
    for _ in range(300):
        client = proxy.plain()
        client.send(b"GET / HTTP/1.1\r\nHost: bakery.test\r\nX: ")
        slow.append(client)
    start = time.monotonic()
    with proxy.plain() as good:
        for _ in range(20):
            assert good.get("/").status == 200
    assert time.monotonic() - start < 2
    for client in slow:
        data, _ = client.bytes_until_end(LIMIT + SLACK)
        assert data == b"" or data.startswith(b"HTTP/1.1 408 ")
        client.close()
