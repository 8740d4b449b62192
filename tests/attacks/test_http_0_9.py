"""HTTP/0.9 simple requests (RFC 9112 Appendix C.1): no head, no Host, no tenant."""
import pytest
from harness.attack import SMUGGLED, refused


@pytest.mark.parametrize("raw", [b"GET /\r\n", b"GET /\r\n\r\n", b"GET http://bakery.test/\r\n\r\n",
                                 b"GET /\r\nHost: bakery.test\r\n\r\n"],
                         ids=["line", "line_and_blank", "absolute", "with_host"])
def test_refused(proxy, origin, raw):
    refused(proxy, origin, raw + SMUGGLED, {400, 505})


def test_upstream_answering_0_9_is_a_bad_gateway(proxy, origin):
    from harness.attack import bad_gateway
    bad_gateway(proxy, origin, b"<html>poison</html>", then="close")
