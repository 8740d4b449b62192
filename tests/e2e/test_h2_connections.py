"""The life of an HTTP/2 connection: whose requests it may carry, how it ends at a
stop and at a reload, and what becomes of it when a domain changes hands."""
import shutil
import signal
import tempfile
import threading
import time

import pytest
from harness import ConnectionEnded, Domain, EchoOrigin, Marquee, Truncated, eventually, pki, reply
from harness.h2_client import Errors

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"


def held(let_go, started):
    def handler(connection):
        connection.read_body()
        started.set()
        let_go.wait(20)
        connection.send(OK)
    return handler


# Stop
def test_stop_finishes_what_is_open():
    """GOAWAY first, then every open stream to its end, then the connection's."""
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        with proxy.h2() as client:
            streams = [client.start(target=f"/{n}") for n in range(5)]
            origin.wait_requests(5)
            proxy.signal(signal.SIGTERM)
            client.wait(lambda: client.goaways, what="GOAWAY")
            assert all(code == Errors.NO_ERROR for code, _ in client.goaways)
            assert proxy.alive()
            let_go.set()
            assert [client.response(s).body for s in streams] == [b"done"] * 5
            assert client.wait_end() == "eof"
            # A warning first, so that requests on their way are not lost (RFC 9113 6.8).
            assert client.goaways[0] == (Errors.NO_ERROR, 2**31 - 1)
            assert client.goaways[-1] == (Errors.NO_ERROR, streams[-1].id), "the last one taken"
        assert proxy.wait_exit(5) == 0


def test_stop_while_bodies_flow():
    """An answer and an upload in the middle come to their end."""
    let_go = threading.Event()

    def handler(connection):
        if connection.request.method == "POST":
            data = connection.read_body()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n%06d" % len(data))
            return
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 500_000)
        let_go.wait(20)
        connection.send(b"a" * 500_000)
    with EchoOrigin(handler) as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        with proxy.h2() as client:
            down, up = client.start(), client.start("POST", end=False)
            client.send(up, b"u" * 1000)
            client.wait(lambda: down.size >= 100_000)
            proxy.signal(signal.SIGTERM)
            client.wait(lambda: client.goaways, what="GOAWAY")
            let_go.set()
            client.send(up, b"u" * 1000, end=True)
            assert client.response(up).body == b"002000" and len(client.response(down).body) == 1_000_000
            assert client.wait_end() == "eof"
        assert proxy.wait_exit(5) == 0


def test_stop_does_not_wait_for_idle_connections():
    with EchoOrigin() as origin, Marquee(origin, timeouts={"drain": 20}) as proxy:
        with proxy.h2() as client, proxy.h2() as unused:
            client.get()
            unused.wait_settings()
            begun = time.monotonic()
            proxy.signal(signal.SIGTERM)
            assert client.wait_end() == "eof" and unused.wait_end() == "eof"
            assert proxy.wait_exit(5) == 0
            assert client.goaways and unused.goaways
        assert time.monotonic() - begun < 5


def test_stop_has_a_deadline():
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"drain": 0.7}) as proxy:
        with proxy.h2() as client:
            client.start()
            assert started.wait(5)
            proxy.signal(signal.SIGTERM)
            assert proxy.wait_exit(6) == 0
        let_go.set()


def test_streams_after_the_goaway_are_not_half_served():
    """A request that crosses the GOAWAY is answered, or left so that the client
    may repeat it elsewhere; it never reaches the upstream without an answer."""
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        with proxy.h2() as client:
            first = client.start(target="/first")
            assert started.wait(5)
            proxy.signal(signal.SIGTERM)
            client.wait(lambda: client.goaways, what="GOAWAY")
            late = client.start(target="/late")
            let_go.set()
            assert client.response(first).body == b"done"
            client.wait_end()
            reached = [r.target for r in origin.requests]
            assert late.ended or late.reset_code == Errors.REFUSED_STREAM or (
                client.goaways[-1][1] < late.id and "/late" not in reached), (client.goaways, late, reached)
        assert proxy.wait_exit(5) == 0


