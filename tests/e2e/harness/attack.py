"""What every refusal must look like, in one place."""
import contextlib

from .client import request
from .wire import ConnectionEnded, WireError

_counter = iter(range(1, 1 << 30))


def canary():
    """A target no other test asks for."""
    return f"/canary-{next(_counter)}"


def assert_fresh_request_is_its_own(proxy, origin, host="bakery.test"):
    """A new connection's request gets its own answer, not one left behind."""
    target = canary()
    with proxy.plain() as client:
        answer = client.get(target, host)
    assert answer.status == 200 and answer.json()["target"] == target, answer


def refused(proxy, origin, raw, statuses, *, host="bakery.test", split=0, reached=0, client=None,
            half_close=False):
    """Sends raw bytes on a new plain connection. Exactly one answer comes, its
    status is among `statuses`, the connection ends, no more than `reached`
    requests came to the origin, and a fresh request is served. An answer may be
    missing only when None is among `statuses` (the connection just ends)."""
    before = origin.mark()
    with client or proxy.plain() as connection:
        connection.send(raw, split)
        if half_close:
            with contextlib.suppress(OSError):
                connection.half_close()
        answer = None
        try:
            answer = connection.response(within=8)
        except ConnectionEnded:
            assert None in statuses, f"no answer, only the connection's end; expected {statuses}"
        if answer is not None:
            assert answer.status in statuses, f"{answer.status} {answer.body[:300]!r}, expected {statuses}"
            rest, _ = connection.bytes_until_end(8)
            assert not rest, f"a second answer, or bytes after the refusal: {rest[:300]!r}"
    assert_fresh_request_is_its_own(proxy, origin, host)
    seen = origin.requests[before:]
    strangers = [r for r in seen if not r.target.startswith("/canary-")]
    assert len(strangers) <= reached, f"reached the origin: {strangers}"
    return answer


def one_answer_then_end(proxy, raw, statuses, within=8):
    """For requests that are served once and must not be followed by another."""
    with proxy.plain() as connection:
        connection.send(raw)
        answer = connection.response(within=within)
        assert answer.status in statuses, answer
        connection.assert_closed(within)
    return answer


def head(*lines, host="bakery.test", body=b""):
    """Joins raw lines by CRLF; `host=None` leaves the Host field out. The first
    line is the request line."""
    lines = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    if host is not None:
        lines.insert(1, b"Host: " + (host if isinstance(host, bytes) else host.encode("latin-1")))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


SMUGGLED = request("GET", "/smuggled", "bakery.test")

__all__ = ["SMUGGLED", "WireError", "assert_fresh_request_is_its_own", "canary", "head",
           "one_answer_then_end", "refused"]
