"""White label in front of real upstreams: pages branded as they stream, everything
else byte for byte as it came."""
import base64
import gzip
import json
import re
import threading
import zlib

import pytest
from harness import Deadline, Domain, EchoOrigin, Marquee
from harness.client import request

PAGE = (b"<!doctype html><html><head><title>Bread</title><link rel=icon href=/x.ico></head><body>"
        b"<p>fresh</p><div class='dramac-branding'>ad <b>x</b></div></body></html>")
BRAND = {"name": "Rose Bakery", "favicon_url": "/rose.png", "logo_url": "https://cdn.test/logo.svg",
         "primary": "#8b1e3f", "hide_powered_by": True, "css": "h1{letter-spacing:1px}"}
HOSTILE = {"name": "</title><script>alert(1)</script>$'$&@@importimport", "primary": "red}body{display:none",
           "css": "@@importimport url(https://evil.test/x);</style><script>x</script>body{background:url(//evil.test/y)}"}


def answering(body=PAGE, kind="text/html; charset=utf-8", fields="", status="200 OK", length=True):
    def handler(connection):
        connection.read_body()
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{fields}"
        if length:
            head += f"Content-Length: {len(body)}\r\n"
        connection.send(head.encode() + b"\r\n" + (b"" if connection.request.method == "HEAD" else body))
    return handler


@pytest.fixture(scope="module")
def pair():
    domains = [Domain("bakery.test", brand=BRAND), Domain("evil.test", brand=HOSTILE), Domain("plain.test")]
    with EchoOrigin() as origin, Marquee(origin, domains=domains) as proxy:
        yield proxy, origin


def ask(pair, handler, host="bakery.test", fields=(), method="GET", path="/"):
    proxy, origin = pair
    with origin.answering(handler), proxy.plain() as client:
        answer = client.get(path, host, fields, method)
    return answer, origin.requests[-1]


def test_a_page_is_branded(pair):
    answer, request = ask(pair, answering(fields='ETag: "v1"\r\nAccept-Ranges: bytes\r\nLast-Modified: x\r\n'),
                          fields=[("Accept-Encoding", "gzip, br"), ("Accept", "text/html")])
    body = answer.body.decode()
    assert "<title>Bread | Rose Bakery</title>" in body
    assert '<link rel="icon" href="/rose.png">' in body and "x.ico" not in body
    assert '<meta name="brand-logo" content="https://cdn.test/logo.svg">' in body
    assert '<link rel="stylesheet" href="/.well-known/marquee/brand-' in body
    assert "dramac-branding" not in body and "<p>fresh</p></body></html>" in body
    assert answer.field("etag").startswith('W/"v1-bs')
    assert not answer.all("accept-ranges") and not answer.all("last-modified") and not answer.all("content-length")
    assert request.all("accept-encoding") == ["identity"]


def test_the_upstream_is_told_of_the_brand(pair):
    _, request = ask(pair, answering(), fields=[("X-White-Label", "forged"), ("x_white_label", "twin")])
    field = request.field("x-white-label")
    told = json.loads(base64.urlsafe_b64decode(field + "=" * (-len(field) % 4)))
    assert told["brand_name"] == "Rose Bakery" and told["brand_colors"] == {"primary": "#8b1e3f"}
    assert told["hide_powered_by"] is True and told["stylesheet"].startswith("/.well-known/marquee/brand-")
    _, request = ask(pair, answering(), host="plain.test")
    assert not request.all("x-white-label")


@pytest.mark.parametrize("name, handler, fields", [
    ("no html", answering(kind="application/xhtml+xml"), ()),
    ("another charset", answering(kind="text/html; charset=shift_jis"), ()),
    ("UTF-16", answering(b"\xff\xfe<\x00h\x00e\x00a\x00d\x00>\x00"), ()),
    ("a part", answering(status="206 Partial Content", fields="Content-Range: bytes 0-9/99\r\n"), [("Range", "bytes=0-9")]),
    ("no-transform", answering(fields="Cache-Control: public\r\nCache-Control: no-transform\r\n"), ()),
    ("a coding nobody knows", answering(fields="Content-Encoding: aes128gcm\r\n"), ()),
])
def test_untouched(pair, name, handler, fields):
    answer, _ = ask(pair, handler, fields=fields)
    plain, _ = ask(pair, handler, host="plain.test", fields=fields)
    assert answer.body == plain.body


