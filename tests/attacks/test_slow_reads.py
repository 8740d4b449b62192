"""Clients that ask for much and take nothing, or next to nothing. What waits in
the kernel is not taken: not even an answer that fits there whole holds the
connection, and an end behind unread bytes is a reset, which such a client sees."""
import contextlib
import select
import time

import pytest
from harness import Marquee, ScriptedOrigin, Upstream, eventually, h2_wire as h2
from harness.attack import head
from harness.h2_frames import connect as h2_connect

pytestmark = pytest.mark.heavy

LIMIT = 1.0
SLACK = 5.0
FLOOR = 2000


def sized(connection):
    connection.read_body()
    size = int(connection.request.target.rsplit("/", 1)[1])
    connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"a" * size)


@pytest.fixture(scope="module")
def floored():
    with ScriptedOrigin(sized) as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint], first_byte=30, read_idle=30)],
            timeouts={"body": LIMIT, "body_floor": FLOOR, "idle": 30, "linger": 0.3}) as proxy:
        yield proxy, origin


def connect(proxy, scheme, buffer=4096):
    return proxy.plain(receive_buffer=buffer) if scheme == "http" else proxy.tls("bakery.test", receive_buffer=buffer)


def cut(client, within):
    """The seconds until the kernel knows of a reset, with nothing read."""
    poll = select.poll()
    poll.register(client.sock, 0)
    start = time.monotonic()
    assert poll.poll(within * 1000), f"still open after {within} s"
    return time.monotonic() - start


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("size", [100_000, 1_000_000, 20_000_000])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_nothing_is_taken(floored, scheme, size, connection):
    proxy, _ = floored
    before = proxy.metrics()
    with connect(proxy, scheme) as client:
        client.send(head(f"GET /{size} HTTP/1.1", f"Connection: {connection}"))
        assert LIMIT / 2 < cut(client, LIMIT + SLACK)
    eventually(lambda: proxy.metrics().sum("marquee_client_losses_total", how="too_slow")
               == before.sum("marquee_client_losses_total", how="too_slow") + 1, 2, "its count")


def test_upstream_is_released(floored):
    proxy, origin = floored
    before = origin.mark()
    with connect(proxy, "https") as client:
        client.send(head("GET /50000000 HTTP/1.1"))
        upstream = origin.wait_requests(1, before)[0].connection
        assert upstream.ended.wait(LIMIT + SLACK), "the upstream still serves a client that does not read"


def test_burst_then_nothing(floored):
    """Much at first does not buy time afterwards."""
    proxy, _ = floored
    with connect(proxy, "http", buffer=65536) as client:
        client.send(head("GET /20000000 HTTP/1.1"))
        for _ in range(40):
            client.sock.recv(65536)
        assert cut(client, LIMIT + SLACK) < LIMIT * 2.5


def test_below_the_floor(floored):
    """A few bytes at a time are not enough."""
    proxy, _ = floored
    with connect(proxy, "http") as client:
        client.send(head("GET /20000000 HTTP/1.1"))
        poll = select.poll()
        poll.register(client.sock, 0)
        end = time.monotonic() + LIMIT + SLACK
        while not poll.poll(100):
            client.sock.recv(20)  # 200 bytes a second
            assert time.monotonic() < end, "never cut"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_above_the_floor(floored, scheme):
    """Slow, yet faster than the floor: never cut, however little of the kernel's
    buffer that frees."""
    proxy, _ = floored
    with connect(proxy, scheme) as client:
        client.send(head("GET /1000000 HTTP/1.1"))
        end = time.monotonic() + 4 * LIMIT
        while time.monotonic() < end:
            assert client.sock.recv(2000)
            time.sleep(0.1)  # 20,000 bytes a second against a floor of 2,000
        taken = 0
        while taken < 800_000:
            data = client.sock.recv(65536)
            assert data, "ended early"
            taken += len(data)


def test_taken_answers_are_not_watched(floored):
    """A keep-alive connection that has read its answer idles as long as any."""
    proxy, _ = floored
    with proxy.plain() as client:
        assert client.get("/1000000").status == 200
        time.sleep(2 * LIMIT)  # an idle client's pace
        assert client.get("/10").status == 200


def h2_unread(proxy, *sizes):
    """All the credit there is, and a socket that nobody reads."""
    client = h2_connect(proxy, settings=[(h2.INITIAL_WINDOW_SIZE, h2.LARGEST)], credit=False, receive_buffer=4096)
    client.send(h2.window_update(0, h2.LARGEST - h2.WINDOW))
    client.link.sock.settimeout(5)
    for n, size in enumerate(sizes):
        ask_unread(client, n, size)
    return client


def ask_unread(client, n, size):
    """Past the client, which would read."""
    client.link.sock.sendall(h2.frame(h2.HEADERS, 5, 1 + 2 * n, h2.block(h2.get(f"/{size}"))))


def reset_within(sock, seconds):
    poll = select.poll()
    poll.register(sock, 0)
    start = time.monotonic()
    assert poll.poll(seconds * 1000), f"still open after {seconds} s"
    return time.monotonic() - start


@pytest.mark.parametrize("size", [60_000, 1_000_000, 20_000_000])
def test_h2_credit_is_not_reading(floored, size):
    """The first is complete on our side at once: no stream of it is left."""
    proxy, _ = floored
    before = proxy.metrics()
    client = h2_unread(proxy, size)
    assert LIMIT / 2 < reset_within(client.link.sock, LIMIT + SLACK)
    client.close()
    eventually(lambda: proxy.metrics().sum("marquee_client_losses_total", how="too_slow")
               > before.sum("marquee_client_losses_total", how="too_slow"), 2, "its count")


def test_h2_requests_win_no_time(floored):
    """New small requests on a connection whose answers nobody reads."""
    proxy, _ = floored
    client = h2_unread(proxy, 60_000)
    poll = select.poll()
    poll.register(client.link.sock, 0)
    start, n = time.monotonic(), 0
    while not poll.poll(200):
        with contextlib.suppress(OSError):
            ask_unread(client, n := n + 1, 10)
        assert time.monotonic() < start + LIMIT + SLACK, "never cut"
    client.close()


def test_h2_slow_reader_of_a_complete_answer(floored):
    """Above the floor it gets all, long after its stream is over."""
    proxy, _ = floored
    client = h2_unread(proxy, 60_000)
    start, taken = time.monotonic(), 0
    while taken < 60_000:
        data = client.link.sock.recv(2000)
        assert data, "ended early"
        taken += len(data)
        time.sleep(0.1)  # 20,000 bytes a second against a floor of 2,000
    assert time.monotonic() - start > 2 * LIMIT
    client.close()