def test_stop_under_load_cuts_no_answer():
    """Clients that keep asking: every stream at or below the last GOAWAY's id is
    answered whole."""
    with EchoOrigin() as origin, Marquee(origin, timeouts={"drain": 10}) as proxy:
        faults, served = [], [0]

        def loop():
            with proxy.h2() as client:
                streams = []
                try:
                    while not client.goaways:
                        streams = [client.start(target=f"/{served[0]}-{n}") for n in range(8)]
                        for stream in streams:
                            if client.response(stream).status != 200:
                                faults.append(stream.status)
                            served[0] += 1
                except (Truncated, ConnectionEnded, OSError) as error:
                    if not client.goaways:
                        faults.append(f"{error!r} without GOAWAY")
                last = client.goaways[-1][1] if client.goaways else 0
                faults.extend(f"stream {s.id} <= {last} cut" for s in streams
                              if s.id <= last and not s.ended and s.reset_code != Errors.REFUSED_STREAM)
        threads = [threading.Thread(target=loop, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: served[0] > 200, 15, "the load to flow")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait_exit(15) == 0
        for thread in threads:
            thread.join(10)
        assert not faults, faults[:5]


# Reload
def test_reload_keeps_connections_and_serves_the_new_settings():
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        with proxy.h2() as client:
            client.get("/before")
            with origin.answering(held(let_go, started)):
                long = client.start(target="/long")
                assert started.wait(5)
            proxy.domains = [Domain("bakery.test", response_fields={"set": {"X-New": "yes"}})]
            proxy.write_settings()
            proxy.hangup()
            assert client.get("/after").field("x-new") == "yes"
            let_go.set()
            assert client.response(long).body == b"done"
            assert not client.goaways
        proxy.wait_one_snapshot()


def test_removed_listener_drains_its_connections():
    from harness import Listener
    keep, leave = Listener("127.0.0.1:0", "https"), Listener("127.0.0.7:0", "https")
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(
            origin, listeners=[keep, leave, Listener("127.0.0.2:0", "http")]) as proxy:
        with proxy.h2(listener="127.0.0.7:0") as client:
            stream = client.start()
            assert started.wait(5)
            proxy.listeners = [keep, Listener("127.0.0.2:0", "http")]
            proxy.reload()
            let_go.set()
            assert client.response(stream).body == b"done"


# Tenants on one connection
@pytest.fixture(scope="module")
def shared_certificate():
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    ca = pki.Authority(folder)
    yield [ca.issue("a.test", "www.a.test", "b.test", "www.b.test", "c.test", "www.c.test")], str(ca.cert)
    shutil.rmtree(folder)


def tenants(certificate, b="one", c="two"):
    return [Domain("a.test", agency_name="one", certificate=certificate), Domain("b.test", agency_name=b, certificate=certificate),
            Domain("c.test", agency_name=c, certificate=certificate), Domain("d.test", agency_name="one")]


@pytest.fixture(scope="module")
def coalescing(shared_certificate):
    certificate, ca = shared_certificate
    with EchoOrigin() as origin, Marquee(origin, domains=tenants(certificate)) as proxy:
        yield proxy, origin, pki.client_context(ca, alpn=("h2",))


@pytest.mark.parametrize("host,status", [
    ("a.test", 200), ("www.a.test", 200), ("b.test", 200), ("www.b.test", 200),
    ("c.test", 421),        # the certificate covers it, but it is another agency's
    ("d.test", 421),        # the same agency, but another certificate
    ("unknown.test", (404, 421)),
])
def test_each_request_is_judged_by_its_authority(coalescing, host, status):
    proxy, origin, context = coalescing
    before = origin.mark()
    with proxy.h2("a.test", context=context) as client:
        assert client.get("/first", "a.test").status == 200
        answer = client.get("/judged", host)
        assert answer.status in (status if isinstance(status, tuple) else (status,))
        assert client.get("/again", "a.test").status == 200, "one misdirected request harms no other"
    domain = next((d for d in proxy.domains if host.removeprefix("www.") == d.host), None)
    reached = [r for r in origin.requests[before:] if r.target == "/judged"]
    assert len(reached) == (1 if status == 200 else 0)
    if reached:
        assert reached[0].field("x-tenant-site-id") == domain.site


def test_tenants_side_by_side_are_not_mixed_up(coalescing):
    proxy, _, context = coalescing
    sites = {d.host: d.site for d in proxy.domains}
    with proxy.h2("a.test", context=context) as client:
        streams = [(h, client.start(target=f"/{n}", host=h)) for n, h in enumerate(["a.test", "b.test", "c.test"] * 25)]
        for host, stream in streams:
            answer = client.response(stream)
            if host == "c.test":
                assert answer.status == 421
            else:
                seen = {n.lower(): v for n, v in answer.json()["fields"]}
                assert seen["x-tenant-site-id"] == sites[host] and seen["x-custom-domain"] == host


def test_authority_with_another_host_field(coalescing):
    """Two names in one request: refused, whoever they belong to."""
    proxy, origin, context = coalescing
    for other in ("b.test", "c.test"):
        before = origin.mark()
        with proxy.h2("a.test", context=context, strict=False) as client:
            stream = client.start(host="a.test", fields=[("host", other)])
            client.wait(stream.over)
            assert stream.status in (400, 421) or stream.reset_code == Errors.PROTOCOL_ERROR, stream
        assert origin.mark() == before


def test_misdirected_request_with_a_body(coalescing):
    proxy, origin, context = coalescing
    with proxy.h2("a.test", context=context) as client:
        stream = client.start("POST", host="c.test", end=False)
        client.wait(lambda: stream.status or stream.over())
        assert stream.status == 421
        assert client.get("/after", "a.test").status == 200


@pytest.mark.parametrize("direction", ["parts", "joins"])
def test_domain_moves_between_agencies(shared_certificate, direction):
    """While a connection is open, judged by the agencies of now: b.test leaves a's
    agency or comes to it. Connections opened under the moved name are ended after
    their current answers."""
    certificate, ca = shared_certificate
    context = pki.client_context(ca, alpn=("h2",))
    first, then = ("one", "two") if direction == "parts" else ("two", "one")
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin() as origin, Marquee(origin, domains=tenants(certificate, b=first)) as proxy:
        with proxy.h2("a.test", context=context) as a, proxy.h2("b.test", context=context) as b:
            assert a.get("/", "b.test").status == (200 if first == "one" else 421)
            with origin.answering(held(let_go, started)):
                current = b.start(target="/current", host="b.test")
                assert started.wait(5)
            proxy.domains = tenants(certificate, b=then)
            proxy.reload()
            answer = a.get("/", "b.test")
            assert answer.status == (200 if then == "one" else 421)
            if answer.status == 200:
                seen = {n.lower(): v for n, v in answer.json()["fields"]}
                assert seen["x-tenant-agency-id"] == proxy.domains[1].agency
            assert a.get("/", "a.test").status == 200, "a.test did not move"
            let_go.set()
            assert b.response(current).body == b"done", "the current answer is finished"
            assert b.wait_end() == "eof"
            assert b.goaways and b.goaways[-1][0] == Errors.NO_ERROR


def test_domain_that_leaves(shared_certificate):
    certificate, ca = shared_certificate
    with EchoOrigin() as origin, Marquee(origin, domains=tenants(certificate)) as proxy:
        with proxy.h2("a.test", context=pki.client_context(ca, alpn=("h2",))) as client:
            assert client.get("/", "b.test").status == 200
            proxy.domains = [d for d in proxy.domains if d.host != "b.test"]
            proxy.reload()
            before = origin.mark()
            assert client.get("/", "b.test").status in (404, 421)
            assert origin.mark() == before and client.get("/", "a.test").status == 200


# Time
def test_idle_connection_is_told_goodbye():
    with EchoOrigin() as origin, Marquee(origin, timeouts={"idle": 1.0}) as proxy, proxy.h2() as client:
        assert client.get().status == 200
        begun = time.monotonic()
        assert client.wait_end(6) == "eof"
        assert time.monotonic() - begun > 0.5 and client.goaways[-1][0] == Errors.NO_ERROR


def test_a_waiting_stream_is_not_idle():
    let_go, started = threading.Event(), threading.Event()
    with EchoOrigin(held(let_go, started)) as origin, Marquee(origin, timeouts={"idle": 0.5}) as proxy, proxy.h2() as client:
        stream = client.start()
        assert started.wait(5)
        time.sleep(1.2)  # more than two limits, while the upstream thinks
        let_go.set()
        assert client.response(stream).body == b"done"


def test_upstream_that_is_silent_costs_one_stream():
    with EchoOrigin() as origin:
        from harness import Upstream
        usual = origin.handler
        with Marquee(upstreams=[Upstream("main", [origin.endpoint], first_byte=0.7)]) as proxy, proxy.h2() as client, \
                origin.answering(lambda c: c.wait_end() if c.request.target == "/silent" else usual(c)):
            silent = client.start(target="/silent")
            assert client.get("/other").status == 200
            assert client.response(silent).status == 504
            assert client.get("/after").status == 200


def test_connection_fields_from_upstream_do_not_end_it():
    """Connection: close is between Marquee and the upstream."""
    with EchoOrigin(reply(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", then="close")) as origin, \
            Marquee(origin) as proxy, proxy.h2() as client:
        for _ in range(3):
            assert client.get().body == b"ok"
        assert not client.goaways
