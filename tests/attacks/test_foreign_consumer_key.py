"""A key of one site's or module's API shown to another: on the other's domain, and on
app hosts, where the request itself names the site."""
import pytest
from harness.consumers import API, DMC, KEY, OTHER, OTHER_MODULE, SITE, refused, running
from harness.postgres import binaries


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def node(request):
    if request.param == "postgres" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with running(request.param) as it:
        yield it


@pytest.fixture(autouse=True)
def _fresh(node):
    node.fresh()


def test_of_another_site_or_module(node):
    foreign = f"/api/modules/{OTHER_MODULE}/api/product/5"
    for key in (KEY, DMC):
        assert node.status(foreign, "other.test", key=key, bearer=key == KEY) == 403
        assert node.status(host="app.test", key=key, bearer=key == KEY) == 200  # its own, by itself
        assert node.status(f"{API}/product/5?site_id={SITE}", "app.test", key=key, bearer=key == KEY) == 200
        before = node.origin.mark()
        refused(node.ask(f"{API}/product/5?site_id={OTHER}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        refused(node.ask(f"{foreign}?site_id={OTHER}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        refused(node.ask(f"{foreign}?site_id={SITE}", "app.test", key=key, bearer=key == KEY),
                403, "SITE_ACCESS_DENIED")
        assert node.origin.mark() == before
