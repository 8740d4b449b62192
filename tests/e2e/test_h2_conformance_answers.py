"""RFC 9113 8.1 to 8.4: what the server sends. The client judges every frame:
lower-case names, no connection-specific field, one END_STREAM and nothing
behind it, content-length against DATA, no push. Here upstreams try it."""
import pytest
from harness import h2_wire as h2, reply
from harness.client import request as http_1_request
from harness.h2_frames import connect

OK = b"HTTP/1.1 200 OK\r\n"


def answer_to(behind, client, raw, then=None, method="GET"):
    with behind.answering(reply(raw, then=then)):
        return client.get("/answer", method=method)


def ends(client, stream):
    return [f for f in client.frames if f.stream == stream and f.type in (h2.DATA, h2.HEADERS)
            and f.flags & h2.END_STREAM]


# 8.2.1 and 8.2.2
def test_names_become_lower_case(client, behind):
    found = answer_to(behind, client, OK + b"X-UPPER: Kept\r\nETag: \"A\"\r\nContent-Length: 2\r\n\r\nok")
    assert found.field("x-upper") == "Kept" and found.field("etag") == '"A"' and found.body == b"ok"


@pytest.mark.parametrize("fields", [
    b"Connection: close\r\n", b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", b"Proxy-Connection: keep-alive\r\n",
    b"Connection: X-Named\r\nX-Named: 1\r\n", b"Keep-Alive: timeout=5\r\n", b"Upgrade: h2c\r\nConnection: upgrade\r\n",
    b"TE: trailers\r\n"], ids=lambda f: f.split(b"\r\n")[0].decode())
def test_connection_specific_fields_stay_behind(client, behind, fields):
    found = answer_to(behind, client, OK + fields + b"Content-Length: 2\r\n\r\nok", then="close")
    assert found.body == b"ok" and not found.all("x-named")


