"""Upstreams over HTTP/2: many requests on one connection, trailers, flow
control, what may be repeated, and answers that break the rules."""
import contextlib
import hashlib
import struct
import tempfile
import threading

import h2.errors
import h2.settings
import pytest
from harness import ConnectionEnded, Deadline, Domain, Marquee, Truncated, Upstream, eventually, pki
from harness.client import request
from harness.h2_origin import H2Origin, echo

BAKERY = Domain("bakery.test", agency_name="flour")
CLINIC = Domain("clinic.test", agency_name="health")


@contextlib.contextmanager
def running(origin, **upstream):
    upstream.setdefault("first_byte", 2.0)
    upstream.setdefault("read_idle", 2.0)
    with Marquee(workers=1, domains=[BAKERY, CLINIC], timeouts={"linger": 0.2},
                 upstreams=[Upstream("main", [origin.endpoint], **upstream)]) as proxy:
        yield proxy
        assert proxy.alive() or proxy.process.returncode == 0, proxy.tail()
    assert not origin.errors, origin.errors


def last_record(proxy):
    """Of the request that failed or was repeated last."""
    return proxy.access.wait(lambda r: r.value("failure") or r.value("retries"))[-1]


def at_once(proxy, count, target="/", host="bakery.test", **how):
    """`count` clients, one request each, at the same time."""
    answers = [None] * count

    def one(i):
        try:
            with proxy.plain() as client:
                answers[i] = client.get(target, host=host, **how)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            answers[i] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    return threads, answers


def test_get_post_head_and_connection_reuse():
    with H2Origin() as origin, running(origin) as proxy, proxy.plain() as client:
        answer = client.get("/hello?x=1")
        assert answer.status == 200 and answer.field("x-path") == "/hello?x=1"
        body = bytes(range(256)) * 4000
        answer = client.get("/post", method="POST", body=body)
        assert answer.status == 200 and answer.body == body
        assert client.get("/head", method="HEAD").status == 200
        assert len(origin.connections) == 1
        seen = origin.requests[0]
        assert seen.field(":authority") == "bakery.test" and seen.field(":scheme") == "http"
        assert [n for n, _ in seen.fields] == [n.lower() for n, _ in seen.fields]
        assert not seen.all("host") and not seen.all("connection") and not seen.all("te")
        assert seen.field("x-tenant-agency-id") == BAKERY.agency
        assert origin.requests[1].field("content-length") == str(len(body))


