"""Frames of kinds that nobody knows must be ignored, but not without end."""
from harness import h2_wire as h2
from harness.h2_attack import flood


def test_empty(proxy, origin):
    flood(proxy, lambda client: h2.frame(0x77, 0, 0) * 1000, "unknown_frame")
