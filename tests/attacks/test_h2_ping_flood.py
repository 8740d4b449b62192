"""PING without end (CVE-2019-9512): each wants an answer. Closed within 1,000."""
from harness import h2_wire as h2
from harness.h2_attack import flood
from harness.h2_frames import connect


def test_pings(proxy, origin):
    flood(proxy, lambda client: h2.ping() * 1000, "ping")


def test_acknowledgements(proxy, origin):
    flood(proxy, lambda client: h2.ping(flags=h2.ACK) * 1000, "ping", rounds=1)


def test_a_few_are_no_flood(proxy, origin):
    """gRPC clients ask often."""
    with connect(proxy) as client:
        for _ in range(50):
            client.barrier()
        client.assert_open()