def test_head_and_304(pair):
    answer, _ = ask(pair, answering(fields='ETag: "v1"\r\n'), method="HEAD")
    etag = answer.field("etag")
    assert etag.startswith('W/"v1-bs') and not answer.all("content-length") and answer.body == b""

    def not_modified(connection):
        connection.read_body()
        connection.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
    answer, request = ask(pair, not_modified, fields=[("If-None-Match", etag), ("Accept", "text/html"),
                                                      ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")])
    assert request.all("if-none-match") == ['"v1"'] and not request.all("if-modified-since")
    assert answer.status == 304 and answer.field("etag") == etag
    _, request = ask(pair, answering(), fields=[("If-None-Match", 'W/"v1-bs00000000"'), ("Accept", "text/html")])
    assert not request.all("if-none-match")


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "identity", ""])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/html; charset=shift_jis", "text/plain", "image/png"])
@pytest.mark.parametrize("size", [0, 4000])
def test_head_says_of_codings_what_get_says(pair, accepted, kind, size):
    fields = [("Accept-Encoding", accepted)] if accepted else []
    handler = answering(PAGE + b" " * size, kind, 'ETag: "v1"\r\nVary: Accept-Language\r\n')
    got, _ = ask(pair, handler, fields=fields)
    head, _ = ask(pair, handler, fields=fields, method="HEAD")
    for name in ("vary", "content-encoding", "etag", "content-type", "content-length", "accept-ranges"):
        # The length of a short body may be left out (RFC 9110 8.6), but not be another.
        if name != "content-length" or head.all(name):
            assert head.all(name) == got.all(name), name
    assert head.status == 200 and head.body == b""


SJIS = b"<!doctype html><html><head><meta charset=shift_jis><title>\x95\x5c</title></head><body>\x95\x5c</body></html>"


@pytest.mark.parametrize("kind, page", [
    ("text/html", SJIS), ("text/html", "\ufeff<html><head></head><body>x".encode("utf-16-le")),
    ("text/html; charset=utf-8", "\ufeff<html><head></head><body>x".encode("utf-16-be"))],
    ids=["shift_jis", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("first", [0, 1, 2, 30])
def test_untouched_also_where_head_and_body_come_apart(pair, kind, page, first):
    proxy, origin = pair
    go_on = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page[:first])
        assert go_on.wait(20)
        connection.send(page[first:])

    with origin.answering(handler), proxy.plain() as client:
        client.send(request())
        deadline = Deadline(15, "an answer in two parts")
        answer = client.head()  # comes before the body is written
        go_on.set()
        body = bytearray()
        client.body(answer, "GET", deadline, body.extend)
    assert bytes(body) == page


def test_a_policy_lets_the_stylesheet_in(pair):
    answer, _ = ask(pair, answering(fields="Content-Security-Policy: default-src 'none'; style-src 'nonce-r4nd'\r\n"))
    policy = answer.field("content-security-policy")
    assert policy.startswith("default-src 'none'; style-src 'nonce-r4nd' http://bakery.test/.well-known/marquee/brand-")
    assert policy.endswith("; img-src http://bakery.test/rose.png")
    policy = "default-src 'self'; script-src 'nonce-x'"
    answer, _ = ask(pair, answering(fields=f"Content-Security-Policy: {policy}\r\n"))
    assert answer.field("content-security-policy") == policy


def test_hostile_values_change_their_own_text_only(pair):
    answer, _ = ask(pair, answering(), host="evil.test")
    body = answer.body.decode()
    assert "<script>" not in body and "display" not in body and "evil.test" not in body
    assert body.count("<title>") == 1 and "<title>Bread | &lt;/title&gt;" in body
    assert body.endswith("</body></html>")


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_streamed_page_arrives_piece_by_piece(pair, coding):
    proxy, origin = pair
    text = zlib.decompressobj(31)
    go_on = threading.Event()

    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"<!doctype html><html><head><title>S</title></head><body><p>one</p>", b"<p>two</p>", b"<p>three</p>"):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert go_on.wait(20)
            go_on.clear()
        connection.send(b"0\r\n\r\n")

    with origin.answering(handler), proxy.plain() as client:
        client.send(request(fields=[("Accept-Encoding", coding)] if coding else ()))
        assert client.head().all("content-encoding") == ([coding] if coding else [])
        page = b""
        for mark in (b"<p>one</p>", b"<p>two</p>", b"<p>three</p>"):
            # Before the upstream says the next word.
            deadline = Deadline(15, f"{mark} of a stream")
            while mark not in page:
                chunk = bytearray()
                client.reader.exactly(int(client.reader.line(deadline), 16), deadline, chunk.extend)
                client.reader.line(deadline)
                page += text.decompress(bytes(chunk)) if coding else chunk
            go_on.set()
        assert b"S | Rose Bakery</title>" in page


