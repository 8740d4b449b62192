"""Who may visit a domain at all: networks and passwords."""
import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream


@pytest.fixture(scope="module")
def guarded():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            trusted_proxies=["127.0.0.0/8"],
            listeners=[Listener("127.0.0.1:0", "http")],
            domains=[Domain("open.test"),
                     Domain("office.test", visitors={"allow": ["203.0.113.0/24", "2001:db8::/32"]}),
                     Domain("banned.test", visitors={"deny": ["203.0.113.128/25"]}),
                     Domain("both.test", visitors={"allow": ["203.0.113.0/24"], "deny": ["203.0.113.7"]})],
            host_classes={"sites": {"base": "sites.test", "upstream": "main",
                                    "visitors": {"allow": ["198.51.100.0/24"]}}}) as proxy:
        yield proxy, origin


@pytest.mark.parametrize("host,client_address,status", [
    ("open.test", "192.0.2.1", 200),
    ("office.test", "203.0.113.0", 200), ("office.test", "203.0.113.255", 200),
    ("office.test", "203.0.114.0", 403), ("office.test", "203.0.112.255", 403),
    ("office.test", "2001:db8:ffff::1", 200), ("office.test", "2001:db9::1", 403),
    ("office.test", "::ffff:203.0.113.9", 200), ("www.office.test", "192.0.2.1", 403),
    ("banned.test", "203.0.113.127", 200), ("banned.test", "203.0.113.128", 403),
    ("both.test", "203.0.113.8", 200), ("both.test", "203.0.113.7", 403),
    ("label.sites.test", "198.51.100.1", 200), ("label.sites.test", "203.0.113.1", 403)])
def test_by_network(guarded, host, client_address, status):
    proxy, origin = guarded
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/", host, fields=[("X-Forwarded-For", client_address)])
    assert answer.status == status
    assert (origin.mark() == before) == (status != 200)
