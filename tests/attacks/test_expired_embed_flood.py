"""Embed tokens of the platform's unsigned form that say they have expired: anybody can
make any number of them, each a look at it and a place among the remembered proofs."""
import json

from harness import Domain, EchoOrigin, Marquee
from harness.tokens import b64, claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
SHOP = Domain("shop.test")
ACCESS = {"rules": [{"paths": ["/embed"], "accept": ["embed"]}, {"paths": ["/api"], "accept": ["jwt"]}],
          "embed": {"legacy": True}, "tokens": {"issuers": {"platform": {"secret": SECRET}}}}
ROWS = {"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}}


def expired(i):
    return b64(json.dumps({"siteId": f"s{i}", "moduleId": "m", "exp": 1000}).encode())


def flood(client, count):
    return [client.get(f"/embed/m/s{i}?token={expired(i)}", "shop.test").status for i in range(count)]


def test_they_count_as_wrong():
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP], workers=1, directory=ROWS,
                                         access={**ACCESS, "wrong_burst": 10, "wrong_rate": 0.01}) as proxy, proxy.plain() as client:
        assert flood(client, 40) == [401] * 10 + [429] * 30


def test_they_push_out_nobody():
    """Whoever is known is checked no more, also when no new proof is looked at."""
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP], workers=1, directory=ROWS, access={
            **ACCESS, "cache": 16, "wrong_burst": 60, "wrong_rate": 0.01}) as proxy, proxy.plain() as client:
        known = [hs256(SECRET, claims(site_id=SHOP.site, sub=f"user-{i}")) for i in range(16)]

        def ask():
            return [client.get("/api/x", "shop.test", fields=[("Authorization", f"Bearer {t}")]).status for t in known]
        assert ask() == [200] * 16
        assert flood(client, 61)[-1] == 429
        assert ask() == [200] * 16