def test_over_tls_with_alpn():
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    authority = pki.Authority(folder)
    context = authority.server_context("127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    with H2Origin(tls=context) as origin, running(origin, tls={"ca_file": str(authority.cert)}) as proxy:
        with proxy.plain() as client:
            assert client.get("/a").status == 200
            big = client.get("/b", method="POST", body=b"y" * 300_000)
            assert big.body == b"y" * 300_000
        assert origin.requests[0].field(":scheme") == "https"


@pytest.mark.parametrize("case", ["no_alpn", "other_ca"])
def test_tls_peer_that_will_not_do(case):
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    authority = pki.Authority(f"{folder}/a")
    other = pki.Authority(f"{folder}/b", "Other CA")
    context = authority.server_context("127.0.0.1")
    if case == "other_ca":
        context.set_alpn_protocols(["h2"])
    trusted = other if case == "other_ca" else authority
    with H2Origin(tls=context) as origin, running(origin, tls={"ca_file": str(trusted.cert)}) as proxy:
        with proxy.plain() as client:
            assert client.get("/").status == 502
        assert last_record(proxy).value("failure") == "tls"
        assert not origin.requests


def test_many_at_once_share_one_connection():
    go = threading.Event()

    def handler(stream):
        go.wait(10)
        stream.respond(200, b"ok")
    with H2Origin(handler) as origin, running(origin, first_byte=10) as proxy:
        threads, answers = at_once(proxy, 30)
        origin.wait_requests(30)
        assert len(origin.connections) == 1
        go.set()
        for t in threads:
            t.join()
        assert [a.status for a in answers] == [200] * 30


def test_trailers_both_ways():
    def handler(stream):
        stream.read_body()
        stream.head(200, [("content-type", "application/x")])
        stream.data(b"part")
        stream.trailer([("x-sum", "7"), ("x-got", str(dict(stream.trailers or []).get("x-mine")))])
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        client.send(request("POST", "/t", fields=[("Transfer-Encoding", "chunked"), ("TE", "trailers")]) +
                    b"3\r\nabc\r\n0\r\nX-Mine: here\r\n\r\n")
        answer = client.response()
        assert answer.status == 200 and answer.body == b"part"
        assert ("x-got", "here") in [(n.lower(), v) for n, v in answer.trailers]
        assert origin.requests[0].field("te") == "trailers"


def test_interim_answers_pass():
    def handler(stream):
        stream.head(103, [("link", "</a.css>")])
        stream.respond(200, b"ok")
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        client.send(request())
        assert client.head().status == 103
        assert client.response().status == 200


def test_a_slow_client_stalls_only_its_own_stream():
    size = 8 << 20

    def handler(stream):
        stream.respond(200, b"z" * size if stream.field(":path") == "/big" else b"ok")
    with H2Origin(handler) as origin, running(origin, read_idle=10) as proxy:
        with contextlib.ExitStack() as stack:
            stalled = [stack.enter_context(proxy.plain(receive_buffer=4096)) for _ in range(4)]
            for client in stalled:
                client.send(request("GET", "/big"))
            origin.wait_requests(4)
            with proxy.plain() as other:
                for _ in range(20):
                    assert other.get("/small").body == b"ok"
            assert len(origin.connections) == 1
            digest = hashlib.sha256()
            stalled[0].response(sink=digest.update, within=30)
            assert digest.hexdigest() == hashlib.sha256(b"z" * size).hexdigest()


def test_a_tenant_holds_its_share_of_a_connection_and_no_more():
    go = threading.Event()

    def handler(stream):
        if stream.field(":authority") == "bakery.test":
            go.wait(10)
        stream.respond(200, b"ok")
    with H2Origin(handler) as origin, running(origin, first_byte=10, connect=0.5, http2={
            "max_streams": 10, "tenant_share": 50, "max_connections": 2}) as proxy:
        threads, answers = at_once(proxy, 10)
        origin.wait_requests(10)  # five on each of two connections
        with proxy.plain() as client:
            assert client.get("/", host="clinic.test").status == 200
            refused = client.get("/", host="bakery.test")  # waits, then
            assert refused.status == 503
        assert last_record(proxy).value("failure") == "pool_full"
        assert [len(c.streams) for c in origin.connections] in ([5, 6], [6, 5])
        waiting, late = at_once(proxy, 3)
        go.set()
        for t in threads + waiting:
            t.join()
        assert [a.status for a in answers + late] == [200] * 13


def test_the_peers_limit_of_streams_holds():
    peak, running_now, lock = [0], [0], threading.Lock()

    def handler(stream):
        with lock:
            running_now[0] += 1
            peak[0] = max(peak[0], running_now[0])
        stream.read_body()
        with lock:
            running_now[0] -= 1
        stream.respond(200, b"ok")
    settings = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 4}
    with H2Origin(handler, settings=settings) as origin, running(origin, http2={
            "max_connections": 1, "tenant_share": 100}) as proxy:
        threads, answers = at_once(proxy, 40)
        for t in threads:
            t.join()
        assert [a.status for a in answers] == [200] * 40
        assert peak[0] <= 4 and len(origin.connections) == 1


@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b"x" * 5000)], ids=["get", "post"])
def test_refused_streams_are_repeated(method, body):
    def handler(stream):
        if len(origin.requests) == 1:
            return stream.reset(h2.errors.ErrorCodes.REFUSED_STREAM)
        return echo(stream)
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        answer = client.get("/r", method=method, body=body)
        assert answer.status == 200 and answer.body == (body or b"")
        assert last_record(proxy).value("retries") == 1
        assert len(origin.requests) == 2


@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b"x" * 5000)], ids=["get", "post"])
def test_streams_beyond_a_goaway_are_repeated(method, body):
    def handler(stream):
        if stream.connection.number == 0:
            if stream.number == 1:
                return stream.respond(200, b"first")
            return stream.connection.goaway(1)
        return echo(stream)
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        assert client.get("/1").body == b"first"
        answer = client.get("/2", method=method, body=body)
        assert answer.status == 200 and answer.body == (body or b"")
        assert len(origin.connections) == 2
        assert origin.connections[0].ended.wait(5)


