"""TRACE (RFC 9110 9.3.8): would show a visitor what the edge adds."""
import pytest
from harness.attack import head, refused


@pytest.mark.parametrize("method", ["TRACE", "TRACK"])
def test_refused(proxy, origin, method):
    if method == "TRACK":
        # Unknown to any RFC, so it may be passed on like any method; it must
        # not be answered here with the request's own bytes.
        with proxy.plain() as client:
            answer = client.get("/", method=method)
        assert answer.status in (200, 405, 501)
        return
    answer = refused(proxy, origin, head(f"{method} / HTTP/1.1", "Cookie: secret=1"), {400, 405, 501})
    assert b"secret" not in answer.body
