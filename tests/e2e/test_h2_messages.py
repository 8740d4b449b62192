"""HTTP/2 towards clients, by python3-h2: messages of every form, and streams that
do not disturb each other."""
import hashlib
import threading

import pytest
from harness import Truncated, chunk, eventually, reply, request
from harness.h2_client import Errors, Settings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client(proxy):
    with proxy.h2() as connection:
        yield connection


def test_get(client, origin, tenants):
    before = origin.mark()
    answer = client.get("/a/b?c=d&e", fields=[("x-a", "1"), ("x-a", "2"), ("te", "trailers")])
    assert answer.status == 200 and answer.json()["target"] == "/a/b?c=d&e"
    seen = origin.requests[before]
    assert seen.version == "1.1" and seen.all("x-a") == ["1", "2"] and seen.field("host") == "bakery.test"
    for name, value in tenants["bakery.test"].tenant_fields().items():
        assert seen.field(name) == value
    assert seen.field("x-forwarded-proto") == "https"
    assert not any(n.startswith(":") for n, _ in seen.fields)


def test_answers_follow_their_streams(client):
    streams = [client.start(target=f"/{n}") for n in range(80)]
    for n, stream in enumerate(streams):
        assert client.response(stream).json()["target"] == f"/{n}"


def test_names_are_lower_case_and_connection_fields_stay_behind(client, origin):
    raw = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\n"
           b"X-Hop: a\r\nX-Mixed-Case: Kept Value\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok")
    with origin.answering(reply(raw)):
        answer = client.get()
    assert all(n == n.lower() for n, _ in answer.fields)
    assert answer.field("x-mixed-case") == "Kept Value" and answer.all("set-cookie") == ["a=1", "b=2"]
    assert not {"connection", "keep-alive", "x-hop", "transfer-encoding", "upgrade"} & {n for n, _ in answer.fields}


def test_cookie_crumbs_are_joined(client, origin):
    """RFC 9113 8.2.3: one field, "; " between, before it goes to HTTP/1.1."""
    before = origin.mark()
    client.get(fields=[("cookie", "a=1"), ("x-between", "y"), ("cookie", "b=2"), ("cookie", "c=3")])
    assert origin.requests[before].field("cookie") == "a=1; b=2; c=3"


@pytest.mark.parametrize("raw,method,status", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "HEAD", 200),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200),
    (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
    (b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n", "GET", 304),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", 200),
    (b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "POST", 205),
], ids=["head", "head_chunked", "204", "304", "empty", "205"])
def test_answers_without_body(client, origin, raw, method, status):
    with origin.answering(reply(raw)):
        answer = client.get(method=method, body=b"" if method == "POST" else None)
        assert answer.status == status and not answer.body and not answer.trailers
    assert client.get("/next").json()["target"] == "/next"


@pytest.mark.parametrize("body,known", [(b"", True), (b"", False), (b"x" * 10, True), (b"x" * 10, False),
                                        (b"y" * 300_000, True), (b"y" * 300_000, False)],
                         ids=lambda v: str(len(v)) if isinstance(v, bytes) else ("length" if v else "unknown"))
