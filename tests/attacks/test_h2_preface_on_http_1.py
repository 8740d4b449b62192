"""The HTTP/2 preface on an HTTP/1 connection (RFC 9113 3.4): one refusal, and
the frames after it are not read as requests."""
import pytest
from harness.attack import SMUGGLED, refused

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.mark.parametrize("after", [b"", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", SMUGGLED],
                         ids=["alone", "settings_frame", "request"])
@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
def test_refused(proxy, origin, after, split):
    refused(proxy, origin, PREFACE + after, {400, 501, 505}, split=split)


def test_refused_under_tls(proxy, origin):
    refused(proxy, origin, PREFACE, {400, 501, 505}, client=proxy.tls("bakery.test"))
