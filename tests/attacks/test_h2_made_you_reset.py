"""MadeYouReset (CVE-2025-8671): requests followed by an error, so that the
server resets them itself. GOAWAY within 200, by whatever error, and not more
than 100 of them reach an upstream."""
import json
import threading

import pytest
from h2.settings import SettingCodes
from harness import Marquee, Upstream, echo, h2_wire as h2
from harness.h2_attack import CALM, HEAD_POST, flood, headers, opened
from harness.h2_frames import connect
from harness.h2_origin import H2Origin
from harness.yaml import Text

WITH_LENGTH = h2.block(h2.get("/flood", method="POST", more=[("content-length", "1")]))
TRAILERS = h2.block([(":path", "/trailer")])


def data(stream, payload=b"xx", flags=0):
    return h2.frame(h2.DATA, flags, stream, payload)


VARIANTS = {
    "window_overflow": lambda s: headers(s) + h2.window_update(s, h2.LARGEST),
    "window_overflow_of_a_post": lambda s: headers(s, HEAD_POST, False) + h2.window_update(s, h2.LARGEST),
    "zero_increment": lambda s: headers(s) + h2.window_update(s, 0),
    "content_length_exceeded": lambda s: headers(s, WITH_LENGTH, False) + data(s),
    "content_length_not_met": lambda s: headers(s, WITH_LENGTH, False) + data(s, b"", h2.END_STREAM),
    "content_length_without_body": lambda s: headers(s, WITH_LENGTH),
    "data_on_half_closed": lambda s: headers(s) + data(s),
    "headers_on_half_closed": lambda s: headers(s) + headers(s),
    "priority_length": lambda s: headers(s) + h2.frame(h2.PRIORITY, 0, s, b"\x00" * 4),
    "priority_on_itself": lambda s: headers(s) + h2.priority(s, s),
    "headers_that_depend_on_themselves": lambda s: h2.frame(h2.HEADERS, 0x25, s, h2.dependency(s) + HEAD_POST),
    "trailers_without_end": lambda s: headers(s, HEAD_POST, False) + headers(s, h2.block([("x-a", "1")]), False),
    "pseudo_field_in_trailers": lambda s: headers(s, HEAD_POST, False) + headers(s, TRAILERS),
    "second_head": lambda s: headers(s, HEAD_POST, False) + headers(s, HEAD_POST, False),
    "padding_too_long": lambda s: headers(s, HEAD_POST, False) + data(s, b"\xff", h2.PADDED),
    "malformed_head": lambda s: headers(s, h2.block(h2.get("/flood", more=[("X-Upper", "1")]))),
    "no_path": lambda s: headers(s, h2.block(h2.get("/flood")[:3])),
    "connection_field": lambda s: headers(s, h2.block(h2.get("/flood", more=[("connection", "close")]))),
}
# Errors that a server may call those of the connection (RFC 9113 5.4.2).
CODES = (CALM, h2.PROTOCOL_ERROR, h2.FLOW_CONTROL_ERROR, h2.STREAM_CLOSED, h2.FRAME_SIZE_ERROR)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_variant(proxy, origin, variant):
    origin.drop_connections()  # what the variant before has on its way is not this one's
    before = origin.mark()
    flood(proxy, lambda client: opened(client, 200, variant), "provoked_reset", CODES, rounds=1)
    assert len([r for r in origin.requests[before:] if r.target == "/flood"]) <= 100


def test_data_beyond_the_window():
    """Credit comes back for what the upstream takes: this one grants nothing for
    bodies. A block of 65 KiB may wait for it, and a window of 16 KiB before that."""
    def target(stream):
        stream.read_body()
        stream.respond(200, json.dumps({"target": stream.field(":path")}).encode())

    def beyond(stream):
        return headers(stream, HEAD_POST, False) + data(stream, b"x" * h2.FRAME) * 6

    with H2Origin(target, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0}) as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint], http2={"tenant_share": 100})],
            http2={"stream_window": Text("16KiB")}, workers=1) as proxy:
        with connect(proxy) as client:
            client.get("/")  # the only upstream connection's settings are in force
        flood(proxy, lambda client: opened(client, 200, beyond), "provoked_reset", CODES, rounds=1)
        assert 0 < len([s for s in origin.requests if s.field(":path") == "/flood"]) <= 100
        assert len(origin.connections) == 1 and not origin.errors


def test_variants_in_turn(proxy, origin):
    """One budget for all of them."""
    order = [VARIANTS[n] for n in ("window_overflow", "content_length_exceeded", "malformed_head", "content_length_not_met")]
    turn = iter(range(1 << 30))
    flood(proxy, lambda client: opened(client, 200, lambda s: order[next(turn) % len(order)](s)), "provoked_reset",
          (CALM, h2.PROTOCOL_ERROR), rounds=1)


def test_refused_streams(proxy, origin):
    """Streams beyond the announced number are reset too; without end they are
    a flood as well."""
    free = threading.Event()

    def handler(connection):
        if connection.request.target == "/flood":
            free.wait(20)
            connection.close()
        else:
            echo(connection)
    with origin.answering(handler):
        before = origin.mark()
        try:
            flood(proxy, lambda client: opened(client, 400, headers), "provoked_reset", CODES, rounds=1)
        finally:
            free.set()
        assert len([r for r in origin.requests[before:] if r.target == "/flood"]) <= 100
