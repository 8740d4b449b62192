"""Empty DATA without end (CVE-2019-9518): closed within 1,000, padded ones and
those of streams that are gone too."""
import pytest
from harness import h2_wire as h2
from harness.h2_attack import CALM, HEAD_POST, flood, headers


@pytest.mark.parametrize("frame", [(0, b""), (h2.PADDED, b"\x00"), (h2.PADDED, b"\x09" + b"\x00" * 9)], ids=["empty", "no_padding", "padding"])
def test_open_stream(proxy, origin, frame):
    flood(proxy, lambda client: headers(client.open(), HEAD_POST, False) + h2.frame(h2.DATA, frame[0], 1, frame[1]) * 1000, "empty_data")


def test_stream_that_is_gone(proxy, origin):
    flood(proxy, lambda client: headers(client.open(), HEAD_POST, False) + h2.rst_stream(1) + h2.frame(h2.DATA, 0, 1) * 1000,
          "empty_data", (CALM, h2.STREAM_CLOSED), rounds=1)
