"""CONNECT (RFC 9110 9.3.6): an edge is no open proxy; nothing is dialled."""
import pytest
from harness.attack import SMUGGLED, head, refused


@pytest.mark.parametrize("target", ["bakery.test:443", "127.0.0.1:22", "/", "http://bakery.test/"])
def test_refused(proxy, origin, target):
    refused(proxy, origin, head(f"CONNECT {target} HTTP/1.1", body=SMUGGLED), {400, 405, 501})
