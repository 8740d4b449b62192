"""What the HTTP/2 conformance tests share. MARQUEE_H2_TARGET=PORT:ORIGIN_PORT
runs them against another server on 127.0.0.1 that forwards to ORIGIN_PORT: a
case that nothing can pass is a mistake in the case."""
import os
import threading

import pytest

from harness import EchoOrigin, echo
from harness.h2_frames import connect


@pytest.fixture(scope="session")
def _target(request):
    other = os.environ.get("MARQUEE_H2_TARGET")
    if not other:
        yield request.getfixturevalue("_shared")
        return
    port, origin_port = map(int, other.split(":"))
    with EchoOrigin(address=("127.0.0.1", origin_port)) as origin:
        yield ("127.0.0.1", port), origin


@pytest.fixture
def front(_target):
    """The server under test; a crash fails the test that caused it."""
    yield _target[0]
    if not isinstance(_target[0], tuple):
        assert _target[0].alive(), f"Marquee died\n{_target[0].tail()}"


@pytest.fixture
def behind(_target):
    """Its upstream."""
    origin = _target[1]
    origin.errors.clear()
    yield origin
    assert not origin.errors, f"the origin received malformed bytes: {origin.errors}"


@pytest.fixture
def client(front):
    """A connection that has exchanged SETTINGS."""
    with connect(front) as opened:
        yield opened


class Held:
    """An origin that has read the head and does not answer before release()."""

    def __init__(self):
        self._free = threading.Event()
        self.release = self._free.set

    def __call__(self, connection):
        assert self._free.wait(30), "the test forgot to release the origin"
        echo(connection)


@pytest.fixture
def held(behind):
    handler = Held()
    with behind.answering(handler):
        yield handler
        handler.release()
