"""A key of one site's or module's API shown to another: on the other's domain, and on
app hosts, where the request itself names the site."""
from harness.consumers import API, DMC, KEY, OTHER, OTHER_MODULE, SITE, refused
from harness.consumers import fresh, node  # noqa: F401 - fixtures


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
