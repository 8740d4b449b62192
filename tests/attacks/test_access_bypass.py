"""Ways around an access rule: another spelling of the path, a token that two readers
see differently, a proof of somebody else, a flood of wrong ones."""
import pytest
from harness import Domain, EchoOrigin, Marquee
from harness.tokens import b64, claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
SHOP = Domain("shop.test")
ACCESS = {"rules": [{"paths": ["/public"], "accept": ["jwt"], "optional": True},
                    {"paths": ["/api"], "accept": ["jwt"], "open": ["/api/health"]}],
          "tokens": {"issuers": {"platform": {"secret": SECRET}}}}


@pytest.fixture(scope="module")
def guarded():
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP], access=ACCESS) as proxy:
        yield proxy, origin


def status(proxy, target, fields=()):
    with proxy.plain() as client:
        return client.get(target, "shop.test", fields=fields).status


@pytest.mark.parametrize("target", [
    "/api/x", "//api/x", "/./api/x", "/x/../api/x", "/%61pi/x", "/%2561pi/x", "/api%2fx", "/api;v=1/x", "/API/x",
    "/public/../api/x", "/public/%2e%2e/api/x", "/public/..%2fapi/x", "/public/..;/api/x", "/api/health/../x",
    "/api/health/%2e%2e/x", "/api/health/..%2fx", "/x/%252e%252e/api/x", "/api\\x", "/public\\..\\api\\x"])
def test_spelling(guarded, target):
    proxy, origin = guarded
    assert status(proxy, target) in (400, 401)


TOKEN = hs256(SECRET, claims(site_id=SHOP.site))
HEADER, PAYLOAD, SIGNATURE = TOKEN.split(".")
BAD = {
    "none": f'{b64(b"{%salg%s:%snone%s}" % ((b"%c" % 34,) * 4))}.{PAYLOAD}.',
    "unsigned": f"{HEADER}.{PAYLOAD}.",
    "two_parts": f"{HEADER}.{PAYLOAD}",
    "four_parts": f"{TOKEN}.{SIGNATURE}",
    "padded": TOKEN + "=",
    "duplicate_claim": hs256(SECRET, '{"sub":"a","sub":"b","exp":99999999999,"site_id":"%s"}' % SHOP.site),
    "duplicate_header": hs256(SECRET, claims(site_id=SHOP.site), '{"alg":"none","alg":"HS256"}'),
    "crit": hs256(SECRET, claims(site_id=SHOP.site), {"alg": "HS256", "crit": ["x"]}),
    "no_end": hs256(SECRET, {"sub": "a", "site_id": SHOP.site}),
    "refresh": hs256(SECRET, {**claims(site_id=SHOP.site), "type": "refresh"}),
    "for_others": hs256(SECRET, claims(site_id=SHOP.site, aud="somebody")),
    "split_user": hs256(SECRET, claims(site_id=SHOP.site, sub="a\r\nx-tenant-role: owner")),
    "huge": hs256(SECRET, claims(site_id=SHOP.site, x="a" * 9000)),
    "guessed_secret": hs256("secret", claims(site_id=SHOP.site)),
}


@pytest.mark.parametrize("name", BAD)
def test_token(guarded, name):
    proxy, _ = guarded
    assert status(proxy, "/api/x", [("Authorization", f"Bearer {TOKEN}")]) == 200
    assert status(proxy, "/api/x", [("Authorization", f"Bearer {BAD[name]}")]) == 401


def test_two_proofs_are_none(guarded):
    proxy, _ = guarded
    good = ("Authorization", f"Bearer {TOKEN}")
    assert status(proxy, "/api/x", [good, good]) == 401
    assert status(proxy, "/api/x", [("Authorization", "Bearer x"), good]) == 401


def test_a_flood_of_wrong_proofs(guarded):
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP], access={
            **ACCESS, "wrong_burst": 20, "wrong_rate": 0.01}) as proxy, proxy.plain() as client:
        # One connection, one worker: its budget is what is spent.
        seen = [client.get("/api/x", "shop.test", fields=[("Authorization", f"Bearer {TOKEN}")]).status]
        for i in range(60):
            wrong = hs256(SECRET + "x", claims(n=i))
            seen.append(client.get("/api/x", "shop.test", fields=[("Authorization", f"Bearer {wrong}")]).status)
        assert seen[0] == 200
        assert seen[1:].count(401) == 20
        assert seen[1:].count(429) == 40
        # Who is known goes on.
        assert client.get("/api/x", "shop.test", fields=[("Authorization", f"Bearer {TOKEN}")]).status == 200
