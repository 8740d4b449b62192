"""Another tenant's site behind more values of `site_id` than anybody looks at."""
import pytest
from harness import Domain, EchoOrigin, Marquee

SHOP = Domain("shop.test")


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP]) as proxy:
        yield proxy, origin


@pytest.mark.parametrize("first", [f"site_id={SHOP.site}", "site_id=", "site_id", "%73ite_id=x"])
@pytest.mark.parametrize("count", [8, 9, 100])
def test_behind_many_values(node, first, count):
    proxy, origin = node
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/api/data?" + "&".join([first] * count + ["site_id=other"]), "shop.test")
    assert answer.status in (400, 404) and origin.mark() == before


def test_its_own_up_to_the_bound(node):
    """The control."""
    proxy, _ = node
    for count, status in ((8, 200), (9, 400)):
        with proxy.plain() as client:
            assert client.get("/api/data?" + "&".join([f"site_id={SHOP.site}"] * count), "shop.test").status == status
