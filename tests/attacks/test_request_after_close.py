"""Bytes after a request with Connection: close (RFC 9112 9.6): never a request."""
import pytest
from harness.attack import SMUGGLED, canary, head, one_answer_then_end

CASES = {
    "close": ["Connection: close"],
    "close_case": ["connection: CLOSE"],
    "close_in_list": ["Connection: x-a, close"],
    "close_and_keep_alive": ["Connection: keep-alive, close"],
    "second_field": ["Connection: keep-alive", "Connection: close"],
}


@pytest.mark.parametrize("lines", CASES.values(), ids=CASES.keys())
def test_second_request_is_dropped(proxy, origin, lines):
    before = origin.mark()
    answer = one_answer_then_end(proxy, head(f"GET {canary()} HTTP/1.1", *lines) + SMUGGLED, {200})
    assert answer.field("connection").lower() == "close"
    assert "/smuggled" not in [r.target for r in origin.requests[before:]]


def test_http_1_0_closes_by_default(proxy, origin):
    before = origin.mark()
    one_answer_then_end(proxy, head(f"GET {canary()} HTTP/1.0") + SMUGGLED, {200})
    assert "/smuggled" not in [r.target for r in origin.requests[before:]]


def test_after_refusal(proxy, origin):
    """Pipelined behind a refused request."""
    before = origin.mark()
    one_answer_then_end(proxy, head("GET / HTTP/1.1", "Bad Name: x") + SMUGGLED * 50, {400})
    assert origin.mark() == before
