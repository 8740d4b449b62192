"""CONTINUATION without end (CVE-2024-27316): a field block that never closes.
The connection ends before 64 KiB of it are kept, or after 8 frames."""
import pytest
from harness import h2_wire as h2
from harness.h2_attack import CALM, HEAD, flood

FIELD = b"\x00" + h2.string("x-flood") + h2.string("x" * (h2.FRAME - 12))  # a frame of them


def begun(client, block=HEAD):
    return h2.frame(h2.HEADERS, h2.END_STREAM, client.open(), block)


def test_64_kib(proxy, origin):
    before = origin.mark()
    flood(proxy, lambda client: begun(client) + h2.frame(h2.CONTINUATION, 0, 1, FIELD) * 4, "continuation")
    assert not [r for r in origin.requests[before:] if r.target == "/flood"]


def test_megabytes(proxy, origin):
    flood(proxy, lambda client: begun(client) + h2.frame(h2.CONTINUATION, 0, 1, FIELD) * 1000, "continuation")


@pytest.mark.parametrize("payload", [b"\x00", h2.literal("x", "y"), b"\x82"], ids=["byte", "field", "index"])
def test_small_frames(proxy, origin, payload):
    flood(proxy, lambda client: begun(client) + h2.frame(h2.CONTINUATION, 0, 1, payload) * 9, "continuation",
          (CALM, h2.COMPRESSION_ERROR, h2.PROTOCOL_ERROR), rounds=1)


def test_in_trailers(proxy, origin):
    def frames(client):
        client.open()
        return (h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.block(h2.get("/flood", method="POST")))
                + h2.frame(h2.HEADERS, h2.END_STREAM, 1, b"") + h2.frame(h2.CONTINUATION, 0, 1, h2.literal("x", "y")) * 9)
    flood(proxy, frames, "continuation", rounds=1)
