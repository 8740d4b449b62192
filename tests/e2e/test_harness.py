"""The harness judges Marquee, so it is judged first: client against origin,
with nothing between, and with the faults it must not forgive."""
import json

import pytest
from harness import (ConnectionEnded, Deadline, EchoOrigin, RawClient, ScriptedOrigin, Truncated, Upstream, WireError, reply, yaml)
from harness.admin import Metrics
from harness.client import request
from harness.marquee import Marquee


@pytest.fixture
def origin():
    with EchoOrigin() as origin:
        yield origin
        assert not origin.errors


def test_echo_tells_what_came(origin):
    with RawClient(origin.address) as client:
        for _ in range(2):
            answer = client.get("/a?b", "x.test", [("X-A", "1"), ("X-A", "2")], "POST", b"hello")
            seen = answer.json()
            assert (seen["method"], seen["target"], seen["body_length"], seen["connection"]) == ("POST", "/a?b", 5, 0)
            assert [["X-A", "1"], ["X-A", "2"]] == [f for f in seen["fields"] if f[0] == "X-A"]


def test_chunked_request_and_trailers(origin):
    with RawClient(origin.address) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3;e=1\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", split=1)
        seen = client.response().json()
    assert seen["body_length"] == 3 and seen["trailers"] == [["X-T", "1"]]


BAD_ANSWERS = {
    "bare_lf": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "bare_cr": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "both_framings": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two_lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "length_on_204": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "name": b"HTTP/1.1 200 OK\r\nX Y: a\r\n\r\n",
    "status": b"HTTP/1.1 99 OK\r\n\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("raw", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_client_refuses(raw):
    with ScriptedOrigin(reply(raw, then="close")) as origin, RawClient(origin.address) as client:
        with pytest.raises(WireError):
            client.get()


@pytest.mark.parametrize("raw", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                                 b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
                         ids=["length", "chunked"])
@pytest.mark.parametrize("how,seen", [("close", "eof"), ("reset", "reset")])
def test_client_sees_truncation(raw, how, seen):
    def cut(connection):
        connection.read_body()
        connection.send(raw)
        assert connection.read_some(1) == b"x"  # the answer has been read by then
        getattr(connection, how)()
    with ScriptedOrigin(cut) as origin, RawClient(origin.address) as client:
        client.send(request())
        answer = client.head()
        body = bytearray()
        client.reader.exactly(3, Deadline(5), body.extend)
        client.send(b"x")
        with pytest.raises(ConnectionEnded, match=seen):
            while True:
                client.reader.fill(Deadline(5))
        assert answer.status == 200


def test_truncated_carries_the_part():
    with ScriptedOrigin(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", then="close")) as origin:
        with RawClient(origin.address) as client, pytest.raises(Truncated) as cut:
            client.get()
    assert cut.value.partial == b"abc" and cut.value.how == "eof" and cut.value.head.status == 200


def test_origin_notes_malformed_requests():
    with EchoOrigin() as origin, RawClient(origin.address) as client:
        client.send(b"GET / HTTP/1.1\nHost: x\r\n\r\n")
        client.bytes_until_end()
        assert origin.errors and "bare LF" in origin.errors[0]


def test_interim_answers_are_kept():
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with ScriptedOrigin(reply(raw)) as origin, RawClient(origin.address) as client:
        answer = client.get()
    assert [i.status for i in answer.interim] == [103]


def test_yaml_is_block_style():
    text = yaml.dump({"a": {"b": [{"c": 1, "d": ["x"]}, "y: z"], "e": {}, "f": []}, "g": yaml.Text("1s"), "h": True})
    assert text == ('a:\n  b:\n    - c: 1\n      d:\n        - "x"\n    - "y: z"\n  e: {}\n  f: []\ng: 1s\nh: true\n')


def test_metrics_are_summed():
    metrics = Metrics('# TYPE a counter\na{x="1",y="b"} 2\na{x="2"} 3.5\nb 1\n')
    assert metrics.sum("a") == 5.5 and metrics.sum("a", x="1") == 2 and json.dumps(sorted(metrics.names())) == '["a", "b"]'


@pytest.mark.parametrize("line,bad", [
    ("==1==ERROR: AddressSanitizer: heap-use-after-free", True), ("x.cpp:1:2: runtime error: signed integer overflow", True),
    ("WARNING: ThreadSanitizer: data race", True), ("==1==ERROR: LeakSanitizer: detected memory leaks", True),
    ("terminate called after throwing", True), ("[error] upstream main: connection refused", False),
], ids=["asan", "ubsan", "tsan", "lsan", "terminate", "plain_error"])
def test_sanitizer_reports_fail_a_test(line, bad):
    proxy = Marquee(upstreams=[Upstream("main", ["http://127.0.0.1:9"])])
    try:
        proxy.stderr_file.write_text(f"[info] before\n{line}\n[info] after\n")
        if bad:
            with pytest.raises(AssertionError, match="report on stderr"):
                proxy.check_stderr()
        else:
            proxy.check_stderr()
    finally:
        proxy.forget()