def test_a_goaway_leaves_what_it_covers():
    def handler(stream):
        if stream.connection.number == 0:
            stream.connection.goaway(stream.number)
            return stream.respond(200, b"z" * 100_000)
        return echo(stream)
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        assert len(client.get("/1").body) == 100_000
        assert client.get("/2").status == 200
        assert len(origin.connections) == 2 and origin.connections[0].ended.wait(5)


def test_reset_before_the_head_is_502_and_after_it_breaks_off():
    def handler(stream):
        if stream.field(":path") == "/late":
            stream.head(200)
            stream.data(b"part")
            eventually(lambda: passed.is_set())
        stream.reset()
    passed = threading.Event()
    with H2Origin(handler) as origin, running(origin) as proxy:
        with proxy.plain() as client:
            assert client.get("/early").status == 502
            assert last_record(proxy).value("failure") == "stream_reset"
        with proxy.plain() as client:
            client.send(request("GET", "/late"))
            head = client.head()
            passed.set()
            with pytest.raises((Truncated, ConnectionEnded)):
                client.body(head, "GET", Deadline(5, "the end"), lambda _: None)
        eventually(lambda: last_record(proxy).value("failure") == "truncated")
        with proxy.plain() as client, origin.answering(echo):
            assert client.get("/after").status == 200
        assert len(origin.connections) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_connection_that_dies(how):
    def handler(stream):
        if stream.field(":path") == "/kill" and stream.connection.number == 0:
            return getattr(stream.connection, how)()
        return echo(stream)
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        assert client.get("/prime").status == 200
        assert client.get("/kill").status == 200  # once more, on a new connection
        assert last_record(proxy).value("retries") == 1
        assert len(origin.connections) == 2


def test_a_client_that_leaves_cancels_its_stream():
    with H2Origin(lambda stream: stream.wait(lambda: stream.reset_code is not None, "the cancel")) as origin, \
            running(origin, first_byte=10) as proxy:
        client = proxy.plain()
        client.send(request())
        origin.wait_requests(1)
        client.reset()
        eventually(lambda: origin.requests[0].reset_code == h2.errors.ErrorCodes.CANCEL)
        with proxy.plain() as other, origin.answering(echo):
            assert other.get("/").status == 200
        assert len(origin.connections) == 1


def test_a_dead_peer_is_found_by_a_ping():
    def handler(stream):
        if stream.connection.number == 0:
            return stream.connection.deaf.set()
        return echo(stream)
    with H2Origin(handler) as origin, running(origin, first_byte=0.3, http2={"ping_timeout": 0.3}) as proxy:
        with proxy.plain() as client:
            assert client.get("/1").status == 504
        assert origin.connections[0].ended.wait(5)
        eventually(lambda: ask(proxy) == 200, within=5)