def test_transfer_encoding_stays_behind(client, behind):
    found = answer_to(behind, client, OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    assert found.body == b"ok" and not found.all("transfer-encoding") and not found.all("content-length")


def test_values_are_trimmed(client, behind):
    found = answer_to(behind, client, OK + b"X-Space: \t a  b \t\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n")
    assert found.field("x-space") == "a  b" and found.field("x-empty") == ""


def test_fields_of_one_name_stay_apart(client, behind):
    found = answer_to(behind, client, OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
    assert found.all("set-cookie") == ["a=1", "b=2"]


def test_large_head(client, behind):
    """More than one frame: CONTINUATION, and nothing in between."""
    fields = b"".join(b"X-%d: " % n + bytes([97 + n]) * 2500 + b"\r\n" for n in range(10))
    found = answer_to(behind, client, OK + fields + b"Content-Length: 2\r\n\r\nok")
    assert found.body == b"ok" and len(found.field("x-9")) == 2500


# 8.1: END_STREAM
BODIES = {
    "length": (b"Content-Length: 4\r\n\r\nbody", b"body"),
    "length_0": (b"Content-Length: 0\r\n\r\n", b""),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", b"body"),
    "chunked_empty": (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    "large": (b"Content-Length: 300000\r\n\r\n" + b"x" * 300000, b"x" * 300000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_one_end_of_stream(client, behind, body):
    found = answer_to(behind, client, OK + body[0])
    assert found.body == body[1]
    client.barrier()
    assert len(ends(client, found.id)) == 1


def test_answer_that_ends_with_the_upstreams_connection(client, behind):
    found = answer_to(behind, client, OK + b"\r\nuntil the end", then="close")
    assert found.body == b"until the end"
    client.barrier()
    assert len(ends(client, found.id)) == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(client, behind, status):
    found = answer_to(behind, client, b"HTTP/1.1 %d X\r\nETag: \"a\"\r\n\r\n" % status)
    assert found.status == status and not found.body
    client.barrier()
    assert len(ends(client, found.id)) == 1


def test_304_with_a_length(client, behind):
    found = answer_to(behind, client, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n")
    assert found.status == 304 and not found.body


@pytest.mark.parametrize("fields", [b"Content-Length: 99\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"],
                         ids=["length", "chunked", "length_0"])
def test_head(client, behind, fields):
    found = answer_to(behind, client, OK + fields + b"\r\n", method="HEAD")
    assert found.status == 200 and not found.body
    if b"99" in fields:
        assert found.field("content-length") == "99"
    client.barrier()
    assert len(ends(client, found.id)) == 1
    client.assert_open()


def test_trailers(client, behind):
    with behind.answering(reply(OK + b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 12\r\n\r\n")):
        found = client.get("/answer", more=[("te", "trailers")])
    assert found.body == b"body" and found.trailers == [("x-sum", "12")]
    client.barrier()
    assert len(ends(client, found.id)) == 1


@pytest.mark.parametrize("field", [b"Content-Length: 4", b"Transfer-Encoding: chunked", b"Connection: close", b"X-Bad : 1"],
                         ids=lambda f: f.decode())
def test_bad_trailers_of_an_upstream(client, behind, field):
    """They do not reach the client as they are, nor end it cleanly."""
    with behind.answering(reply(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n" + field + b"\r\n\r\n")):
        stream = client.request("/answer")
        found = client.streams[stream]
        client.until(lambda: found.done, "an end")
    assert found.reset is not None or found.status == 502, found
    client.assert_open()


# 8.1: 1xx
def test_103_is_passed_on(client, behind):
    found = answer_to(behind, client, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\n\r\n" * 2
                      + OK + b"Content-Length: 2\r\n\r\nok")
    assert [s for s, _ in found.interim] == [103, 103] and found.body == b"ok"
    assert found.interim[0][1][0] == ("link", "</a.css>; rel=preload")


def test_101_is_never_passed_on(client, behind):
    """8.6: HTTP/2 has no 101."""
    found = answer_to(behind, client, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
    assert found.status == 502
    client.assert_open()


# A false or broken answer is no clean one.
@pytest.mark.parametrize("raw, then", {
    "length_cut": (OK + b"Content-Length: 9\r\n\r\nbody", "close"),
    "length_reset": (OK + b"Content-Length: 9\r\n\r\nbody", "reset"),
    "chunked_cut": (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", "close"),
    "bad_chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n", None),
}.values(), ids=["length_cut", "length_reset", "chunked_cut", "bad_chunk"])
def test_truncated_answer_resets_its_stream(client, behind, raw, then):
    with behind.answering(reply(raw, then=then)):
        stream = client.request("/answer")
        found = client.streams[stream]
        client.until(lambda: found.done, "an end")
    assert found.status == 502 or found.reset not in (None, h2.NO_ERROR), found
    client.assert_open()


@pytest.mark.parametrize("raw", [
    OK + b"Bad Name: 1\r\nContent-Length: 0\r\n\r\n", OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    OK + b":status: 204\r\nContent-Length: 0\r\n\r\n", OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 999 X\r\n\r\n", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"],
    ids=["name", "nul", "pseudo_field", "lengths", "status", "not_http"])
def test_malformed_answer_of_an_upstream(client, behind, raw):
    assert answer_to(behind, client, raw, then="close").status == 502
    client.assert_open()


def test_upstream_that_dies_unanswered(client, behind):
    def handler(connection):
        connection.close()
    with behind.answering(handler):
        assert client.get("/", method="POST", body=b"x").status == 502
    client.assert_open()


# An answer before the request is complete (8.1)
def test_early_answer(client, behind):
    with behind.answering(reply(b"HTTP/1.1 413 X\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong", read_body=False, then="close")):
        stream = client.request("/early", method="POST", end=False)
        found = client.streams[stream]
        client.until(lambda: found.ended, "the answer")
        assert found.status == 413 and found.body == b"long"
        client.until(lambda: found.reset is not None, "RST_STREAM")  # 8.1: stop sending
        assert found.reset == h2.NO_ERROR
    client.assert_open()


def test_body_goes_on_after_the_head(client, behind):
    """Full duplex: the answer begins before the request ends."""
    def handler(connection):
        first = connection.read_some(4 + 5)  # one chunk, framing included
        connection.send(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n" + first[3:7] + b"\r\n")
        connection.read_some(4 + 5)
        connection.send(b"3\r\nend\r\n0\r\n\r\n")
        connection.wait_end()
    with behind.answering(handler):
        stream = client.request("/duplex", method="POST", end=False)
        found = client.streams[stream]
        client.data(stream, b"ping")
        client.until(lambda: bytes(found.body) == b"ping", "the first half")
        client.data(stream, b"pong")
        client.until(lambda: bytes(found.body) == b"pingend", "the second half")
        client.rst(stream)


def test_many_answers_are_not_mixed(front):
    with connect(front) as client:
        streams = {client.request(f"/mixed-{n}", more=[("x-n", str(n))]): n for n in range(100)}
        for stream, n in streams.items():
            assert client.answer(stream, within=20).json()["target"] == f"/mixed-{n}"


def test_http_1_text_is_not_understood(client, behind):
    before = behind.mark()
    client.send(http_1_request("GET", "/smuggled"))
    client.wait_end()
    assert behind.mark() == before
