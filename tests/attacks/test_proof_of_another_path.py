"""A proof that is for one path (an embed token, the word of a forward server, a list of
endpoints) does not open another by dot segments and separators in disguise."""
import base64
import hashlib
import hmac
import json
import time

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream
from harness.auth_server import AuthServer, answer

SECRET = "e" * 40
SHOP = Domain("shop.test")
MINE, OTHER = f"/embed/{SHOP.module}/{SHOP.site}", "/embed/module-2/site-2"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token():
    said = "me1." + b64(json.dumps({"siteId": SHOP.site, "moduleId": SHOP.module,
                                    "exp": int(time.time() * 1000) + 3600_000}).encode())
    return said + "." + b64(hmac.new(SECRET.encode(), said.encode(), hashlib.sha256).digest())


class PublicOnly(AuthServer):
    """Lets pass what begins with /public, as it is written."""

    def _decide(self, c):
        c.read_body()
        c.send(answer(200 if c.request.field("x-forwarded-uri").startswith("/public") else 403, []))


@pytest.fixture(scope="module")
def node():
    with EchoOrigin() as origin, PublicOnly() as sso, Marquee(
            upstreams=[Upstream("main", [origin.endpoint]), Upstream("sso", [sso.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")], domains=[SHOP],
            host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}, "custom": {"refused_paths": []}},
            access={"rules": [{"paths": ["/embed"], "accept": ["embed"]}, {"paths": ["/"], "accept": ["forward:sso"]}],
                    "embed": {"secret": SECRET},
                    "forward": {"sso": {"upstream": "sso", "path": "/verify"}}}) as proxy:
        yield proxy, origin


def status(proxy, target, host):
    with proxy.tls(host) as client:
        return client.get(target, host).status


HOSTS = pytest.mark.parametrize("host", ["app.test", "shop.test"])


@HOSTS
@pytest.mark.parametrize("rest", ["/../../module-2/site-2", "/%2e%2e/%2e%2e/module-2/site-2", "/..%2f..%2fmodule-2/site-2",
                                  "/..;/..;/module-2/site-2", "/..\\..\\module-2/site-2", "/.%2e/.%2E/module-2/site-2",
                                  "/%252e%252e/%252e%252e/module-2/site-2", "/./x", "%2fx", "%00", "/..%20/..%20/module-2/site-2"])
def test_an_embed_token_opens_its_own_embed(node, host, rest):
    proxy, origin = node
    assert status(proxy, f"{MINE}?token={token()}", host) == 200
    before = origin.mark()
    assert status(proxy, f"{MINE}{rest}?token={token()}", host) == 400
    assert origin.mark() == before


@HOSTS
@pytest.mark.parametrize("target", [OTHER, "/" + OTHER, OTHER.replace("/embed", "/embed/"), OTHER.upper(), "/EMBED" + OTHER[6:],
                                    OTHER.replace("/embed", "/embed;x"), "/embed%2fmodule-2%2fsite-2", "/embed\\module-2\\site-2"])
def test_nor_is_another_s_a_path_without_embed(node, host, target):
    proxy, origin = node
    before = origin.mark()
    assert status(proxy, f"{target}?token={token()}", host) in (400, 401, 403)
    assert origin.mark() == before


@HOSTS
@pytest.mark.parametrize("target", ["/public/../admin", "/public/%2e%2e/admin", "/public/..;/admin", "/public%2f..%2fadmin",
                                    "/public/..\\admin", "/public/%252e%252e/admin", "/public%2fx", "/public/.;x/admin",
                                    "//public/admin", "/public%00/admin", "/public/..%3f/admin"])
def test_a_forward_server_is_not_asked_about_another_path(node, host, target):
    proxy, origin = node
    before = origin.mark()
    assert status(proxy, target, host) == 400
    assert origin.mark() == before


@HOSTS
def test_plain_paths_are(node, host):
    """The control."""
    proxy, _ = node
    for target in ("/public/a", "/public/a%20b;v=1/x.?next=../y", "/public/.well-known"):
        assert status(proxy, target, host) == 200
    assert status(proxy, "/admin", host) == 403
