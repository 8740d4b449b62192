"""TE.TE: a Transfer-Encoding that one peer reads as chunked and another does
not (RFC 9112 6.1, 7; "HTTP Desync Attacks", 2019). Whatever is not exactly one
field with the one value chunked is refused: 400, or 501 for a coding unknown."""
import pytest
from harness.attack import SMUGGLED, canary, head, refused

BODY = b"0\r\n\r\n" + SMUGGLED
LINES = {
    "xchunked": ["Transfer-Encoding: xchunked"],
    "identity": ["Transfer-Encoding: identity"],
    "chunked_identity": ["Transfer-Encoding: chunked, identity"],
    "identity_chunked": ["Transfer-Encoding: identity, chunked"],
    "gzip_chunked": ["Transfer-Encoding: gzip, chunked"],
    "chunked_twice_in_list": ["Transfer-Encoding: chunked, chunked"],
    "repeated_field": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "repeated_other": ["Transfer-Encoding: chunked", "Transfer-Encoding: x"],
    "repeated_other_first": ["Transfer-Encoding: x", "Transfer-Encoding: chunked"],
    "empty": ["Transfer-Encoding:"],
    "empty_then_chunked": ["Transfer-Encoding:", "Transfer-Encoding: chunked"],
    "leading_comma": ["Transfer-Encoding: ,chunked"],
    "trailing_comma": ["Transfer-Encoding: chunked,"],
    "quoted": ['Transfer-Encoding: "chunked"'],
    "parameter": ["Transfer-Encoding: chunked;q=1"],
    "space_before_colon": ["Transfer-Encoding : chunked"],
    "tab_before_colon": ["Transfer-Encoding\t: chunked"],
    "leading_space": [" Transfer-Encoding: chunked"],
    "vertical_tab": [b"Transfer-Encoding: \x0bchunked"],
    "form_feed": [b"Transfer-Encoding: chunked\x0c"],
    "nul": [b"Transfer-Encoding: chunked\x00"],
    "obs_text": [b"Transfer-Encoding: chunked\xa0"],
    "folded": ["Transfer-Encoding:\r\n chunked"],
    "bare_lf_before": ["X: y\nTransfer-Encoding: chunked"],
    "bare_cr_before": ["X: y\rTransfer-Encoding: chunked"],
    "no_colon": ["Transfer-Encoding chunked"],
}


@pytest.mark.parametrize("with_length", [False, True], ids=["alone", "with_length"])
@pytest.mark.parametrize("lines", LINES.values(), ids=LINES.keys())
def test_refused(proxy, origin, lines, with_length):
    extra = [f"Content-Length: {len(BODY)}"] if with_length else []
    refused(proxy, origin, head("POST / HTTP/1.1", *extra, *lines, body=BODY), {400, 501})


def test_chunked_needs_http_1_1(proxy, origin):
    """RFC 9112 6.1: Transfer-Encoding in an HTTP/1.0 message is faulty framing."""
    refused(proxy, origin, head("POST / HTTP/1.0", "Transfer-Encoding: chunked", body=BODY), {400})


@pytest.mark.parametrize("name", ["underscore", "x_prefixed"])
def test_lookalike_field_does_not_frame(proxy, origin, name):
    """A name that is not Transfer-Encoding frames nothing: the bytes after the
    head are the next request, and the look-alike does not reach the origin."""
    field = {"underscore": "Transfer_Encoding: chunked", "x_prefixed": "X-Transfer-Encoding: chunked"}[name]
    first, second = canary(), canary()
    with proxy.plain() as client:
        client.send(head(f"GET {first} HTTP/1.1", field) + head(f"GET {second} HTTP/1.1"))
        answers = [client.response(), client.response()]
    assert [a.json()["target"] for a in answers] == [first, second]
    if name == "underscore":
        assert all("_" not in n for n, _ in answers[0].json()["fields"])


@pytest.mark.parametrize("value", ["Chunked", "CHUNKED", "\tchunked", "chunked \t"],
                         ids=["title_case", "upper_case", "leading_tab", "trailing_space"])
def test_legal_spellings_are_chunked(proxy, origin, value):
    """Codings compare without case and OWS is no part of the value (RFC 9110
    5.5, 10.1.4): read as chunked, sent on as plain `chunked`."""
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"POST {target} HTTP/1.1", f"Transfer-Encoding: {value}",
                         body=b"5\r\nhello\r\n0\r\n\r\n"))
        answer = client.response()
        assert answer.status == 200 and answer.json()["body_length"] == 5
        client.assert_open()
