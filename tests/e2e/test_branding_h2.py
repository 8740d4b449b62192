"""Branding over HTTP/2: the page a client gets is the one that it gets over HTTP/1.1,
in whatever frames it comes and goes."""
import gzip
import threading

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, chunk, reply
from harness.h2_client import Settings
from harness.h2_origin import H2Origin

BRAND = {"name": "Rose Bakery", "favicon_url": "/rose.png", "hide_powered_by": True}
PAGE = (b"<!doctype html><html><head><title>Bread</title><link rel=icon href=/x.ico></head><body>"
        + b"<ul><li class=card>rye</li></ul><div class='dramac-branding'>ad <b>x</b></div>" * 90
        + b"<footer><p>Powered by\n Dramac </p></footer></body></html>")
LIST = b"<ul><li class=card>rye</li></ul>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nETag: \"v1\"\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE


def in_chunks(size):
    pieces = [PAGE[i:i + size] for i in range(0, len(PAGE), size)]
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunk(p) for p in pieces) + b"0\r\n\r\n"


@pytest.fixture(scope="module")
def pair():
    with EchoOrigin() as origin, Marquee(origin, domains=[Domain("bakery.test", brand=BRAND), Domain("plain.test")]) as proxy:
        yield proxy, origin


@pytest.fixture(scope="module")
def branded(pair):
    proxy, origin = pair
    with origin.answering(reply(WHOLE)), proxy.plain() as client:
        page = client.get().body
    assert b"<title>Bread | Rose Bakery</title>" in page and b"x.ico" not in page
    assert page.count(LIST) == 90 and b"dramac" not in page.lower() and b"<footer><p></p></footer></body></html>" in page
    return page


# Stream windows: small frames towards the client, and as large as they come.
@pytest.mark.parametrize("window", [37, 65535])
@pytest.mark.parametrize("answer", [WHOLE, in_chunks(50), in_chunks(4096)], ids=["whole", "chunks of 50", "chunks of 4096"])
def test_the_page_is_the_same(pair, branded, window, answer):
    proxy, origin = pair
    with origin.answering(reply(answer)), proxy.h2(settings={Settings.INITIAL_WINDOW_SIZE: window}) as client:
        got = client.get()
        assert got.status == 200 and got.body == branded and not got.all("content-length") and not got.trailers
        assert got.field("etag").startswith('W/"v1-bs')
        assert client.get(host="bakery.test", fields=[("accept-encoding", "gzip")]).field("content-encoding") == "gzip"


@pytest.mark.parametrize("window", [37, 65535])
@pytest.mark.parametrize("coded", [False, True], ids=["read as it is", "coded by the upstream"])
def test_compressed(pair, branded, window, coded):
    proxy, origin = pair
    body = gzip.compress(PAGE)
    answer = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body if coded else WHOLE
    with origin.answering(reply(answer)), proxy.h2(settings={Settings.INITIAL_WINDOW_SIZE: window}) as client:
        got = client.get(fields=[("accept-encoding", "gzip")])
        assert got.field("content-encoding") == "gzip" and gzip.decompress(got.body) == branded
        assert client.get().body == branded


def test_head(pair):
    proxy, origin = pair
    with origin.answering(reply(HEAD + b"Content-Length: %d\r\n\r\n" % len(PAGE))), proxy.h2() as client:
        for fields in ((), [("accept-encoding", "gzip")]):
            got = client.get(method="HEAD", fields=fields)
            assert got.status == 200 and got.body == b"" and not got.all("content-length")
            assert got.field("etag").startswith('W/"v1-bs')


def test_streams_side_by_side(pair, branded):
    proxy, origin = pair
    with origin.answering(reply(in_chunks(700))), proxy.h2(settings={Settings.INITIAL_WINDOW_SIZE: 500}) as client:
        streams = [client.start() for _ in range(12)]
        assert all(client.response(s, within=30).body == branded for s in streams)


@pytest.mark.parametrize("size", [1000, 16000])
def test_an_upstream_over_http2(branded, size):
    """DATA frames in, branded; chunks or DATA frames out, and the page does not wait in between."""
    go_on = threading.Event()

    def handler(stream):
        stream.head(200, [("content-type", "text/html; charset=utf-8")])
        stream.data(PAGE[:size])
        if stream.field(":path") == "/waits":
            assert go_on.wait(20)
            stream.data(b"")
        stream.data(PAGE[size:])
        stream.trailer([("x-sum", "7")])
    with H2Origin(handler) as origin:
        upstream = [Upstream("main", [origin.endpoint], first_byte=10)]
        with Marquee(domains=[Domain("bakery.test", brand=BRAND)], upstreams=upstream) as proxy:
            with proxy.plain() as client:
                got = client.get()
                assert got.body == branded and ("x-sum", "7") in [(n.lower(), v) for n, v in got.trailers]
            with proxy.h2() as client:
                stream = client.start(target="/waits")
                client.wait(lambda: b"Rose Bakery" in stream.body, 10, "the page's head before the rest is there")
                go_on.set()
                got = client.response(stream)
                assert got.body == branded and got.trailers
        assert not origin.errors
