"""What every refusal must look like, in one place."""
import contextlib
import time

from .client import request
from .origin import reply
from .wire import ConnectionEnded, Truncated

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


def is_older(request_, begun):
    """A head of an earlier attack that the origin's thread noted only now. What
    was smuggled past Marquee has no such field, and is never older."""
    started = request_.field("x-request-start")
    return started is not None and int(started) < begun


def next_millisecond():
    """The wall clock's, after waiting for it: what was sent before is older."""
    last = int(time.time() * 1000)
    while int(time.time() * 1000) == last:
        pass
    return last + 1


def refused(proxy, origin, raw, statuses, *, host="bakery.test", split=0, reached=0, client=None,
            half_close=False):
    """Sends raw bytes on a new plain connection. Exactly one answer comes, its
    status is among `statuses`, the connection ends, no more than `reached`
    requests came to the origin, and a fresh request is served. An answer may be
    missing only when None is among `statuses` (the connection just ends)."""
    before, begun = origin.mark(), next_millisecond()
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
    strangers = [r for r in seen if not r.target.startswith("/canary-") and not is_older(r, begun)]
    assert len(strangers) <= reached, f"reached the origin: {strangers}"
    return answer


def assert_never_completed(origin, since):
    """What did reach the origin (a head sent before its body proved false) was
    never completed there: no body, and the connection let go."""
    for request_ in origin.requests[since:]:
        if not request_.target.startswith("/canary-"):
            assert request_.connection.ended.wait(5), f"{request_} still hangs at the origin"
            assert request_.body is None, f"{request_} was completed with {request_.body!r}"


def bad_gateway(proxy, origin, raw, *, method="GET", split=0, then=None, statuses=(502,)):
    """The origin answers with `raw`: the client gets 502 and nothing of it, the
    origin's connection is not used again, and a fresh request is served."""
    with origin.answering(reply(raw, split, then=then)):
        before = origin.mark()
        with proxy.plain() as client:
            answer = client.get(canary(), method=method)
    assert answer.status in statuses, f"{answer.status} {answer.fields} {answer.body[:300]!r}"
    assert b"poison" not in answer.body
    assert not any("poison" in n.lower() + v.lower() for n, v in answer.fields), answer.fields
    poisoned = origin.wait_requests(1, before)[0].connection
    assert poisoned.ended.wait(5), "the connection of a false answer was kept"
    assert_fresh_request_is_its_own(proxy, origin)
    return answer


def aborted(proxy, origin, raw, *, then=None):
    """The origin's answer goes wrong after its head: the client must see its
    connection aborted, never a clean end of the message."""
    with origin.answering(reply(raw, then=then)):
        with proxy.plain() as client:
            client.send(request("GET", canary()))
            try:
                answer = client.response()
            except (Truncated, ConnectionEnded) as cut:
                answer = None
                seen = cut
    if answer is not None:
        # Seen before the head was sent on: a 502 is as good.
        assert answer.status == 502, f"a false answer came complete: {answer.status} {answer.body[:200]!r}"
        seen = None
    assert_fresh_request_is_its_own(proxy, origin)
    return seen


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
