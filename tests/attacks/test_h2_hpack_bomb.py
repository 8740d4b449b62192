"""HPACK bomb: one large field in the table, named thousands of times by a byte
each. The bound on the decoded header list holds, whatever the block's size."""
from harness import h2_wire as h2
from harness.h2_attack import FULL, HEAD, unharmed
from harness.h2_frames import connect

KEPT = HEAD + h2.literal("x-bomb", "x" * 3900, 0x40)


def refused(client, stream):
    """431, a reset or GOAWAY; whether the connection goes on."""
    found = client.streams[stream]
    client.until(lambda: found.done or client.goaway, "an end to the bomb")
    assert found.status in (0, 431), found
    return not client.goaway


def test_one_block(proxy, origin):
    before = origin.mark()
    with unharmed(proxy), connect(proxy) as client:
        stream = client.headers(KEPT + h2.indexed(62) * 12_000)  # 47 MB when decoded
        refused(client, stream)
    assert not [r for r in origin.requests[before:] if r.target == "/flood"]


def test_on_many_streams(proxy, origin):
    with unharmed(proxy):
        for _ in range(20 if FULL else 3):
            with connect(proxy) as client:
                client.answer(client.headers(KEPT))
                for _ in range(200):
                    if not refused(client, client.headers(HEAD + h2.indexed(62) * 16_000)):
                        break


def test_large_fields_within_the_bound_are_served(proxy, origin):
    with connect(proxy) as client:
        client.answer(client.headers(KEPT))
        stream = client.headers(HEAD + h2.indexed(62) * 7)
        assert client.answer(stream).status == 200


def test_cookie_crumbs(proxy, origin):
    """Joined into one field, each crumb must have been counted."""
    before = origin.mark()
    with unharmed(proxy), connect(proxy) as client:
        stream = client.headers(HEAD + h2.literal("cookie", "c" * 2000, 0x40) + h2.indexed(62) * 12_000)
        refused(client, stream)
    assert not [r for r in origin.requests[before:] if r.target == "/flood"]
