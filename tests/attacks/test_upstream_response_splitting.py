"""Answers that carry a second answer, or bytes a visitor's parser may take for
line ends (CWE-113; RFC 9112 2.2, 5): 502, and left-over bytes on a pooled
connection never become the next request's answer."""
import pytest
from harness import reply
from harness.attack import bad_gateway, canary

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\npoison"
HEADS = {
    "bare_cr_in_value": b"X: a\rX-Poison: 1", "bare_lf_in_value": b"X: a\nX-Poison: 1", "nul_in_value": b"X-Poison: a\x00b",
    "fold": b"X: a\r\n poison", "space_before_colon": b"X-Poison : 1", "empty_name": b": poison", "no_colon": b"poison",
    "name_with_space": b"X Poison: 1", "nul_in_name": b"X\x00Poison: 1", "escape": b"X-Poison: \x1b[2J",
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("line", HEADS.values(), ids=HEADS.keys())
def test_bad_field_line(proxy, origin, line, split):
    bad_gateway(proxy, origin, b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 2\r\n\r\nok", split=split)


@pytest.mark.parametrize("line", [b"HTTP/1.1 99 Poison", b"HTTP/1.1 2000 Poison", b"HTTP/1.1 abc", b"HTTP/2.0 200 Poison", b"HTTP/2 200",
                                  b"http/1.1 200 poison", b"200 poison", b"HTTP/1.1  200 poison", b"HTTP/1.1 200 po\rison",
                                  b"HTTP/1.1 200 po\x00ison", b"HTTP/1.1 600 poison", b"HTTP/1.1 -200 poison",
                                  b"ICY 200 poison"], ids=lambda v: v.decode().replace("\r", "CR").replace("\0", "NUL"))
def test_bad_status_line(proxy, origin, line):
    bad_gateway(proxy, origin, line + b"\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("first,method", [
    (OK, "GET"), (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"), (b"HTTP/1.1 304 Not Modified\r\n\r\n", "GET"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", "HEAD"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET"),
], ids=["length", "204", "304", "head", "chunked"])
def test_left_over_answer_is_nobodys(proxy, origin, first, method):
    with origin.answering(reply(first + POISON)), proxy.plain() as client:
        answer = client.get(canary(), method=method)
        assert answer.status < 400 and b"poison" not in answer.body
    for _ in range(6):  # both workers' pools
        with proxy.plain() as client:
            target = canary()
            answer = client.get(target)
            assert answer.status == 200 and answer.json()["target"] == target, "a left-over answer was delivered"


def test_answer_before_any_request(proxy, origin):
    """Bytes sent on an idle pooled connection belong to no request: the
    connection is dropped, the next request goes on another."""
    with proxy.plain() as client:
        client.get(canary())
        connection = next(c for c in reversed(origin.connections) if c.open)
        connection.send(POISON)
        assert connection.ended.wait(5), "an idle connection that speaks was kept"
        target = canary()
        assert client.get(target).json()["target"] == target
