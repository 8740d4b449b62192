"""HTTP/1.1 on both sides: connections, framings, interim answers."""
import pytest
from harness import Deadline, chunk, echo, reply
from harness.client import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_keep_alive(proxy, origin):
    with proxy.plain() as client:
        for number in range(5):
            answer = client.get(f"/{number}")
            assert answer.json()["target"] == f"/{number}"
            assert (answer.field("connection") or "keep-alive").lower() != "close"


def test_upstream_connection_is_reused(proxy, origin):
    with proxy.plain() as client:  # one connection: one worker
        numbers = {client.get("/").json()["connection"] for _ in range(5)}
    assert len(numbers) == 1


@pytest.mark.parametrize("split", [0, 1, 100], ids=["whole", "bytewise", "by100"])
def test_pipelining_in_order(proxy, origin, split):
    raw = b"".join(request("POST" if n % 3 == 0 else "GET", f"/p{n}", body=b"x" * n if n % 3 == 0 else None)
                   for n in range(20))
    with proxy.plain() as client:
        client.send(raw, split)
        answers = [client.response() for _ in range(20)]
        assert [a.json()["target"] for a in answers] == [f"/p{n}" for n in range(20)]
        assert [a.json()["body_length"] for a in answers] == [n if n % 3 == 0 else 0 for n in range(20)]
        client.assert_open()


def test_pipelining_across_tenants(proxy, origin, tenants):
    """Plain connections carry any host; each request is its own."""
    hosts = ["bakery.test", "clinic.test", "bakery.test", "cakes.test"]
    with proxy.plain() as client:
        client.send(b"".join(request("GET", "/", host) for host in hosts))
        for host in hosts:
            sent = {n.lower(): v for n, v in client.response().json()["fields"]}
            assert sent["x-site-id"] == tenants[host].site


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
def test_chunked_request_with_trailers(proxy, origin, split):
    body = chunk(b"hello ") + b"5;ext=1\r\nworld\r\n" + b"0\r\nX-Checksum: 42\r\nX-Other: a\r\n\r\n"
    with proxy.plain() as client:
        client.send(b"POST /c HTTP/1.1\r\nHost: bakery.test\r\nTransfer-Encoding: chunked\r\n"
                    b"Trailer: X-Checksum\r\n\r\n" + body, split)
        seen = client.response().json()
        client.assert_open()
    assert seen["body_length"] == 11
    assert ["transfer-encoding", "chunked"] in [[n.lower(), v] for n, v in seen["fields"]]
    assert "x-checksum" not in [n.lower() for n, _ in seen["fields"]]
    assert [[n.lower(), v] for n, v in seen["trailers"]] == [["x-checksum", "42"], ["x-other", "a"]]


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
def test_chunked_answer_with_trailers(proxy, origin, split):
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" + chunk(b"hello ")
           + b"5;e\r\nworld\r\n0\r\nX-Sum: 7\r\n\r\n")
    with origin.answering(reply(raw, split)), proxy.plain() as client:
        answer = client.get("/", fields=[("TE", "trailers"), ("Connection", "TE")])
        assert answer.body == b"hello world" and answer.framing == "chunked"
        assert [(n.lower(), v) for n, v in answer.trailers] == [("x-sum", "7")]
    with proxy.plain() as client:
        client.assert_open()


def test_chunks_are_passed_on_as_they_come(proxy, origin):
    """No waiting for the end: the client holds the first part before the
    origin writes the second."""
    import threading
    seen = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        assert seen.wait(10)
        connection.send(chunk(b"second") + b"0\r\n\r\n")
    with origin.answering(handler), proxy.plain() as client:
        client.send(request())
        head = client.head()
        parts = []

        def sink(data):
            parts.append(data)
            seen.set()
        client.body(head, "GET", Deadline(10), sink)
    assert b"".join(parts) == b"firstsecond"


def test_body_until_close_is_framed(proxy, origin):
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then="close")), proxy.plain() as client:
        answer = client.get("/")
        assert answer.body == b"until the end" and answer.framing in ("chunked", "close")
        if answer.framing == "chunked":
            with origin.answering(echo):
                client.assert_open()


