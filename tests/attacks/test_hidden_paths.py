"""Paths that a customer's host never serves (platform contract R9e): the
platform's cron and admin endpoints, and other tenants' modules and sites, in
every spelling that some server behind might take for them."""
import pytest
from harness import Domain, EchoOrigin, Marquee

SHOP = Domain("shop.test")
SPELLINGS = [
    "/api/cron", "/api/cron/domains?x=1", "//api/cron", "/api//cron", "/./api/cron", "/api/./cron",
    "/%61pi/cron", "/api/%63ron", "/api%2fcron", "/api\\cron", "/api%5Ccron", "/API/Cron",
    "/api/cron;jsessionid=1", "/api;v=1/cron", "/api/;/cron", "/%2561pi/cron", "/x/../api/cron",
    "/x/%2e%2e/api/cron", "/x/..%2fapi/cron", "/x/..;/api/cron", "/api/cron%00.png", "/api/admin",
    "/api/admin/users", "/a/%c0%ae%c0%ae/api/cron",
]


@pytest.fixture(scope="module")
def hosts():
    with EchoOrigin() as origin, Marquee(
            origin, domains=[SHOP],
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"},
                          "sites": {"base": "sites.test", "upstream": "main"}}) as proxy:
        yield proxy, origin


@pytest.mark.parametrize("host", ["shop.test", "www.shop.test", "label.sites.test"])
@pytest.mark.parametrize("target", SPELLINGS)
def test_never_reaches_the_upstream(hosts, host, target):
    proxy, origin = hosts
    before = origin.mark()
    with proxy.plain() if host != "label.sites.test" else proxy.tls(host) as client:
        answer = client.get(target, host)
    assert answer.status in (400, 404), answer.status
    assert origin.mark() == before


@pytest.mark.parametrize("target", ["/api/crontab", "/apiary/cron", "/", "/api/x?next=/api/cron", "/a;b/c", "/a%20b"])
def test_neighbours_pass_unchanged(hosts, target):
    """The control."""
    proxy, _ = hosts
    with proxy.plain() as client:
        answer = client.get(target, "shop.test")
    assert answer.status == 200 and answer.json()["target"] == target


def test_app_hosts_serve_them(hosts):
    proxy, _ = hosts
    with proxy.tls("app.test") as client:
        assert client.get("/api/cron", "app.test").json()["target"] == "/api/cron"


@pytest.mark.parametrize("target", [
    "/api/modules/other/api/x", "/api//modules/%6fther/api", "/api/sites/other/domain",
    "/api/x?site_id=other", "/api/x?site_id={own}&site_id=other", "/api/x?%73ite_id=other"])
def test_another_tenant_is_not_reached(hosts, target):
    proxy, origin = hosts
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get(target.replace("{own}", SHOP.site), "shop.test")
    assert answer.status == 404 and origin.mark() == before


def test_its_own_module_and_site_are(hosts):
    proxy, _ = hosts
    for target in (f"/api/modules/{SHOP.module}/api/x", f"/api/x?site_id={SHOP.site}", f"/api/sites/{SHOP.site}/domain"):
        with proxy.plain() as client:
            assert client.get(target, "shop.test").json()["target"] == target


def test_over_http_2(hosts):
    proxy, origin = hosts
    before = origin.mark()
    with proxy.h2("shop.test") as client:
        for target in ("/api/cron", "/%61pi//cron", "/x/../api/cron"):
            assert client.get(target, "shop.test").status in (400, 404)
    assert origin.mark() == before


def test_the_refusal_is_recorded(hosts):
    proxy, _ = hosts
    with proxy.plain() as client:
        answer = client.get("/api/admin?recorded", "shop.test")
    assert answer.status == 404
    [record] = proxy.access.wait(lambda r: r.value("target") == "/api/admin?recorded")
    assert record.value("refusal") == "path_refused"
