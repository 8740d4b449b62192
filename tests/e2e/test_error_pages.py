"""Answers that Marquee makes itself: readable, by Accept, with the request id,
and silent about the inside."""
import json
import re
import socket

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def broken():
    """A pool whose only endpoint refuses connections."""
    with socket.socket() as held, EchoOrigin() as origin:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else gets the port
        port = held.getsockname()[1]
        with Marquee(upstreams=[Upstream("main", [origin.endpoint]), Upstream("secret-pool", [f"http://127.0.0.1:{port}"])],
                     domains=[Domain("bakery.test"), Domain("down.test", upstream="secret-pool")]) as proxy:
            yield proxy, port


@pytest.mark.parametrize("accept,kind", [
    ("text/html", "text/html"), ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
    ("application/json", "application/problem+json"), ("application/problem+json", "application/problem+json"),
    ("application/json, text/html;q=0.5", "application/problem+json"), ("text/html;q=0, application/json", "application/problem+json"),
])
def test_by_accept(broken, accept, kind):
    proxy, port = broken
    with proxy.plain() as client:
        answer = client.get("/secret-path", "down.test", [("Accept", accept)])
    assert answer.status == 502
    assert answer.field("content-type").split(";")[0] == kind
    text = answer.body.decode()
    ids = UUID7.findall(text)
    assert ids, "no request id on the page"
    if answer.all("x-request-id"):
        assert answer.field("x-request-id") == ids[0]
    for inner in (f":{port}", "127.0.0.1", "secret-pool", "refused", "errno", "localhost", "/home/", "boost", "asio"):
        assert inner.lower() not in text.lower(), inner
    if kind == "text/html":
        assert "<html" in text.lower() and 'charset=utf-8' in answer.field("content-type").lower()
    else:
        problem = json.loads(text)
        assert problem["status"] == 502 and problem["title"]
    assert "no-store" in (answer.field("cache-control") or "")


def test_request_id_finds_the_record(broken):
    proxy, _ = broken
    with proxy.plain() as client:
        answer = client.get("/find-me", "down.test", [("Accept", "application/json")])
    request_id = UUID7.findall(answer.body.decode())[0]
    [record] = proxy.access.wait(lambda r: r.value("request_id") == request_id)
    assert record.value("status") == 502 and record.value("reason")


def test_head_has_no_body(broken):
    proxy, _ = broken
    with proxy.plain() as client:
        answer = client.get("/", "down.test", method="HEAD")
        assert answer.status == 502 and answer.body == b""
        again = client.get("/", "down.test")  # the connection is in step
        assert again.status == 502


def test_connection_survives_a_bad_gateway(broken):
    proxy, _ = broken
    with proxy.plain() as client:
        assert client.get("/", "down.test").status == 502
        assert client.get("/", "bakery.test").status == 200


@pytest.mark.parametrize("raw", [b"GET /<script>alert(1)</script>\x01 HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
                                 b"GET / HTTP/1.1\r\nHost: <script>alert(1)</script>\r\n\r\n"], ids=["target", "host"])
def test_input_is_not_mirrored(broken, raw):
    proxy, _ = broken
    with proxy.plain() as client:
        client.send(raw)
        answer = client.response()
    assert answer.status == 400 and b"<script>alert" not in answer.body


def test_unknown_host_page_names_nothing(broken):
    proxy, _ = broken
    with proxy.plain() as client:
        answer = client.get("/", "unknown.test")
    assert answer.status in (404, 421)
    assert b"bakery" not in answer.body and b"down.test" not in answer.body
