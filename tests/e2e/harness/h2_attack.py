"""What every HTTP/2 flood must meet, in one place: the connection is ended with
GOAWAY, the flood is counted by its kind, memory does not grow, and a connection
beside it is served all the while."""
import contextlib
import threading
import time

from . import h2_wire as h2
from .deadline import eventually
from .h2_frames import connect
from .marquee import FULL

FAMILY = "marquee_http2_floods_total"
GROWTH = 20 << 20  # bytes
CALM = h2.ENHANCE_YOUR_CALM
HEAD = h2.block(h2.get("/flood"))
HEAD_POST = h2.block(h2.get("/flood", method="POST"))
ROUNDS = 20 if FULL else 3  # connections, one after another, that attack


def counted(proxy, kind):
    return proxy.metrics().sum(FAMILY, kind=kind)


class Bystander(threading.Thread):
    """One connection that asks and asks; `times` are those of its answers."""

    def __init__(self, proxy, name="bakery.test", pause=0.01):
        super().__init__(daemon=True)
        self.proxy, self.name_asked, self.pause = proxy, name, pause
        self.times, self.error, self.over = [], None, threading.Event()

    def run(self):
        try:
            with connect(self.proxy, self.name_asked) as client:
                while not self.over.is_set() or len(self.times) < 5:
                    begun = time.monotonic()
                    path = f"/bystander-{client.next_id}"
                    answer = client.get(path, self.name_asked)
                    assert answer.status == 200 and answer.json()["target"] == path, answer
                    assert not client.goaway, client.goaway
                    self.times.append(time.monotonic() - begun)
                    time.sleep(self.pause)  # its pace
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def stop(self):
        self.over.set()
        self.join(20)
        assert not self.is_alive(), "the connection beside the attack hangs"
        assert self.error is None, f"the connection beside the attack: {self.error!r}"
        return self.times


@contextlib.contextmanager
def unharmed(proxy, growth=GROWTH):
    """Around an attack."""
    bystander = Bystander(proxy)
    bystander.start()
    eventually(lambda: bystander.times or bystander.error, 10, "the first answer beside the attack")
    before = proxy.resident()
    try:
        yield bystander
    finally:
        bystander.over.set()
    times = bystander.stop()
    assert max(times) < 2, f"an answer beside the attack took {max(times):.3f} s"
    assert proxy.alive(), f"Marquee died\n{proxy.tail()}"
    grown = proxy.resident() - before
    assert proxy.sanitized() or grown < growth, f"memory grew by {grown >> 10} KiB"


def flood(proxy, bytes_of, kind, codes=(CALM,), rounds=ROUNDS, settings=()):
    """bytes_of(client) are sent at once on a connection, several times over.
    Each ends with GOAWAY; with ENHANCE_YOUR_CALM it has been counted."""
    with unharmed(proxy):
        for _ in range(rounds):
            before = counted(proxy, kind)
            with connect(proxy, settings=settings) as client:
                client.expect_acks(5000)
                client.link.send(bytes_of(client), within=20)
                _, code, _ = client.expect_goaway(*codes)
                frames = len(client.frames)
            if code == CALM:
                eventually(lambda: counted(proxy, kind) == before + 1, 5, f"{FAMILY}{{kind={kind!r}}} + 1")
            assert frames < 3000, f"{frames} frames came back"


def opened(client, count, frames_of):
    """frames_of(stream) for `count` new streams, joined."""
    return b"".join(frames_of(client.open()) for _ in range(count))


def headers(stream, block=HEAD, end=True):
    return h2.frame(h2.HEADERS, h2.END_HEADERS | (h2.END_STREAM if end else 0), stream, block)
