"""Chunk sizes that parsers read differently (RFC 9112 7.1): prefix, sign,
blank, overflow, missing CRLF."""
import pytest
from harness.attack import SMUGGLED, assert_never_completed, head, refused

BODIES = {
    "hex_prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "leading_space": b" 5\r\nhello\r\n0\r\n\r\n",
    "leading_tab": b"\t5\r\nhello\r\n0\r\n\r\n",
    "trailing_space": b"5 \r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "minus_zero": b"-0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "letter": b"g\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "extension_only": b";a=b\r\nhello\r\n0\r\n\r\n",
    "wraps_64": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "max_64": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "wraps_128": b"1" + b"0" * 31 + b"5\r\nhello\r\n0\r\n\r\n",
    "zeros_flood": b"0" * 100_000 + b"5\r\nhello\r\n0\r\n\r\n",
    "no_crlf_after": b"5\r\nhelloX\r\n0\r\n\r\n",
    "data_longer": b"5\r\nhello world\r\n0\r\n\r\n",
    "data_shorter": b"8\r\nhello\r\n0\r\n\r\nXXXX",
    "nul": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "comma": b"5,5\r\nhello\r\n0\r\n\r\n",
    "full_width": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "terminator_cr_x": b"5\r\nhello\r\n0\r\nX",
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", BODIES)
def test_refused(proxy, origin, case, split):
    if case == "zeros_flood" and split:
        pytest.skip("100,000 writes prove nothing more")
    body = BODIES[case]
    if case == "terminator_cr_x":
        body += b" y\r\n\r\n"  # a trailer line without a colon
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=body + SMUGGLED)
    refused(proxy, origin, raw, {400, 413} if "64" in case or "128" in case else {400, 431} if
            case == "zeros_flood" else {400}, split=split, reached=1)
    assert_never_completed(origin, before)


def test_cut_short_is_not_completed(proxy, origin):
    """A chunked body that just stops: the origin must not take it as whole."""
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")
    refused(proxy, origin, raw, {400, None}, half_close=True, reached=1)
    assert_never_completed(origin, before)


def test_length_cut_short_is_not_completed(proxy, origin):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Content-Length: 10", body=b"hello")
    refused(proxy, origin, raw, {400, None}, half_close=True, reached=1)
    assert_never_completed(origin, before)
