"""SETTINGS without end (CVE-2019-9515): each wants an acknowledgement. Closed
within 1,000."""
from harness import h2_wire as h2
from harness.h2_attack import flood
from harness.h2_frames import connect


def test_empty(proxy, origin):
    flood(proxy, lambda client: h2.settings() * 1000, "settings")


def test_full(proxy, origin):
    """Each as large as a frame may be, and never read."""
    pairs = [(h2.MAX_HEADER_LIST_SIZE, n) for n in range(h2.FRAME // 6)]
    flood(proxy, lambda client: h2.settings(pairs) * 1000, "settings", rounds=1)


def test_windows_that_change(proxy, origin):
    """Each moves the windows of 100 streams."""
    def frames(client):
        out = b"".join(h2.frame(h2.HEADERS, h2.END_HEADERS, client.open(), h2.block(h2.get("/flood", method="POST"))) for _ in range(100))
        return out + (h2.settings([(h2.INITIAL_WINDOW_SIZE, 0)]) + h2.settings([(h2.INITIAL_WINDOW_SIZE, 65535)])) * 500
    flood(proxy, frames, "settings", rounds=1)


def test_acknowledgements_that_nobody_awaits(proxy, origin):
    from harness.h2_attack import CALM
    flood(proxy, lambda client: h2.settings(flags=h2.ACK) * 1000, "settings", (CALM, h2.PROTOCOL_ERROR), rounds=1)


def test_a_few_are_no_flood(proxy, origin):
    with connect(proxy) as client:
        for n in range(20):
            client.settings([(h2.INITIAL_WINDOW_SIZE, 65535 + n)])
        client.assert_open()