def test_expect_continue(proxy, origin):
    """RFC 9110 10.1.1: the 100 is Marquee's own, the field stays here."""
    with proxy.plain() as client:
        client.send(b"POST /e HTTP/1.1\r\nHost: bakery.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.head(5).status == 100
        client.send(b"hello")
        answer = client.response()
        client.assert_open()
    assert answer.status == 200 and answer.json()["body_length"] == 5 and not answer.interim
    assert "expect" not in [n.lower() for n, _ in answer.json()["fields"]]


def test_expect_continue_is_not_said_to_1_0(proxy, origin):
    with proxy.plain() as client:
        client.send(b"POST / HTTP/1.0\r\nHost: bakery.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
        answer = client.response()
    assert answer.status == 200 and not answer.interim


def test_expect_continue_of_a_refused_request(proxy, origin):
    """No 100 for what will be refused: the body would be sent for nothing."""
    with proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: unknown.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        answer = client.response()
    assert answer.status in (404, 421) and not answer.interim


def test_unknown_expectation(proxy, origin):
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/", fields=[("Expect", "the-unexpected")], method="POST", body=b"x")
    assert answer.status == 417 and origin.mark() == before


@pytest.mark.parametrize("raw,body", [
    (OK, b"ok"), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", b"ok"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
], ids=["length", "chunked", "chunked_empty"])
def test_http_1_0_client(proxy, origin, raw, body):
    """RFC 9112 6.1: never chunked to 1.0; the end is told by length or close."""
    with origin.answering(reply(raw)), proxy.plain() as client:
        answer = client.get("/", version="1.0")
        assert answer.body == body and not answer.all("transfer-encoding")
        if answer.framing == "close":
            assert answer.end == "eof"
        else:
            client.assert_closed()
    assert origin.requests[-1].version == "1.1"


def test_http_1_0_keep_alive(proxy, origin):
    with origin.answering(reply(OK)), proxy.plain() as client:
        first = client.get("/", fields=[("Connection", "keep-alive")], version="1.0")
        assert first.body == b"ok"
        if (first.field("connection") or "").lower() == "keep-alive":
            assert client.get("/", version="1.0").body == b"ok"
        else:
            client.assert_closed()


def test_http_1_0_gets_no_interim(proxy, origin):
    with origin.answering(reply(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK)), proxy.plain() as client:
        answer = client.get("/", version="1.0")
    assert answer.status == 200 and not answer.interim


@pytest.mark.parametrize("raw,method,status", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: \"a\"\r\n\r\n", "HEAD", 200),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", 200),
    (b"HTTP/1.1 200 OK\r\n\r\n", "HEAD", 200),
    (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204),
    (b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", "GET", 304),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n", "GET", 304),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "GET", 404),
], ids=["head_length", "head_chunked", "head_plain", "204", "304", "304_length", "404_empty"])
def test_answers_without_body(proxy, origin, raw, method, status):
    with proxy.plain() as client:
        with origin.answering(reply(raw)):
            answer = client.get("/", method=method)
            assert answer.status == status and answer.body == b""
        if b"5000" in raw:
            assert answer.field("content-length") == "5000"
        client.assert_open()  # nobody waits for a body that does not come


def test_early_hints_are_relayed(proxy, origin):
    """RFC 8297: at once, not with the final answer."""
    import threading
    seen = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Tenant-Role: internal\r\n\r\n")
        assert seen.wait(10)
        connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" + OK)
    with origin.answering(handler), proxy.plain() as client:
        client.send(request())
        hints = client.head()
        seen.set()
        answer = client.response()
    assert hints.status == 103 and hints.field("link") == "</a.css>; rel=preload"
    assert not hints.all("x-tenant-role")
    assert answer.status == 200 and [i.status for i in answer.interim] in ([102], [])


def test_upstream_100_is_not_taken_for_the_answer(proxy, origin):
    with origin.answering(reply(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)), proxy.plain() as client:
        answer = client.get("/", method="POST", body=b"x")
    assert answer.status == 200 and answer.body == b"ok"


def test_early_answer_while_body_flows(proxy, origin):
    """Full duplex: what is uploaded comes back before the upload's end."""
    def handler(connection):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.read_body(lambda data: connection.send(chunk(data)))
        connection.send(b"0\r\n\r\n")
    with origin.answering(handler), proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = client.head()
        assert head.status == 200
        received = bytearray()
        for part in (b"one", b"two", b"three"):
            client.send(chunk(part))
            while not received.endswith(part):  # one chunk at a time: lock step
                size = int(client.reader.line(Deadline(5)), 16)
                client.reader.exactly(size, Deadline(5), received.extend)
                assert client.reader.line(Deadline(5)) == b""
        client.send(b"0\r\n\r\n")
        client.body(head, "POST", Deadline(5), received.extend)
    assert received == b"onetwothree"


def test_early_final_answer_ends_the_upload(proxy, origin):
    """The origin refuses from the head alone and closes: the client gets that
    answer, not a 502, though its body is unsent."""
    def handler(connection):
        connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        connection.half_close()
        connection.wait_end()
        connection.close()
    with origin.answering(handler), proxy.plain() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1000)
        answer = client.response()
        assert answer.status == 413 and answer.body == b"big"
        client.bytes_until_end(8)  # a connection with an unfinished body is not kept


def test_absolute_form(proxy, origin):
    with proxy.plain() as client:
        seen = client.get("http://bakery.test/abs?x").json()
        assert seen["target"] == "/abs?x"
        assert client.get("HTTP://BAKERY.TEST/abs").json()["target"] == "/abs"
        assert client.get("http://bakery.test").json()["target"] == "/"
        assert client.get("http://bakery.test?q").json()["target"] == "/?q"


def test_options_asterisk(proxy, origin):
    with proxy.plain() as client:
        assert client.get("*", method="OPTIONS").json()["target"] == "*"
        client.assert_open()


def test_client_half_close_after_a_whole_request(proxy, origin):
    """Not a departure (design 2): the answer still comes."""
    with proxy.plain() as client:
        client.send(request("GET", "/half"))
        client.half_close()
        assert client.response().json()["target"] == "/half"
        client.assert_closed()


@pytest.mark.parametrize("how", ["reset", "close"])
def test_client_that_leaves_frees_the_upstream(proxy, origin, how):
    """A request nobody waits for is cancelled: reset at once, FIN in mid-body."""
    started = []

    def handler(connection):
        started.append(connection)
        connection.wait_end()
        connection.close()
    with origin.answering(handler):
        client = proxy.plain()
        before = origin.mark()
        client.send(b"POST / HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 100\r\n\r\n" + b"x" * 10)
        origin.wait_requests(1, before)
        getattr(client, how)()
        assert origin.requests[before].connection.ended.wait(5), "the upstream still waits for a client that left"


def test_reset_cancels_a_complete_request(proxy, origin):
    before = origin.mark()
    with origin.answering(lambda c: (c.read_body(), c.wait_end(), c.close())):
        client = proxy.plain()
        client.send(request())
        origin.wait_requests(1, before)
        client.reset()
        assert origin.requests[before].connection.ended.wait(5)
