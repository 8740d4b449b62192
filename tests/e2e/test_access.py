"""Requests that must prove who sends them: JSON Web Tokens."""
import json
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually
from harness.yaml import Text
from harness.tokens import SigningKey, claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
SHOP = Domain("shop.test", agency_name="flour")
CLINIC = Domain("clinic.test", agency_name="health")
RULES = [{"paths": ["/api/optional"], "accept": ["jwt"], "optional": True},
         {"paths": ["/api/scoped"], "accept": ["jwt"], "scopes": ["write"]},
         {"paths": ["/api"], "accept": ["jwt"], "open": ["/api/health"]}]
ACCESS = {"rules": RULES, "tokens": {"cookie": "session", "issuers": {"platform": {"secret": SECRET}}}}


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(origin):
    with Marquee(origin, domains=[SHOP, CLINIC], access=ACCESS) as running:
        yield running


def ask(proxy, target="/api/x", token=None, host="shop.test", fields=(), **more):
    sent = list(fields)
    if token is not None:
        sent.append(("Authorization", f"Bearer {token}"))
    with proxy.plain() as client:
        return client.get(target, host, fields=sent, **more)


def seen(answer):
    return {n.lower(): v for n, v in answer.json()["fields"]}


def shop_token(**more):
    return hs256(SECRET, claims(site_id=SHOP.site, **more))


def test_a_page_needs_no_proof_and_the_api_does(proxy):
    assert ask(proxy, "/").status == 200
    assert ask(proxy, "/api/health/live").status == 200
    answer = ask(proxy)
    assert answer.status == 401
    assert answer.field("www-authenticate") == "Bearer"
    assert answer.field("content-type") == "application/json"
    assert answer.field("cache-control") == "no-store"
    assert json.loads(answer.body) == {"error": "Unauthorized", "code": "AUTH_REQUIRED"}


def test_who_asks_reaches_the_upstream_and_the_log(proxy):
    answer = ask(proxy, "/api/who", shop_token(role="admin", agency_id=SHOP.agency))
    assert answer.status == 200
    fields = seen(answer)
    assert fields["x-tenant-user-id"] == "user-1"
    assert fields["x-tenant-role"] == "admin"
    record = proxy.access.wait(lambda r: r["target"] == "/api/who")[-1]
    assert record["user_id"] == "user-1"


def test_the_client_cannot_say_who_it_is(proxy):
    forged = [("X-Tenant-User-Id", "boss"), ("x-tenant-role", "owner")]
    for target, token in (("/", None), ("/api/optional", None), ("/api/x", shop_token())):
        fields = seen(ask(proxy, target, token, fields=forged))
        assert fields.get("x-tenant-user-id") in (None, "user-1")
        assert "x-tenant-role" not in fields


def test_a_token_in_the_cookie(proxy):
    cookie = [("Cookie", f"a=b; session={shop_token()}")]
    assert seen(ask(proxy, fields=cookie))["x-tenant-user-id"] == "user-1"
    assert ask(proxy, token="wrong", fields=cookie).status == 401


def test_an_optional_proof(proxy):
    assert "x-tenant-user-id" not in seen(ask(proxy, "/api/optional"))
    assert seen(ask(proxy, "/api/optional", shop_token()))["x-tenant-user-id"] == "user-1"
    assert ask(proxy, "/api/optional", "wrong").status == 401


def test_scopes(proxy):
    assert ask(proxy, "/api/scoped", shop_token(scope="read write")).status == 200
    answer = ask(proxy, "/api/scoped", shop_token(scope="read"))
    assert answer.status == 403
    assert 'error="insufficient_scope", scope="write"' in answer.field("www-authenticate")


@pytest.mark.parametrize("more", [{"site_id": CLINIC.site}, {"agency_id": CLINIC.agency},
                                  {"site_id": SHOP.site, "agency_id": CLINIC.agency},
                                  {"site_id": SHOP.site, "module_id": CLINIC.module}, {}])
def test_a_token_of_another_tenant(proxy, more):
    token = hs256(SECRET, claims(**more))
    for _ in range(2):  # checked anew, and remembered
        answer = ask(proxy, "/api/x", token)
        assert answer.status == 403
        assert json.loads(answer.body)["code"] == "SITE_ACCESS_DENIED"


def test_a_remembered_token_is_judged_for_each_tenant(proxy):
    token = shop_token()
    for _ in range(3):
        assert ask(proxy, "/api/x", token).status == 200
        assert ask(proxy, "/api/x", token, "clinic.test").status == 403


def test_a_token_ends_though_it_is_remembered(origin):
    issuers = {"platform": {"secret": SECRET, "leeway": Text("0ms")}}
    with Marquee(origin, domains=[SHOP], access={"rules": RULES, "tokens": {"issuers": issuers}}) as proxy:
        now = int(time.time())
        token = hs256(SECRET, claims(site_id=SHOP.site, exp=now + 3))
        assert ask(proxy, "/api/x", token).status == 200
        answer = eventually(lambda: (a := ask(proxy, "/api/x", token)).status == 401 and a, within=10)
        assert "expired" in answer.field("www-authenticate")
        assert time.time() >= now + 3


def test_keys_of_a_file_and_a_reload(origin, tmp_path):
    old, new = SigningKey(tmp_path, "old"), SigningKey(tmp_path, "new")
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [old.jwk]}))
    access = {"rules": RULES, "tokens": {"issuers": {"id": {"keys_file": str(file), "issuer": "https://id.test",
                                                           "audience": ["marquee"]}}}}
    good = claims(site_id=SHOP.site, iss="https://id.test", aud=["marquee", "other"])
    with Marquee(origin, domains=[SHOP], access=access) as proxy:
        assert ask(proxy, "/api/x", old.token(good)).status == 200
        assert ask(proxy, "/api/x", new.token(good)).status == 401
        assert ask(proxy, "/api/x", old.token({**good, "aud": "other"})).status == 401
        assert ask(proxy, "/api/x", old.token({**good, "iss": "https://evil.test"})).status == 401
        file.write_text(json.dumps({"keys": [new.jwk]}))
        proxy.reload()
        assert ask(proxy, "/api/x", new.token(good)).status == 200
        assert ask(proxy, "/api/x", old.token(good)).status == 401


def test_over_http_2(proxy):
    with proxy.h2("shop.test") as client:
        assert client.get("/api/x", "shop.test").status == 401
        answer = client.get("/api/x", "shop.test", fields=[("authorization", f"Bearer {shop_token()}")])
        assert answer.status == 200


def test_checks_are_counted(proxy):
    ask(proxy, "/api/x", "not-a-token")
    metrics = proxy.metrics()
    assert metrics.sum("marquee_access_checks_total", proof="jwt", result="invalid") >= 1
    assert metrics.sum("marquee_refusals_total", cause="unauthenticated") >= 1