def test_request_body(client, origin, body, known):
    before = origin.mark()
    answer = client.get(method="PUT", body=body, fields=[("content-length", str(len(body)))] if known else []).json()
    assert (answer["body_length"], answer["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    seen = origin.requests[before]
    if known:
        assert seen.field("content-length") == str(len(body)) and seen.field("transfer-encoding") is None


def test_trailers_both_ways(client, origin):
    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunk(b"body")
                        + b"0\r\nX-Sum: 42\r\nX-More: z\r\n\r\n")
    before = origin.mark()
    with origin.answering(handler):
        answer = client.get(method="POST", body=b"hello", fields=[("trailer", "x-check")], trailers=[("x-check", "7")])
    assert answer.body == b"body" and ("x-sum", "42") in answer.trailers and ("x-more", "z") in answer.trailers
    seen = origin.requests[before]
    assert seen.body == b"hello" and [(n.lower(), v) for n, v in seen.trailers] == [("x-check", "7")]


def test_trailers_after_no_body(client, origin):
    before = origin.mark()
    answer = client.get(method="POST", trailers=[("x-check", "7")])
    assert answer.status == 200 and origin.requests[before].body == b""


def test_early_hints(client, origin):
    go = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        assert go.wait(10)
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n" + OK)
    with origin.answering(handler):
        stream = client.start()
        client.wait(lambda: stream.interim, what="the first hint, before the answer exists")
        go.set()
        answer = client.response(stream)
    assert [(i.status, i.field("link")) for i in answer.interim] == [(103, f"</{n}.css>; rel=preload") for n in "ab"]
    assert answer.status == 200 and answer.body == b"ok"


def test_expect_continue(client, origin):
    stream = client.start("POST", fields=[("expect", "100-continue"), ("content-length", "5")], end=False)
    client.wait(lambda: stream.interim, what="100 Continue")
    assert stream.interim[0].status == 100
    client.send(stream, b"hello", end=True)
    assert client.response(stream).json()["body_length"] == 5


def test_chunks_are_passed_on_as_they_come(client, origin):
    steps = [threading.Event() for _ in range(3)]

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for n, step in enumerate(steps):
            connection.send(chunk(b"part%d" % n))
            assert step.wait(10)
        connection.send(b"0\r\n\r\n")
    with origin.answering(handler):
        stream = client.start()
        for n, step in enumerate(steps):
            client.wait(lambda: stream.size == 5 * (n + 1), what="a chunk alone")  # noqa: B023 - waits here
            step.set()
        assert client.response(stream).body == b"part0part1part2"


def test_request_body_is_passed_on_as_it_comes(client, origin):
    """Full duplex: each piece is answered before the next is sent."""
    def handler(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.read_body(lambda data: connection.send(chunk(bytes(data))))
        connection.send(b"0\r\n\r\n")
    with origin.answering(handler):
        stream = client.start("POST", end=False)
        for n in range(1, 6):
            client.send(stream, b"piece")
            client.wait(lambda: stream.size == 5 * n, what="the piece's echo")  # noqa: B023 - waits here
        client.send(stream, b"", end=True)
        assert client.response(stream).body == b"piece" * 5


def test_early_answer_while_uploading(client, origin):
    """The upstream refuses before it has read all. The client gets the whole
    answer, then its upload is stopped without blame (RFC 9113 8.1), and the
    connection goes on."""
    def handler(connection):
        connection.read_some(1000)
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        connection.close()
    with origin.answering(handler):
        stream = client.start("POST", end=False)
        client.send(stream, b"x" * 5000)
        client.head(stream)
        client.wait(stream.over)
        assert stream.status == 413 and bytes(stream.body) == b"big" and stream.ended
        client.round_trip()
        if stream.reset_code is None:  # still allowed to go on: what is sent is dropped
            client.send(stream, b"x" * 5000, end=True)
        else:
            assert stream.reset_code == Errors.NO_ERROR
    assert client.get("/after").json()["target"] == "/after"


@pytest.mark.parametrize("when", ["before_answer", "during_answer", "during_upload"])
def test_cancelled_stream(client, origin, when):
    """The upstream of the cancelled stream is let go; another stream on the same
    connection is not disturbed."""
    slow = threading.Event()

    def handler(connection):
        if connection.request.target == "/other":
            connection.read_body()
            slow.wait(10)
            return connection.send(OK)
        if when == "during_upload":
            connection.read_some(10)
            return connection.wait_end()
        connection.read_body()
        if when == "during_answer":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        return connection.wait_end()
    before = origin.mark()
    with origin.answering(handler):
        other = client.start(target="/other")
        stream = client.start("POST" if when == "during_upload" else "GET", "/cancelled", end=when != "during_upload")
        if when == "during_upload":
            client.send(stream, b"z" * 100)
        if when == "during_answer":
            client.wait(lambda: stream.size == 4)
        seen = eventually(lambda: [r for r in origin.requests[before:] if r.target == "/cancelled"], 5, "the request")[0]
        client.cancel(stream)
        assert seen.connection.ended.wait(5), "the upstream works on for nobody"
        slow.set()
        assert client.response(other).body == b"ok"
    assert client.get("/after").status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upstream_dies_in_the_body(client, origin, framing, how):
    """Its stream is reset, never ended; the other streams and the connection live."""
    seen, slow = threading.Event(), threading.Event()
    head = {"length": b"Content-Length: 1000\r\n\r\nhalf", "chunked": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"half")}

    def handler(connection):
        connection.read_body()
        if connection.request.target == "/other":
            slow.wait(10)
            return connection.send(OK)
        connection.send(b"HTTP/1.1 200 OK\r\n" + head[framing])
        assert seen.wait(10)
        return getattr(connection, how)()
    with origin.answering(handler):
        other, stream = client.start(target="/other"), client.start(target="/dying")
        client.wait(lambda: stream.size == 4)
        seen.set()
        with pytest.raises(Truncated) as cut:
            client.response(stream)
        assert "RST_STREAM" in cut.value.how and not stream.ended
        assert stream.reset_code not in (Errors.NO_ERROR, Errors.CANCEL, Errors.REFUSED_STREAM), stream.reset_code
        slow.set()
        assert client.response(other).body == b"ok"
    assert not client.goaways and client.get("/after").status == 200


def test_a_slow_stream_does_not_stall_the_others(client, origin):
    """Stream-level credit waits for its reader; the connection's does not."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"s" * 2_000_000
    before = origin.handler
    with origin.answering(lambda c: reply(big)(c) if c.request.target == "/big" else before(c)):
        stalled = [client.start(target="/big", paused=True) for _ in range(5)]
        for stream in stalled:
            client.wait(lambda: stream.size >= 65535, what="a full window")  # noqa: B023 - waits here
        for n in range(20):
            assert client.get(f"/{n}").json()["target"] == f"/{n}"
        assert all(s.size == 65535 for s in stalled), "more than the stream's window was sent"
        for stream in stalled:
            client.resume(stream)
        assert all(len(client.response(s, within=20).body) == 2_000_000 for s in stalled)


def test_a_stalled_upload_does_not_stall_the_others(client, origin):
    """The upstream does not read; its stream gets no more credit, the others do."""
    go = threading.Event()
    usual = origin.handler

    def handler(connection):
        if connection.request.target != "/stalled":
            return usual(connection)
        assert go.wait(30)
        return usual(connection)
    with origin.answering(handler):
        stalled = client.start("POST", "/stalled", end=False)
        sent = 0
        while client.h2.local_flow_control_window(stalled.id) > 0 and sent < 64 << 20:
            client.send(stalled, b"u" * min(16384, client.h2.local_flow_control_window(stalled.id)))
            sent += 16384
            client.round_trip()
        assert sent < 64 << 20, "credit without end for a body that nobody reads"
        for n in range(10):
            assert client.get(f"/{n}", method="POST", body=b"o" * 100_000).json()["body_length"] == 100_000
        go.set()
        client.send(stalled, b"end", end=True)
        assert client.response(stalled, within=20).json()["body_length"] > 0


def test_urgency_orders_answers(proxy, origin):
    """RFC 9218: of answers that wait for the connection's credit the more urgent
    is sent first, whichever was asked for first."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"p" * 300_000
    with origin.answering(reply(raw)), proxy.h2(window=0, settings={Settings.INITIAL_WINDOW_SIZE: 1 << 20}) as client:
        client.hold_credit = True
        streams = {name: client.start(target=f"/{name}", fields=[("priority", urgency)] if urgency else [])
                   for name, urgency in (("late", "u=7"), ("usual", ""), ("soon", "u=2"), ("urgent", "u=0"))}
        client.wait(lambda: all(s.status for s in streams.values()), what="four heads")
        client.release_credit()
        for stream in streams.values():
            assert len(client.response(stream, within=20).body) == 300_000
        assert sorted(streams, key=lambda name: streams[name].order) == ["urgent", "soon", "usual", "late"]


def test_small_windows_and_frames(proxy, origin):
    """A client that grants 100 bytes a stream gets its answer in such pieces."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + bytes(range(250)) * 20
    with origin.answering(reply(raw)), proxy.h2(settings={Settings.INITIAL_WINDOW_SIZE: 100}) as client:
        assert client.get().body == bytes(range(250)) * 20


def test_header_table_size_zero(proxy):
    with proxy.h2(settings={Settings.HEADER_TABLE_SIZE: 0}) as client:
        for n in range(5):
            assert client.get(f"/{n}").json()["target"] == f"/{n}"


def test_large_head_over_continuation(client, origin):
    """20 KiB of fields need CONTINUATION frames, both ways."""
    fields = [(f"x-filler-{n}", "v" * 1000) for n in range(20)]
    before = origin.mark()
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + b"".join(b"X-Back-%d: %s\r\n" % (n, b"w" * 1000) for n in range(20)) + b"\r\nok"
    with origin.answering(reply(raw)):
        answer = client.get(fields=fields)
    assert [origin.requests[before].field(n) for n, _ in fields] == [v for _, v in fields]
    assert [answer.field(f"x-back-{n}") for n in range(20)] == ["w" * 1000] * 20


def test_half_closed_client_gets_its_answers(client, origin):
    """GOAWAY from the client: no new streams, but the open ones are finished."""
    go = threading.Event()

    def handler(connection):
        connection.read_body()
        assert go.wait(10)
        connection.send(OK)
    with origin.answering(handler):
        before = origin.mark()
        streams = [client.start(target=f"/{n}") for n in range(3)]
        origin.wait_requests(3, before)
        import hyperframe.frame
        client.sock.sendall(hyperframe.frame.GoAwayFrame(0, last_stream_id=0, error_code=0).serialize())
        go.set()
        assert [client.response(s).body for s in streams] == [b"ok"] * 3


def test_alpn(proxy):
    """h2 first, then http/1.1; a client without ALPN speaks HTTP/1.1."""
    from harness import pki
    for offered, chosen in ((("h2", "http/1.1"), "h2"), (("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), ((), None)):
        with proxy.tls("bakery.test", context=pki.client_context(proxy.ca_file, alpn=offered)) as raw:
            assert raw.sock.selected_alpn_protocol() == chosen
            if chosen != "h2":
                assert raw.get("/").status == 200


def test_access_record(proxy, client):
    client.get("/h2-record?q", method="POST", body=b"12345")
    record = proxy.access.wait(lambda r: r.value("target") == "/h2-record?q")[0]
    assert (record.value("method"), record.value("status"), record.value("host")) == ("POST", 200, "bakery.test")
    assert record.value("alpn") == "h2" and record.value("bytes_in") == 5 and record.value("sni") == "bakery.test"


def test_one_record_per_stream(proxy, client):
    streams = [client.start(target=f"/each/{n}") for n in range(30)]
    for stream in streams:
        client.response(stream)
    records = eventually(lambda: [found for found in [[r.value("target") for r in proxy.access.records()
                                                       if (r.value("target") or "").startswith("/each/")]] if len(found) >= 30],
                         5, "30 records")[0]
    assert sorted(records) == sorted(f"/each/{n}" for n in range(30))


# The same request by both versions: nothing behind the exchange knows which.
def h1(proxy, **wanted):
    with proxy.tls("bakery.test") as client:
        client.send(request(wanted.get("method", "GET"), wanted.get("target", "/"), wanted.get("host", "bakery.test"),
                            wanted.get("fields", ()), wanted.get("body")))
        return client.response(wanted.get("method", "GET"))


def h2(proxy, **wanted):
    with proxy.h2() as client:
        fields = list(wanted.get("fields", ()))
        if wanted.get("body") is not None:
            fields.append(("content-length", str(len(wanted["body"]))))
        return client.get(**{**wanted, "fields": fields})


# Of the connection, or new for every request.
_OWN = {"connection", "keep-alive", "transfer-encoding", "date", "x-request-id", "traceparent", "x-request-start", "retry-after"}


def comparable(fields):
    return [(n.lower(), v) for n, v in fields if n.lower() not in _OWN]


ALIKE = {
    "get": dict(target="/alike?x=1", fields=[("accept", "text/html"), ("x-a", "1"), ("x-a", "2"), ("x-b", "")]),
    "cookies": dict(fields=[("cookie", "a=1; b=2")]),
    "forged": dict(fields=[("x-tenant-agency-id", "1"), ("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")]),
    "post": dict(method="POST", body=b"hello", fields=[("content-type", "text/plain")]),
    "head": dict(method="HEAD"),
    "options": dict(method="OPTIONS"),
    "range": dict(fields=[("range", "bytes=0-1"), ("if-none-match", '"x"')]),
    "own_path": dict(target="/.well-known/acme-challenge/nothing"),
    "nobody": dict(host="unknown.test"),
    "other_tenant": dict(host="clinic.test"),
    "latin_1": dict(fields=[("x-latin", "gr\xfc\xdfe")]),
}


@pytest.mark.parametrize("case", ALIKE)
def test_both_versions_alike(proxy, origin, case):
    seen = {}

    def handler(connection):
        connection.read_body()
        head = (b"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nETag: \"e\"\r\nVary: Accept\r\nSet-Cookie: a=1\r\n"
                b"Set-Cookie: b=2; Path=/\r\nX-Tenant-Id: leaked\r\nX-Own:   spaced  value \r\nContent-Length: 2\r\n\r\n")
        connection.send(head if connection.request.method == "HEAD" else head + b"ok")
    with origin.answering(handler):
        for version, ask in (("1.1", h1), ("2", h2)):
            before = origin.mark()
            answer = ask(proxy, **ALIKE[case])
            requests = origin.requests[before:]
            seen[version] = (
                answer.status, comparable(answer.fields), "" if answer.status >= 400 else answer.body,
                [(r.method, r.target, comparable(r.fields), r.body, r.trailers) for r in requests])
    for part, (first, second) in zip(("status", "fields", "body", "upstream"), zip(seen["1.1"], seen["2"])):
        assert first == second, part


def test_upstream_down_alike():
    from harness import Marquee, Upstream
    with Marquee(upstreams=[Upstream("main", ["http://127.0.0.1:9"])]) as proxy:
        first, second = h1(proxy), h2(proxy)
    assert first.status == second.status == 502
    assert comparable(first.fields) == comparable(second.fields)
