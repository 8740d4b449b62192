"""Empty lines before the request line (RFC 9112 2.2: one is to be ignored):
an endless run of them must not hold a worker or count as activity for ever."""
import pytest
from harness.attack import canary, head, refused


def test_one_is_ignored(proxy, origin):
    target = canary()
    with proxy.plain() as client:
        client.send(b"\r\n" + head(f"GET {target} HTTP/1.1"))
        assert client.response().json()["target"] == target


def test_one_between_requests_is_ignored(proxy, origin):
    """What old browsers sent after a POST body."""
    with proxy.plain() as client:
        for target in (canary(), canary()):
            client.send(head(f"POST {target} HTTP/1.1", "Content-Length: 2", body=b"hi") + b"\r\n")
            assert client.response().json()["target"] == target


@pytest.mark.parametrize("size", [40_000, 2_000_000])
def test_flood_is_bounded(proxy, origin, size):
    refused(proxy, origin, b"\r\n" * (size // 2) + head("GET / HTTP/1.1"), {400, 431, None})
