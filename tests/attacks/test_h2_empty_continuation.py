"""Empty CONTINUATION frames cost the sender nine bytes each: closed within 8."""
from harness import h2_wire as h2
from harness.h2_attack import HEAD, flood


def test_eight(proxy, origin):
    flood(proxy, lambda client: h2.frame(h2.HEADERS, 1, client.open(), HEAD) + h2.frame(h2.CONTINUATION, 0, 1) * 8, "continuation")


def test_behind_an_empty_headers(proxy, origin):
    flood(proxy, lambda client: h2.frame(h2.HEADERS, 1, client.open()) + h2.frame(h2.CONTINUATION, 0, 1) * 20_000, "continuation")
