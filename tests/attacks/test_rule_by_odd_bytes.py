"""Around an access rule, a refused path or a membership by bytes that some server drops,
ends a path at, or reads as a slash; and by the asterisk, which is the whole server."""
import pytest
from harness import Domain, EchoOrigin, Marquee

SECRET = "a-secret-of-the-platform-0123456789"
SHOP = Domain("shop.test")
ODD = ["{p}%00", "{p}%00/x", "{p}%00.png", "{p}%09", "/%0a{n}", "{p}%0d%0a", "/%c0%af{n}", "/%e0%80%af{n}", "{p}%3fx", "{p}%3f/../x",
       "{p}%23x", "{p}%23", "{p}.", "{p}%20", "{p}./x", "{p}..../x", "{p}%2520", "{p};", "{p}%3bx", "/%2e;/{n}", "{p}%253fx"]


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, Marquee(
            origin, domains=[SHOP], host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}},
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}},
            access={"rules": [{"paths": ["/admin"], "accept": ["jwt"]},
                              {"paths": ["/"], "methods": ["OPTIONS"], "accept": ["jwt"]}],
                    "tokens": {"issuers": {"platform": {"secret": SECRET}}}},
            tenants={"membership": True, "member_paths": ["/member"], "public_paths": ["/member/public"]}) as proxy:
        yield proxy, origin


def status(proxy, target, host="app.test", method="GET"):
    with proxy.tls(host) as client:
        return client.get(target, host, method=method).status


def unserved(node, target, host="app.test", method="GET"):
    proxy, origin = node
    before = origin.mark()
    assert status(proxy, target, host, method) in (400, 401, 404)
    assert origin.mark() == before


@pytest.mark.parametrize("spelled", ODD)
@pytest.mark.parametrize("host,path", [("app.test", "/admin"), ("shop.test", "/admin"), ("app.test", "/member"),
                                       ("shop.test", "/api/cron")])
def test_a_guarded_path(node, host, path, spelled):
    unserved(node, spelled.format(p=path, n=path[1:]), host)


@pytest.mark.parametrize("target", ["/member/public%2f..%2fx", "/member%2fpublic/x", "/member/publi%63", "/member/public%00"])
def test_what_is_public_is_written_so(node, target):
    unserved(node, target)


def test_the_asterisk_is_the_whole_server(node):
    unserved(node, "*", method="OPTIONS")
    unserved(node, "/", method="OPTIONS")


@pytest.mark.parametrize("target", ["/", "/administrator", "/a%3fb", "/C%23", "/a.", "/a%20", "/x;y//z", "/member/public/x", "/%E0%B8%81"])
def test_neighbours_pass_unchanged(node, target):
    """The control."""
    proxy, _ = node
    with proxy.tls("app.test") as client:
        answer = client.get(target, "app.test")
    assert answer.status == 200 and answer.json()["target"] == target


def test_hosts_where_nothing_judges_paths_serve_all():
    with EchoOrigin() as origin, Marquee(
            origin, domains=[SHOP], host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}}) as proxy:
        for target in ("/a/../b", "/a%00", "/%c0%af"):
            assert status(proxy, target) == 200
            assert status(proxy, target, "shop.test") == 400
