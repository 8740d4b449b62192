"""SIGTERM drains, a second one ends; the process says so to its supervisor, and
takes the sockets it is given."""
import contextlib
import signal
import socket
import threading
import time

import pytest
from harness import ConnectionEnded, Deadline, EchoOrigin, Listener, Marquee, Truncated, eventually
from harness.client import request
from harness.tunnel import mirror, opened


def held(let_go, started):
    def handler(connection):
        connection.read_body()
        started.set()
        let_go.wait(20)
        with contextlib.suppress(OSError):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            connection.send(b"done")
    return handler


def wait_not_listening(address):
    def refused():
        try:
            socket.create_connection(address, 1).close()
        except OSError:
            return True
        return False
    eventually(refused, 5, "new connections to be refused")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_request_in_flight_is_finished(scheme):
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        with (proxy.tls("bakery.test") if scheme == "https" else proxy.plain()) as client:
            client.send(request())
            assert started.wait(5)
            proxy.signal(signal.SIGTERM)
            proxy.notify.wait("STOPPING=1", within=5, alive=proxy.alive)
            wait_not_listening(proxy.address(protocol=scheme))
            assert proxy.alive()
            let_go.set()
            answer = client.response()
            assert answer.status == 200 and answer.body == b"done"
            assert answer.field("connection").lower() == "close"
            client.assert_closed()
        assert proxy.wait_exit(5) == 0


def test_body_in_flight_is_finished():
    let_go = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 500_000)
        let_go.wait(20)
        connection.send(b"a" * 500_000)
    with EchoOrigin(handler) as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        with proxy.plain() as client:
            client.send(request())
            head = client.head()
            proxy.signal(signal.SIGTERM)
            proxy.notify.wait("STOPPING=1", within=5, alive=proxy.alive)
            let_go.set()
            size = [0]
            client.body(head, "GET", Deadline(10), lambda data: size.__setitem__(0, size[0] + len(data)))
            assert size[0] == 1_000_000
            client.assert_closed()
        assert proxy.wait_exit(5) == 0


def test_idle_connections_do_not_hold_it_up():
    with EchoOrigin() as origin, Marquee(origin, timeouts={"drain": 20}) as proxy:
        with proxy.plain() as client, proxy.tls("bakery.test") as secure:
            client.get("/")
            secure.get("/")
            start = time.monotonic()
            proxy.signal(signal.SIGTERM)
            client.assert_closed(5)
            assert secure.assert_closed(5) == "eof"
            assert proxy.wait_exit(5) == 0
        assert time.monotonic() - start < 5


@pytest.mark.parametrize("what", ["request", "tunnel", "half_head"])
def test_deadline(what):
    """What does not end by itself is cut, and the exit is still 0."""
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started) if what == "request" else mirror) as origin, Marquee(origin, timeouts={"drain": 0.7}) as proxy:
        with proxy.plain() as client:
            if what == "tunnel":
                opened(client)
            else:
                client.send(request() if what == "request" else b"GET / HTTP/1.1\r\nHost: bak")
            if what == "request":
                assert started.wait(5)
            start = time.monotonic()
            proxy.signal(signal.SIGTERM)
            assert proxy.wait_exit(6) == 0
            assert time.monotonic() - start < 5
            if what == "request":
                with contextlib.suppress(ConnectionEnded, Truncated):
                    assert client.response(within=3).status >= 500
        let_go.set()


def test_second_signal_ends_at_once():
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"drain": 60}) as proxy:
        with proxy.plain() as client:
            client.send(request())
            assert started.wait(5)
            proxy.signal(signal.SIGTERM)
            proxy.notify.wait("STOPPING=1", within=5, alive=proxy.alive)
            assert proxy.alive()
            start = time.monotonic()
            proxy.signal(signal.SIGTERM)
            code = proxy.wait_exit(5)
            assert time.monotonic() - start < 3
            assert code not in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGKILL)
            proxy.expected_exit = code
        let_go.set()


def test_interrupt_drains_too():
    """Ctrl-C under ./dev run."""
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        with proxy.plain() as client:
            client.get("/")
        proxy.signal(signal.SIGINT)
        assert proxy.wait_exit(5) == 0


def test_records_are_written_before_the_exit():
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        with proxy.plain() as client:
            for n in range(20):
                client.get(f"/last/{n}")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(5) == 0
        targets = [r.value("target") for r in proxy.access.records()]
        assert [t for t in targets if t.startswith("/last/")] == [f"/last/{n}" for n in range(20)]


def test_under_load_no_answer_is_cut():
    """Keep-alive clients during SIGTERM: each answer that began is whole; a
    connection may end between requests only."""
    with EchoOrigin() as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        faults, served = [], [0]

        def loop():
            try:
                with proxy.plain() as client:
                    for n in range(100_000):
                        answer = client.get(f"/{n}")
                        served[0] += 1
                        if answer.status != 200:
                            faults.append(answer.status)
                        if (answer.field("connection") or "").lower() == "close":
                            return client.assert_closed()
            except ConnectionEnded as end:
                if client.reader.buffer:
                    faults.append(f"cut in a head: {end}")
            except Truncated as cut:
                faults.append(str(cut))
            return None
        threads = [threading.Thread(target=loop, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: served[0] > 200, 10, "the load to flow")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(10) == 0
        for thread in threads:
            thread.join(10)
        assert not faults, faults


def test_socket_activation():
    """The passed socket is used: it is bound without SO_REUSEPORT, so a socket
    of Marquee's own on that address would fail. What waits in it is served."""
    with socket.socket() as passed, EchoOrigin() as origin:
        passed.bind(("127.0.0.20", 0))
        passed.listen(64)
        address = "{}:{}".format(*passed.getsockname())
        with socket.create_connection(passed.getsockname(), 5) as early, Marquee(
                origin, listeners=[Listener("127.0.0.1:0", "https"), Listener(address, "http")], inherited=passed) as proxy:
            early.sendall(request("GET", "/early"))
            early.settimeout(10)
            assert early.recv(100).startswith(b"HTTP/1.1 200")
            with proxy.plain(listener=address) as client:
                assert client.get("/").status == 200
