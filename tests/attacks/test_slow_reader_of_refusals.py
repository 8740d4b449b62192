"""A client that sends refusable requests and never reads: answers must not pile
up. A refused connection is done after one answer, whatever is pipelined."""
from harness.attack import canary, head


def test_pipelined_garbage_is_one_answer(proxy, origin):
    before = origin.mark()
    rss = proxy.resident()
    with proxy.plain(receive_buffer=4096) as client:
        client.send(head("GET / HTTP/1.1", "Bad Name: x") * 20_000, within=10)
        data, _ = client.bytes_until_end(10)
    assert data.count(b"HTTP/1.1 ") <= 1
    assert origin.mark() == before
    if not proxy.sanitized():
        assert proxy.resident() - rss < 10 << 20


def test_pipeline_without_reading_is_bounded(proxy, origin):
    """Thousands of good requests and no reading: the proxy stops taking them
    (back-pressure), it does not queue their answers in memory."""
    rss = proxy.resident()
    with proxy.plain(receive_buffer=4096) as client:
        client.sock.settimeout(2)
        sent = 0
        try:
            for _ in range(300):
                client.sock.sendall(head(f"GET {canary()} HTTP/1.1", "X: " + "a" * 1000) * 50)
                sent += 50
        except (TimeoutError, ConnectionError):
            pass
    if not proxy.sanitized():
        assert proxy.resident() - rss < 20 << 20, f"grew after {sent} unread requests"
