"""A response head without an end: bounded in bytes and in fields, 502."""
import contextlib
import itertools

import pytest
from harness.attack import assert_fresh_request_is_its_own, canary


def endless(line):
    def handler(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for number in itertools.count():
                connection.send(line(number))
                if number > 200_000:
                    raise AssertionError("the proxy read a head of 200,000 fields")
        connection.close()
    return handler


LINES = {
    "fields": lambda n: b"X-%d: poison\r\n" % n,
    "one_value": lambda n: b"X: a" if n == 0 else b"a" * 1024,
    "one_name": lambda n: b"a" * 1024,
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_bounded(proxy, origin, line):
    rss = proxy.resident()
    with origin.answering(endless(line)), proxy.plain() as client:
        answer = client.get(canary(), within=15)
    assert answer.status == 502
    if not proxy.sanitized():
        assert proxy.resident() - rss < 20 << 20
    assert_fresh_request_is_its_own(proxy, origin)


def test_endless_status_line(proxy, origin):
    def handler(connection):
        connection.read_body()
        with contextlib.suppress(OSError):
            connection.send(b"HTTP/1.1 200 ")
            for _ in range(100_000):
                connection.send(b"a" * 1024)
        connection.close()
    with origin.answering(handler), proxy.plain() as client:
        assert client.get(canary(), within=15).status == 502
