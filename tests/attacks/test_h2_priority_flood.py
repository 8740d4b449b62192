"""PRIORITY and PRIORITY_UPDATE without end (CVE-2019-9513, "resource loop")."""
import struct

from harness import h2_wire as h2
from harness.h2_attack import CALM, flood, headers


def test_one_stream_shuffled(proxy, origin):
    flood(proxy, lambda client: headers(client.open()) + (h2.priority(1, 3) + h2.priority(3, 1)) * 500, "priority")


def test_idle_streams(proxy, origin):
    flood(proxy, lambda client: b"".join(h2.priority(1 + 2 * n, 0) for n in range(1000)), "priority", rounds=1)


def test_updates(proxy, origin):
    update = h2.frame(h2.PRIORITY_UPDATE, 0, 0, struct.pack("!I", 1) + b"u=1")
    flood(proxy, lambda client: headers(client.open()) + update * 1000, "priority", (CALM, h2.PROTOCOL_ERROR))
