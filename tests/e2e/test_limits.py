"""Sizes: the defaults of the reliability table on the shared process, and
configured ones on a process of its own."""
import pytest
from harness import ConnectionEnded, Deadline, EchoOrigin, Marquee, Upstream, chunk, eventually, reply
from harness.attack import assert_never_completed, canary, head, refused


def target_of(size):
    return "/" + "a" * (size - 1)


def head_of(size):
    """A request head of exactly `size` bytes in few fields."""
    raw = head("GET / HTTP/1.1", "X-Pad: ")
    return head("GET / HTTP/1.1", "X-Pad: " + "a" * (size - len(raw)))


def fields_of(count):
    """A head of `count` fields, Host included."""
    return head("GET / HTTP/1.1", *[f"X-{n}: a" for n in range(count - 1)])


# Defaults.
def test_default_target_accepted(proxy, origin):
    with proxy.plain() as client:
        assert client.get(target_of(8000)).json()["target"] == target_of(8000)


@pytest.mark.parametrize("size", [8001, 16 << 10, 30_000, 70_000, 1_000_000])
def test_default_target_refused(proxy, origin, size):
    refused(proxy, origin, head(f"GET {target_of(size)} HTTP/1.1"), {414} if size <= 16 << 10 else {414, 431})


def test_default_fields_accepted(proxy, origin):
    with proxy.plain() as client:
        client.send(fields_of(100))
        assert client.response().status == 200


@pytest.mark.parametrize("count", [101, 200, 5000])
def test_default_fields_refused(proxy, origin, count):
    refused(proxy, origin, fields_of(count), {431})


def test_default_head_accepted(proxy, origin):
    with proxy.plain() as client:
        client.send(head_of(32 << 10))
        assert client.response().status == 200


@pytest.mark.parametrize("size", [(32 << 10) + 1, 40_000, 1_000_000])
@pytest.mark.parametrize("split", [0, 4096], ids=["whole", "by4k"])
def test_default_head_refused(proxy, origin, size, split):
    refused(proxy, origin, head_of(size), {431}, split=split)


def test_endless_head_without_line_ends(proxy, origin):
    refused(proxy, origin, b"GET / HTTP/1.1\r\nHost: bakery.test\r\n" + b"a" * 2_000_000, {431, 400})
    refused(proxy, origin, b"A" * 2_000_000, {400, 414, 431})


def test_long_method_refused(proxy, origin):
    refused(proxy, origin, head("A" * 40_000 + " / HTTP/1.1"), {400, 414, 431, 501})


@pytest.mark.parametrize("size,accepted", [(253, True), (254, False), (5000, False)])
def test_host_length(proxy, origin, size, accepted):
    """RFC 1035 2.3.4: 253 bytes; longer is no hostname."""
    labels = "a" * 49 + "."
    rest = (labels * (size // 50 + 1))[:size - 6].rstrip(".")
    host = rest + "b" * (size - 5 - len(rest)) + ".test"
    assert len(host) == size
    if accepted:
        with proxy.plain() as client:
            assert client.get(canary(), host).status in (404, 421)  # a hostname, of nobody
    else:
        refused(proxy, origin, head("GET / HTTP/1.1", host=host), {400, 431})


# Configured.
@pytest.fixture(scope="module")
def narrow():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            limits={"head": 4096, "fields": 20, "target": 1000, "request_body": 10_000, "chunk_extension": 64, "trailers": 512,
                    "interim_responses": 3, "requests_per_connection": 5},
            timeouts={"linger": 0.5}) as proxy:
        yield proxy, origin


@pytest.mark.parametrize("raw,statuses", [
    (head(f"GET {target_of(1001)} HTTP/1.1"), {414}), (fields_of(21), {431}), (head_of(4097), {431}),
], ids=["target", "fields", "head"])
def test_configured_refused(narrow, raw, statuses):
    refused(*narrow, raw, statuses)


@pytest.mark.parametrize("raw", [head(f"GET {target_of(1000)} HTTP/1.1"), fields_of(20), head_of(4096)], ids=["target", "fields", "head"])
def test_configured_accepted(narrow, raw):
    proxy, _ = narrow
    with proxy.plain() as client:
        client.send(raw)
        assert client.response().status == 200


def test_body_length_refused_from_the_head(narrow):
    """413 before a byte of the body, and nothing upstream."""
    proxy, origin = narrow
    refused(proxy, origin, head("POST / HTTP/1.1", "Content-Length: 10001"), {413})


def test_body_length_refused_instead_of_100(narrow):
    proxy, origin = narrow
    answer = refused(proxy, origin, head("POST / HTTP/1.1", "Content-Length: 10001", "Expect: 100-continue"), {413})
    assert not answer.interim


def test_chunked_body_refused_when_it_grows(narrow):
    proxy, origin = narrow
    before = origin.mark()
    refused(proxy, origin, head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=chunk(b"a" * 1000) * 11 + b"0\r\n\r\n"), {413}, reached=1)
    assert_never_completed(origin, before)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_at_the_limit_accepted(narrow, framing):
    proxy, _ = narrow
    with proxy.plain() as client:
        if framing == "length":
            client.send(head("POST / HTTP/1.1", "Content-Length: 10000", body=b"a" * 10_000))
        else:
            client.send(head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=chunk(b"a" * 1000) * 10 + b"0\r\n\r\n"))
        assert client.response().json()["body_length"] == 10_000


def test_configured_chunk_extension(narrow):
    proxy, origin = narrow
    before = origin.mark()
    refused(proxy, origin, head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"1;" + b"a" * 100 + b"\r\na\r\n0\r\n\r\n"),
            {400, 413, 431}, reached=1)
    assert_never_completed(origin, before)


def test_configured_interim(narrow):
    proxy, origin = narrow
    raw = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    end = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with origin.answering(reply(raw * 3 + end)), proxy.plain() as client:
        assert len(client.get("/").interim) == 3
    with origin.answering(reply(raw * 4 + end)), proxy.plain() as client:
        try:
            assert client.get("/").status == 502
        except ConnectionEnded:
            pass


def test_requests_per_connection(narrow):
    proxy, _ = narrow
    with proxy.plain() as client:
        for n in range(5):
            answer = client.get("/")
        assert answer.field("connection").lower() == "close"
        client.assert_closed()


def test_connections_per_client():
    with EchoOrigin() as origin, Marquee(origin, limits={"connections_per_client": 3}) as proxy:
        held = [proxy.plain(source="127.0.0.9") for _ in range(3)]
        for client in held:
            assert client.get("/").status == 200
        with proxy.plain(source="127.0.0.9") as fourth:
            fourth.send(head("GET / HTTP/1.1"))
            data, _ = fourth.bytes_until_end(5)
        assert b"HTTP/1.1 200" not in data
        with proxy.plain(source="127.0.0.10") as other:
            assert other.get("/").status == 200
        held.pop().close()

        def again():
            with proxy.plain(source="127.0.0.9") as client:
                client.send(head("GET / HTTP/1.1"))
                return b" 200 " in _first(client)
        eventually(again, 5, "room for another connection")
        for client in held:
            client.close()


def _first(client):
    try:
        return client.reader.line(Deadline(5))
    except ConnectionEnded:
        return b""