def ask(proxy):
    with proxy.plain() as client:
        return client.get("/").status


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A field line of HPACK, never indexed and without Huffman."""
    size = len(value)
    if size < 127:
        head = bytes([size])
    else:
        head = bytes([127, (size - 127) % 128 + 128, (size - 127) // 128])
    return b"\x10" + bytes([len(name)]) + name + head + value


OK = b"\x88"  # :status 200

BAD_HEADS = {
    "no_status": (literal(b"x-a", b"1"), "bad_pseudo_fields"),
    "two_statuses": (OK + OK, "bad_pseudo_fields"),
    "status_behind": (literal(b"x-a", b"1") + OK, "bad_pseudo_fields"),
    "status_text": (literal(b":status", b"2xx"), "bad_status_line"),
    "unknown_pseudo": (OK + literal(b":path", b"/"), "bad_pseudo_fields"),
    "upgrade": (literal(b":status", b"101"), "unrequested_upgrade"),
    "upper_case": (OK + literal(b"X-A", b"1"), "bad_field_name"),
    "space_in_name": (OK + literal(b"x a", b"1"), "bad_field_name"),
    "line_break": (OK + literal(b"x-a", b"1\r\nx-b: 2"), "bad_field_value"),
    "nul": (OK + literal(b"x-a", b"1\0"), "bad_field_value"),
    "outer_space": (OK + literal(b"x-a", b" 1"), "bad_field_value"),
    "connection": (OK + literal(b"connection", b"close"), "connection_field"),
    "transfer_encoding": (OK + literal(b"transfer-encoding", b"chunked"), "connection_field"),
    "two_lengths": (OK + literal(b"content-length", b"1") * 2, "repeated_content_length"),
    "bad_length": (OK + literal(b"content-length", b"+1"), "bad_content_length"),
    "too_large": (OK + literal(b"x-a", b"y" * 1000) * 40, "head_too_large"),
}


@pytest.mark.parametrize("case", BAD_HEADS)
def test_bad_heads_are_502(case):
    block, rule = BAD_HEADS[case]

    def handler(stream):
        if stream.field(":path") != "/bad":
            return echo(stream)
        parts = [block[i:i + 16000] for i in range(0, len(block), 16000)]
        out = b""
        for i, part in enumerate(parts):
            out += frame(9 if i else 1, 4 if i == len(parts) - 1 else 0, stream.number, part)
        return stream.connection.raw(out)
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        assert client.get("/bad").status == 502
        record = last_record(proxy)
        assert (record.value("failure"), record.value("refusal")) == ("bad_answer", rule)
        assert client.get("/good").status == 200
        assert len(origin.connections) == 1  # only the stream was at fault


@pytest.mark.parametrize("sent,ends", [(b"abc", True), (b"abcdefg", False)], ids=["short", "long"])
def test_a_length_that_does_not_hold_breaks_the_answer_off(sent, ends):
    def handler(stream):
        stream.head(200, [("content-length", "5")])
        stream.connection.raw(frame(0, 1 if ends else 0, stream.number, sent))
    with H2Origin(handler) as origin, running(origin) as proxy, proxy.plain() as client:
        client.send(request())
        with pytest.raises((Truncated, ConnectionEnded)):
            client.response()
        assert last_record(proxy).value("refusal") == "length_mismatch"


FLOODS = {
    "ping": frame(6, 0, 0, b"12345678"),
    "settings": frame(4, 0, 0),
    "empty_data": frame(0, 0, 1),
    "window_update": frame(8, 0, 0, b"\0\0\0\1"),
    "priority": frame(2, 0, 1, b"\0\0\0\0\0"),
    "unknown": frame(77, 0, 0, b"x"),
}


@pytest.mark.parametrize("case", FLOODS)
def test_floods_of_a_hostile_upstream_end_its_connection(case):
    def handler(stream):
        if stream.connection.number == 0:
            stream.head(200)
            with contextlib.suppress(OSError):
                for _ in range(400):
                    stream.connection.sock.sendall(FLOODS[case] * 100)
            return None
        return echo(stream)
    with H2Origin(handler) as origin, running(origin, read_idle=10) as proxy:
        with proxy.plain() as client:
            client.send(request())
            with pytest.raises((Truncated, ConnectionEnded, TimeoutError)):
                client.response(within=8)
        assert origin.connections[0].ended.wait(5)
        assert ask(proxy) == 200


def test_an_upgrade_is_refused_in_words():
    with H2Origin() as origin, running(origin) as proxy, proxy.plain() as client:
        client.send(request(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                                    ("Sec-WebSocket-Version", "13")]))
        assert client.response().status == 501
        assert last_record(proxy).value("failure") == "no_tunnel"
        assert not origin.requests


def test_an_http_1_server_behind_h2c_is_found_out():
    from harness import EchoOrigin
    with EchoOrigin() as plain:
        plain.endpoint = plain.endpoint.replace("http://", "h2c://")
        with Marquee(workers=1, upstreams=[Upstream("main", [plain.endpoint])]) as proxy:
            assert ask(proxy) in (502, 504)


def test_a_reload_keeps_the_connection_and_a_stop_says_goodbye():
    with H2Origin() as origin, running(origin) as proxy:
        assert ask(proxy) == 200
        proxy.reload()
        assert ask(proxy) == 200
        assert len(origin.connections) == 1
        proxy.stop()
        assert origin.connections[0].ended.wait(5)
        assert origin.connections[0].goaway_code == 0
