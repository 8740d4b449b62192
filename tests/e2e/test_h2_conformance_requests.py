"""RFC 9113 8.1 to 8.3, 8.5 and RFC 9110: what a request may hold. A malformed
one is refused on its stream, does not reach the upstream, and the connection
serves on."""
import pytest
from harness import h2_wire as h2

GET = h2.get("/malformed")


def without(*names):
    return [(n, v) for n, v in GET if n not in names]


def replaced(name, value):
    return [(n, value if n == name else v) for n, v in GET]


def refused(client, behind, fields, end=True, body=None):
    """The stream is refused, nothing reaches the upstream, others are served."""
    before = behind.mark()
    stream = client.headers(fields, end and body is None)
    if body is not None:
        client.data(stream, body, end=True)
    client.expect_malformed(stream)
    if not client.goaway:
        client.assert_open()
    came = [r for r in behind.requests[before:] if not r.target.startswith("/still-open")]
    assert not came, f"reached the upstream: {came[0].line} {came[0].fields}"


# 8.2.1: names and values
NAMES = {"upper": "X-Upper", "one_upper": "x-Upper", "space": "x a", "tab": "x\ta", "nul": "x\0a", "lf": "x\na", "cr": "x\ra",
         "colon": "x:a", "colon_last": "x:", "empty": "", "del": "x\x7fa", "high": "x\xe9", "control": "x\x01", "comma": "x,a",
         "parenthesis": "x(a)", "slash": "x/a", "quote": 'x"a', "smuggled": "x: 1\r\nx-smuggled"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_bad_field_name(client, behind, name):
    refused(client, behind, GET + [(name, "value")])


VALUES = {"nul": "a\0b", "lf": "a\nb", "cr": "a\rb", "crlf": "a\r\nx-smuggled: 1", "space_first": " a", "space_last": "a ",
          "tab_first": "\ta", "tab_last": "a\t", "only_space": " ", "lf_last": "a\n", "control": "a\x01b", "del": "a\x7fb"}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_bad_field_value(client, behind, value):
    refused(client, behind, GET + [("x-value", value)])


@pytest.mark.parametrize("value", ["", "a", "a\tb  c", "\xe9t\xe9", "x" * 8000])
def test_good_field_value(client, value):
    answer = client.get("/good", more=[("x-value", value)])
    assert ["x-value", value] in [[n.lower(), v] for n, v in answer.json()["fields"]]


# 8.2.2: fields of a connection
@pytest.mark.parametrize("field", [
    ("connection", "close"), ("connection", "x-a"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
    ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("upgrade", "websocket"), ("upgrade", "h2c"),
    ("te", "gzip"), ("te", "trailers, deflate;q=0.5"), ("te", "chunked")], ids=lambda f: f"{f[0]}={f[1]}")
def test_connection_specific_field(client, behind, field):
    refused(client, behind, GET + [field])


def test_te_trailers(client):
    assert client.get("/te", more=[("te", "trailers")]).status == 200


def test_http2_settings_field_is_not_passed_on(client):
    stream = client.headers(h2.get("/s", more=[("http2-settings", "AAMAAABk")]))
    client.until(lambda: client.streams[stream].done, "an end")
    if client.streams[stream].status == 200:
        assert not [n for n, _ in client.streams[stream].json()["fields"] if n.lower() == "http2-settings"]


# 8.2.3
def test_cookie_crumbs_become_one_field(client):
    answer = client.get("/c", more=[("cookie", "a=1"), ("x-between", "1"), ("cookie", "b=2"), ("cookie", "c=3")])
    assert [v for n, v in answer.json()["fields"] if n.lower() == "cookie"] == ["a=1; b=2; c=3"]


# 8.3: pseudo-fields
PSEUDO = {
    "unknown": GET + [(":unknown", "1")],
    "unknown_first": [(":unknown", "1")] + GET,
    "empty_name": [(":", "1")] + GET,
    "status": [(":status", "200")] + GET,
    "protocol_without_connect": GET[:4] + [(":protocol", "websocket")],
    "after_a_field": without(":path") + [("x-a", "1"), (":path", "/malformed")],
    "method_after_a_field": [*without(":method"), ("x-a", "1"), (":method", "GET")],
    "two_methods": [(":method", "GET")] + GET, "two_schemes": [(":scheme", "https")] + GET,
    "two_authorities": [(":authority", "bakery.test")] + GET, "two_paths": [(":path", "/malformed")] + GET,
    "two_unequal_paths": [(":path", "/other")] + GET,
    "two_unequal_authorities": [(":authority", "cakes.test")] + GET,
    "no_method": without(":method"), "no_scheme": without(":scheme"), "no_path": without(":path"),
    "none": [("x-a", "1")],
    "empty_block": b"",
    "no_authority_and_no_host": without(":authority"),
    "empty_path": replaced(":path", ""), "empty_method": replaced(":method", ""), "empty_scheme": replaced(":scheme", ""),
    "empty_authority": replaced(":authority", ""),
    "upper_case": [(":Method", "GET")] + without(":method"),
}


@pytest.mark.parametrize("fields", PSEUDO.values(), ids=PSEUDO.keys())
def test_pseudo_fields(client, behind, fields):
    refused(client, behind, fields)


PATHS = {"relative": "malformed", "absolute": "https://bakery.test/malformed", "space": "/a b", "fragment": "/a#b", "nul": "/a\0b",
         "crlf": "/a HTTP/1.1\r\nx-smuggled: 1\r\n\r\n", "lf": "/a\n", "del": "/\x7f", "star": "*", "query_only": "?a=1",
         "backslash": "\\a", "tab": "/a\tb", "too_long": "/" + "x" * 12000}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_bad_path(client, behind, path):
    refused(client, behind, replaced(":path", path))


METHODS = {"space": "GE T", "space_last": "GET ", "line": "GET / HTTP/1.1\r\nx: 1\r\n\r\n", "nul": "GE\0T", "colon": "GET:", "high": "G\xcbT"}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_bad_method(client, behind, method):
    refused(client, behind, replaced(":method", method))


@pytest.mark.parametrize("scheme", ["ht tp", "https:", "htt\xe9", "https\r\nx: 1", "://"])
def test_bad_scheme(client, behind, scheme):
    refused(client, behind, replaced(":scheme", scheme))


AUTHORITIES = {"user_info": "user@bakery.test", "password": "u:p@bakery.test", "space": "bakery .test", "slash": "bakery.test/x",
               "query": "bakery.test?x", "crlf": "bakery.test\r\nx: 1", "port": "bakery.test:x", "large_port": "bakery.test:99999",
               "two_dots": "bakery..test", "comma": "bakery.test, cakes.test", "nul": "bakery.test\0", "scheme": "https://bakery.test"}


@pytest.mark.parametrize("authority", AUTHORITIES.values(), ids=AUTHORITIES.keys())
def test_bad_authority(client, behind, authority):
    refused(client, behind, replaced(":authority", authority))


# 8.3.1: :authority and Host
@pytest.mark.parametrize("host", ["clinic.test", "cakes.test", "", "bakery.test.evil", "bakery.test:444"])
def test_host_that_differs(client, behind, host):
    refused(client, behind, GET + [("host", host)])


def test_two_hosts(client, behind):
    refused(client, behind, GET + [("host", "bakery.test"), ("host", "bakery.test")])
    if not client.goaway:
        refused(client, behind, without(":authority") + [("host", "bakery.test"), ("host", "clinic.test")])


@pytest.mark.parametrize("fields", [GET, GET + [("host", "bakery.test")], without(":authority") + [("host", "bakery.test")],
                                    replaced(":authority", "BAKERY.test") + [("host", "bakery.TEST")]],
                         ids=["authority", "both", "host", "case"])
def test_authority_forms(client, fields):
    answer = client.answer(client.headers(fields))
    assert [v.lower() for n, v in answer.json()["fields"] if n.lower() == "host"] == ["bakery.test"]


def test_authority_of_another_tenant(client, behind):
    """421, and the connection serves its own tenant (design of the 421 rule)."""
    before = behind.mark()
    answer = client.answer(client.headers(replaced(":authority", "clinic.test")))
    assert answer.status == 421 and behind.mark() == before
    client.assert_open()


def test_options_star(client):
    answer = client.get("*", method="OPTIONS")
    assert answer.json()["target"] == "*" and answer.json()["method"] == "OPTIONS"


# 8.5 and methods that are not served
def test_connect(client, behind):
    refused(client, behind, [(":method", "CONNECT"), (":authority", "bakery.test:443")], end=False)


@pytest.mark.parametrize("fields", [
    [(":method", "CONNECT"), (":scheme", "https"), (":authority", "bakery.test:443")],
    [(":method", "CONNECT"), (":path", "/"), (":authority", "bakery.test:443")],
    [(":method", "CONNECT")], replaced(":method", "CONNECT")], ids=["scheme", "path", "no_authority", "both"])
def test_malformed_connect(client, behind, fields):
    refused(client, behind, fields, end=False)


def test_trace(client, behind):
    refused(client, behind, replaced(":method", "TRACE"))


# 8.1.1: content-length
def body_refused(client, behind, fields, frames, trailers=None):
    """What has already gone upstream is never completed there."""
    before = behind.mark()
    stream = client.headers(h2.get("/length", method="POST", more=fields), end=False)
    for at, payload in enumerate(frames, 1):
        client.data(stream, payload, end=at == len(frames) and trailers is None)
    if trailers is not None:
        client.headers(trailers, stream=stream)
    client.expect_malformed(stream)
    if not client.goaway:
        client.assert_open()
    for request in behind.requests[before:]:
        if not request.target.startswith("/still-open"):
            assert request.connection.ended.wait(5), f"{request} still hangs at the origin"
            assert request.body is None, f"{request} was completed"


@pytest.mark.parametrize("length, frames", [
    ("1", [b"body"]), ("5", [b"body"]), ("4", [b"bo", b"dy!"]), ("9", [b"bo", b"dy", b""]), ("4", [b""]),
    ("3", [b"bo", b"dy", b"late"])], ids=str)
def test_content_length_that_differs(client, behind, length, frames):
    body_refused(client, behind, [("content-length", length)], frames)


def test_content_length_and_no_body(client, behind):
    before = behind.mark()
    client.expect_malformed(client.headers(h2.get("/length", method="POST", more=[("content-length", "4")])))
    assert not [r for r in behind.requests[before:] if r.body is not None]


def test_content_length_that_differs_before_trailers(client, behind):
    body_refused(client, behind, [("content-length", "9")], [b"body"], [("x-trailer", "1")])


@pytest.mark.parametrize("lengths", [["x"], ["-1"], ["+4"], ["4, 4"], ["4", "4"], ["4", "5"], [""], ["0x4"], ["4 "],
                                     ["18446744073709551620"], ["4.0"]], ids=str)
def test_bad_content_length(client, behind, lengths):
    body_refused(client, behind, [("content-length", v) for v in lengths], [b"body"])


@pytest.mark.parametrize("frames", [[b"body"], [b"bo", b"dy"], [b"", b"body", b""]], ids=str)
def test_content_length_that_agrees(client, frames):
    stream = client.headers(h2.get("/length", method="POST", more=[("content-length", "4")]), end=False)
    for at, payload in enumerate(frames, 1):
        client.data(stream, payload, end=at == len(frames))
    assert client.answer(stream).json()["body_length"] == 4


def test_content_length_0_and_a_body(client):
    """The upstream may have been told the whole request by then: it had none."""
    stream = client.open(method="POST")
    head = h2.block(h2.get("/length", method="POST", more=[("content-length", "0")]))
    client.send(h2.frame(h2.HEADERS, h2.END_HEADERS, stream, head) + h2.frame(h2.DATA, h2.END_STREAM, stream, b"x"))
    client.expect_malformed(stream)


def test_content_length_0(client):
    assert client.get("/zero", more=[("content-length", "0")], method="POST").json()["body_length"] == 0


# 8.1: trailers
@pytest.mark.parametrize("trailers", [
    [(":path", "/x")], [(":status", "200")], [("x-a", "1"), (":method", "GET")], [("X-Upper", "1")], [("x a", "1")],
    [("x-a", "a\nb")], [("connection", "close")], [("transfer-encoding", "chunked")]], ids=str)
def test_bad_trailers(client, behind, trailers):
    body_refused(client, behind, [], [b"body"], trailers)


def test_trailers_without_end_stream(client, behind):
    stream = client.headers(h2.get("/trailers", method="POST"), end=False)
    client.data(stream, b"body")
    client.headers([("x-trailer", "1")], end=False, stream=stream)
    client.expect_malformed(stream)


def test_second_head_without_end_stream(client, behind):
    before = behind.mark()
    stream = client.headers(h2.get("/first", method="POST"), end=False)
    client.headers(h2.get("/second", method="POST"), end=False, stream=stream)
    client.expect_malformed(stream)
    assert not [r for r in behind.requests[before:] if r.target == "/second"]


def test_trailers_reach_the_upstream(client):
    stream = client.headers(h2.get("/trailers", method="POST", more=[("te", "trailers"), ("trailer", "x-sum")]), end=False)
    client.data(stream, b"body")
    client.headers([("x-sum", "12")], stream=stream)
    answer = client.answer(stream).json()
    assert answer["body_length"] == 4 and ["x-sum", "12"] in [[n.lower(), v] for n, v in answer["trailers"]]


def test_trailers_without_a_body(client):
    stream = client.headers(h2.get("/trailers", method="POST"), end=False)
    client.headers([("x-sum", "12")], stream=stream)
    assert client.answer(stream).json()["body_length"] == 0


# 6.5.2 and RFC 6585 5: the head's bound
@pytest.mark.parametrize("fields", [
    [("x-large", "x" * 33000)], [(f"x-{n}", "x" * 1000) for n in range(40)], [(f"x-{n}", "") for n in range(300)]],
    ids=["one", "many", "count"])
def test_head_too_large(client, behind, fields):
    before = behind.mark()
    block = h2.block(GET + fields)
    stream = client.open()
    pieces = [block[at:at + h2.FRAME] for at in range(0, len(block), h2.FRAME)]
    client.send(b"".join(h2.frame(h2.CONTINUATION if at else h2.HEADERS, (0 if at else 1) | (4 if piece is pieces[-1] else 0),
                                  stream, piece) for at, piece in enumerate(pieces)))
    found = client.streams[stream]
    client.until(lambda: found.done or client.goaway, "an end")
    assert found.status in (0, 431)
    assert found.status or found.reset is not None or client.goaway[1] in (h2.PROTOCOL_ERROR, h2.ENHANCE_YOUR_CALM)
    assert not [r for r in behind.requests[before:] if r.target == "/malformed"]


# Expect (RFC 9110 10.1.1)
def test_expect_100(client):
    stream = client.headers(h2.get("/expect", method="POST", more=[("expect", "100-continue")]), end=False)
    client.until(lambda: client.streams[stream].interim, "100")
    assert client.streams[stream].interim[0][0] == 100
    client.data(stream, b"body", end=True)
    assert client.answer(stream).json()["body_length"] == 4


def test_other_expectation(client, behind):
    refused(client, behind, GET + [("expect", "cake")])
