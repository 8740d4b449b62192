"""Shared by tests/e2e and tests/attacks: one Marquee in front of one echoing
origin serves all tests that do not need settings of their own."""
import pytest

from harness import Domain, EchoOrigin, Listener, Marquee, Upstream


def pytest_collection_modifyitems(items):
    """The pass under sanitizers takes `-m quick`: what is not marked heavy."""
    for item in items:
        if not item.get_closest_marker("heavy"):
            item.add_marker("quick")


BAKERY = Domain("bakery.test", agency_name="flour")
CAKES = Domain("cakes.test", agency_name="flour")      # another domain of bakery's agency
CLINIC = Domain("clinic.test", agency_name="health")
WILD = Domain("*.wild.test", agency_name="wild")


@pytest.fixture(scope="session")
def _shared():
    with EchoOrigin() as origin, Marquee(
            domains=[BAKERY, CAKES, CLINIC, WILD],
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")],
            timeouts={"linger": 0.5}) as proxy:
        yield proxy, origin


@pytest.fixture(scope="session")
def shared_proxy(_shared):
    return _shared[0]


@pytest.fixture
def proxy(_shared):
    """The shared process; a crash fails the test that caused it."""
    yield _shared[0]
    assert _shared[0].alive(), f"Marquee died\n{_shared[0].tail()}"


@pytest.fixture
def origin(_shared):
    """The shared process's origin; what it found malformed fails the test."""
    origin = _shared[1]
    origin.errors.clear()
    yield origin
    assert not origin.errors, f"the origin received malformed bytes: {origin.errors}"


@pytest.fixture(scope="session")
def tenants():
    return {d.host: d for d in (BAKERY, CAKES, CLINIC, WILD)}
