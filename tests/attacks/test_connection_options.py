"""Hop-by-hop fields and every field named in Connection (RFC 9110 7.6.1): not
passed on, in either direction. nginx and HAProxy pass the named ones."""
import pytest
from harness import reply
from harness.attack import canary, head

HOP = [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "trailers"),
       ("Proxy-Authenticate", "Basic"), ("Proxy-Authorization", "Basic eDp5"), ("Trailer", "X-Sum")]


@pytest.mark.parametrize("fields", [
    [("Connection", "X-Secret"), ("X-Secret", "hop")],
    [("Connection", "keep-alive, X-Secret"), ("X-Secret", "hop")],
    [("X-Secret", "hop"), ("Connection", "x-secret")],
    [("Connection", ",,x-a,\tX-SECRET ,"), ("X-Secret", "hop")],
    [("Connection", "a"), ("Connection", "x-secret"), ("x-secret", "hop"), ("X-Secret", "hop")],
], ids=["alone", "list", "after", "odd_list", "repeated"])
def test_named_fields_are_dropped(proxy, origin, fields):
    with proxy.plain() as client:
        answer = client.get(canary(), fields=fields)
    assert answer.status == 200
    seen = [(n.lower(), v) for n, v in answer.json()["fields"]]
    assert "x-secret" not in [n for n, _ in seen]
    assert not [v for n, v in seen if n == "connection" and "secret" in v.lower()]


@pytest.mark.parametrize("field", HOP, ids=[n.lower() for n, _ in HOP])
def test_hop_by_hop_is_dropped(proxy, origin, field):
    with proxy.plain() as client:
        answer = client.get(canary(), fields=[field])
    assert answer.status == 200
    # TE: trailers may be said anew by the proxy for itself.
    left = [(n, v) for n, v in answer.json()["fields"] if n.lower() == field[0].lower() and n.lower() != "te"]
    assert not left, left


@pytest.mark.parametrize("named", ["Host", "Content-Length", "Transfer-Encoding", "Cookie", "Authorization"])
def test_vital_fields_survive_being_named(proxy, origin, named):
    """End-to-end fields named as options: refused, or framing and routing hold."""
    target = canary()
    body = "Transfer-Encoding: chunked" if named == "Transfer-Encoding" else "Content-Length: 5"
    data = b"5\r\nhello\r\n0\r\n\r\n" if named == "Transfer-Encoding" else b"hello"
    with proxy.plain() as client:
        client.send(head(f"POST {target} HTTP/1.1", f"Connection: {named}", body, body=data))
        answer = client.response()
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.json()["body_length"] == 5 and answer.json()["target"] == target


def test_dropped_from_answers(proxy, origin):
    raw = (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Internal\r\nX-Internal: poison\r\nKeep-Alive: timeout=9\r\n"
           b"Proxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok")
    with origin.answering(reply(raw)), proxy.plain() as client:
        answer = client.get(canary())
    assert answer.status == 200 and answer.body == b"ok"
    names = [n.lower() for n, _ in answer.fields]
    assert not {"x-internal", "keep-alive", "proxy-authenticate"} & set(names), names
