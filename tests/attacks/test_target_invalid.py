"""Targets that are no request target (RFC 9112 3.2): #fragment (nginx forwards
it), raw control and space, asterisk and authority form with the wrong method."""
import pytest
from harness.attack import head, refused

TARGETS = {
    "fragment": b"/a#b", "only_fragment": b"#", "fragment_after_query": b"/a?b#c",
    "relative": b"a", "query_only": b"?a", "dot": b"../a", "asterisk_get": b"*", "authority": b"bakery.test:80",
    "tab": b"/a\tb", "space": b"/a b", "vertical_tab": b"/a\x0bb", "delete": b"/a\x7f", "latin1": b"/\xe9",
    "utf8": "/\u00e9".encode(), "empty": b"", "two_spaces": b" /a", "angle": b"/<script>", "quote": b'/"',
    "backslash": b"\\a",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_refused(proxy, origin, target):
    # Some peers send <, " and bytes over 0x7f raw; whether they pass is a
    # choice, that they never break a line at the origin is not.
    lenient = target in (b"/<script>", b'/"', b"/\xe9", "/\u00e9".encode())
    if lenient:
        with proxy.plain() as client:
            client.send(b"GET " + target + b" HTTP/1.1\r\nHost: bakery.test\r\n\r\n")
            answer = client.response()
        assert answer.status == 400 or answer.json()["target"].encode("latin-1") == target
        return
    refused(proxy, origin, b"GET " + target + b" HTTP/1.1\r\nHost: bakery.test\r\n\r\n", {400})


@pytest.mark.parametrize("line", ["GET", "GET /", "GET / ", "GET / HTTP/1.1 x", "/ HTTP/1.1", " GET / HTTP/1.1",
                                  "GET\t/\tHTTP/1.1", "GET / x HTTP/1.1", "G=T / HTTP/1.1", "GET( / HTTP/1.1",
                                  "\u00e9 / HTTP/1.1", "GET / HTTP/1.1 "],
                         ids=["method_only", "no_version", "empty_version", "extra_word", "no_method",
                              "leading_space", "tabs", "space_in_target", "method_equals", "method_paren",
                              "method_latin1", "trailing_space"])
def test_request_line_refused(proxy, origin, line):
    refused(proxy, origin, head(line), {400, 505})


def test_post_asterisk_refused(proxy, origin):
    refused(proxy, origin, head("POST * HTTP/1.1", "Content-Length: 0"), {400})