def test_the_stylesheet_of_a_page(pair):
    proxy, origin = pair
    answer, _ = ask(pair, answering())
    path = re.search(r'<link rel="stylesheet" href="([^"]+)">', answer.body.decode())[1]
    before = origin.mark()
    with proxy.plain() as client:
        sheet = client.get(path, "bakery.test")
        assert sheet.status == 200 and sheet.field("content-type") == "text/css; charset=utf-8"
        assert b"letter-spacing:1px" in sheet.body and b"--brand-primary:#8b1e3f;--brand-primary-foreground:#ffffff" in sheet.body
        assert sheet.field("cache-control") == "public, max-age=31536000, immutable"
        assert sheet.field("x-content-type-options") == "nosniff"
        known = client.get(path, "bakery.test", [("If-None-Match", sheet.field("etag"))])
        assert known.status == 304 and not known.body and not known.all("content-length")
        head = client.get(path, "bakery.test", method="HEAD")
        assert head.status == 200 and head.field("content-length") == str(len(sheet.body))
        # Of another tenant: nothing of this one's.
        other = client.get(path, "evil.test")
        assert other.status == 200 and other.field("cache-control") == "no-cache"
        text = other.body.decode()
        assert "letter-spacing" not in text and "evil.test" not in text and "</" not in text and "@import" not in text
        assert client.get(path, "plain.test").status == 200  # no brand, no path of ours: the upstream's
    assert len(origin.requests) == before + 1


BIG = PAGE.replace(b"<p>fresh</p>", b"<p>fresh</p>" + b"<i>words of a page</i>" * 3000)


def test_compressed_at_the_edge(pair):
    """Asked for as it is, branded, compressed: what comes out is the page that is branded uncompressed."""
    plain, _ = ask(pair, answering(BIG))
    assert not plain.all("content-encoding") and plain.all("vary") == ["Accept-Encoding"]
    for accept, coding in (("gzip", "gzip"), ("br;q=0.1, gzip;q=0.9", "gzip"), ("gzip, br, zstd", "br"), ("zstd", "zstd")):
        answer, request = ask(pair, answering(BIG, fields='ETag: "v"\r\nVary: Origin\r\n'), fields=[("Accept-Encoding", accept)])
        assert request.all("accept-encoding") == ["identity"]
        assert answer.field("content-encoding") == coding and answer.field("vary") == "Origin, Accept-Encoding"
        assert answer.field("etag").startswith('W/"') and len(answer.body) < len(BIG) / 10
        if coding == "gzip":
            assert gzip.decompress(answer.body) == plain.body
    # Small, compressed already, or of another type: as it came.
    for handler in (answering(), answering(BIG, "image/png"), answering(gzip.compress(BIG), "text/css", "Content-Encoding: gzip\r\n")):
        answer, _ = ask(pair, handler, fields=[("Accept-Encoding", "br, gzip")])
        assert answer.all("content-encoding") in ([], ["gzip"])
    answer, _ = ask(pair, answering(BIG), host="plain.test", fields=[("Accept-Encoding", "gzip")])
    assert not answer.all("content-encoding") and answer.body == BIG


def test_an_upstream_that_compresses_all_the_same(pair):
    plain, _ = ask(pair, answering(BIG))
    coded = answering(gzip.compress(BIG), fields="Content-Encoding: gzip\r\n")
    answer, _ = ask(pair, coded)
    assert not answer.all("content-encoding") and answer.body == plain.body
    answer, _ = ask(pair, coded, fields=[("Accept-Encoding", "gzip")])
    assert answer.field("content-encoding") == "gzip" and gzip.decompress(answer.body) == plain.body
