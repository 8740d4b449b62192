"""Requests that must prove who sends them: JSON Web Tokens, API keys, embed tokens."""
import hashlib
import hmac
import json
import sqlite3
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, eventually
from harness.pki import Authority
from harness.tokens import KeyServer, SigningKey, b64, claims, hs256
from harness.yaml import Text

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


# Keys that are fetched

@pytest.fixture
def key_server(tmp_path):
    server = KeyServer(tmp_path / "ca")
    yield server
    server.close()


def fetching(server, **more):
    tokens = {"refetch": Text("1s"), "issuers": {"id": {"jwks_url": server.url, "ca_file": str(server.ca.cert)}}}
    return {"rules": RULES, "tokens": {**tokens, **more}}


def test_fetched_keys_are_rotated_and_outlive_an_outage(origin, key_server, tmp_path):
    old, new = SigningKey(tmp_path, "old"), SigningKey(tmp_path, "new")
    key_server.keys = [old.jwk]
    good = claims(site_id=SHOP.site)
    first, second = old.token(good), new.token(good)
    with Marquee(origin, domains=[SHOP], access=fetching(key_server)) as proxy:
        eventually(lambda: ask(proxy, "/api/x", first).status == 200)
        assert ask(proxy, "/api/x", second).status == 401
        key_server.keys = [new.jwk, old.jwk]
        eventually(lambda: ask(proxy, "/api/x", second).status == 200)
        assert ask(proxy, "/api/x", first).status == 200
        key_server.status = 500
        key_server.keys = []
        unknown = SigningKey(tmp_path, "third").token(good)
        asked = key_server.asked
        eventually(lambda: ask(proxy, "/api/x", unknown).status == 401 and key_server.asked > asked)
        for token in (first, second):
            assert ask(proxy, "/api/x", token).status == 200
        assert proxy.metrics().sum("marquee_access_key_fetches_total", result="failed") >= 1


def test_unknown_keys_cause_few_fetches(origin, key_server, tmp_path):
    key = SigningKey(tmp_path, "k")
    key_server.keys = [key.jwk]
    with Marquee(origin, domains=[SHOP], access=fetching(key_server, refetch=Text("1h"))) as proxy:
        eventually(lambda: ask(proxy, "/api/x", key.token(claims(site_id=SHOP.site))).status == 200)
        asked = key_server.asked
        for i in range(50):
            token = key.token(claims(), {"alg": "ES256", "kid": f"k{i}"}) if i < 2 else None
            assert ask(proxy, "/api/x", token or hs256("x" * 40, claims(n=i), {"alg": "ES256", "kid": f"q{i}"})).status == 401
        assert key_server.asked == asked


def test_without_any_key_the_answer_is_503_and_a_strange_server_gives_none(origin, key_server, tmp_path):
    other = Authority(tmp_path / "other")
    key = SigningKey(tmp_path, "k")
    key_server.keys = [key.jwk]
    access = fetching(key_server)
    access["tokens"]["issuers"]["id"]["ca_file"] = str(other.cert)
    with Marquee(origin, domains=[SHOP], access=access) as proxy:
        eventually(lambda: proxy.metrics().sum("marquee_access_key_fetches_total", result="failed") >= 1)
        answer = ask(proxy, "/api/x", key.token(claims(site_id=SHOP.site)))
        assert answer.status == 503
        assert answer.field("retry-after")
        assert key_server.asked == 0


# API keys and embed tokens

KEY = "dmc_live_" + "0" * 64
EMBED_SECRET = "an-embed-secret-of-more-than-32-bytes"
STORED = {"rules": [{"paths": ["/api"], "accept": ["api_key", "jwt"]},
                    {"paths": ["/api-scoped"], "accept": ["api_key"], "scopes": ["write"]},
                    {"paths": ["/embed"], "accept": ["embed"]}],
          "tokens": {"issuers": {"platform": {"secret": SECRET}}},
          "embed": {"secret": EMBED_SECRET, "legacy": True}}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def stored(origin):
    directory = {"kind": "sqlite", "poll_interval": Text("20ms"), "modules": {"upstream": "main", "path": "{path}"}}
    with Marquee(origin, domains=[SHOP, CLINIC], access=STORED, directory=directory, workers=1) as proxy:
        file = proxy.folder / "state/directory.sqlite"
        eventually(file.exists)
        database = sqlite3.connect(file, timeout=10, isolation_level=None)

        def there():
            return database.execute("SELECT count(*) FROM sqlite_master WHERE name = "
                                    "'marquee_module_embed_tokens_update'").fetchone()[0]
        eventually(there)
        for d in (SHOP, CLINIC):
            database.execute("INSERT INTO agencies (id) VALUES (?)", (d.agency,))
            database.execute("INSERT INTO clients (id, agency_id) VALUES (?, ?)", (d.client, d.agency))
            database.execute("INSERT INTO sites (id, client_id, agency_id) VALUES (?, ?, ?)",
                             (d.site, d.client, d.agency))
        yield proxy, database
        database.close()


@pytest.fixture
def keys(stored):
    """Adds and changes the row of KEY; no row is left behind."""
    proxy, database = stored

    def put(**columns):
        row = {"id": "key-1", "module_id": SHOP.module, "site_id": SHOP.site, "agency_id": SHOP.agency,
               "key_prefix": KEY[:12], "key_hash": digest(KEY), "rate_limit_per_minute": 1_000_000,
               "rate_limit_per_day": 100_000_000, **columns}
        database.execute(f"INSERT INTO module_api_keys ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                         tuple(row.values()))
    put.proxy, put.run = proxy, database.execute
    yield put
    database.execute("DELETE FROM module_api_keys")
    database.execute("DELETE FROM module_embed_tokens")
    # What is remembered of it is forgotten before the next test makes it anew.
    eventually(lambda: with_key(proxy).status == 401)


def with_key(proxy, target="/api/x", host="shop.test", key=KEY, fields=(), **more):
    return ask(proxy, target, host=host, fields=[("X-Api-Key", key), *fields], **more)


def test_an_api_key(keys):
    keys(scopes='["read"]')
    eventually(lambda: with_key(keys.proxy).status == 200)
    answer = with_key(keys.proxy, "/api/keyed")
    assert "x-tenant-user-id" not in seen(answer)
    assert keys.proxy.access.wait(lambda r: r["target"] == "/api/keyed")[-1]["api_key_id"] == "key-1"
    assert ask(keys.proxy, "/api/x", KEY).status == 200  # as a bearer token
    assert with_key(keys.proxy, host="clinic.test").status == 403
    assert with_key(keys.proxy, "/api-scoped/x").status == 403
    assert with_key(keys.proxy, key=KEY[:-1] + "1").status == 401
    assert with_key(keys.proxy, fields=[("x-api-key", KEY)]).status == 401  # twice


@pytest.mark.parametrize("change,status", [
    ("is_active = 0", 401), ("revoked_at = '2020-01-01T00:00:00Z'", 401), ("expires_at = '2020-01-01T00:00:00Z'", 401),
    ("allowed_ips = '[\"10.0.0.0/8\"]'", 403), ("allowed_ips = '[\"not a network\"]'", 401),
    ("allowed_origins = '[\"https://a.example\"]'", 403), ("module_id = 'other'", 403),
    ("site_id = '%s'" % CLINIC.site, 403), ("agency_id = '%s'" % CLINIC.agency, 403),
    ("key_hash = 'gone'", 401)])
def test_a_change_of_a_key_is_live_within_a_second(keys, change, status):
    keys()
    eventually(lambda: with_key(keys.proxy).status == 200)
    keys.run(f"UPDATE module_api_keys SET {change}")
    begun = time.monotonic()
    eventually(lambda: with_key(keys.proxy).status == status)
    assert time.monotonic() - begun < 1.0


def test_where_a_key_may_come_from(keys):
    keys(allowed_ips='["127.0.0.0/8"]', allowed_origins='["https://a.example"]')
    eventually(lambda: with_key(keys.proxy, fields=[("Origin", "https://a.example")]).status == 200)
    assert with_key(keys.proxy, fields=[("Origin", "https://a.example.evil")]).status == 403
    assert with_key(keys.proxy).status == 403


def embed_token(site=SHOP, module=None, ends=3600, **more):
    return {"siteId": site.site, "moduleId": (module or site).module, "exp": int((time.time() + ends) * 1000), **more}


def signed_embed(payload, secret=EMBED_SECRET):
    part = "me1." + b64(json.dumps(payload).encode())
    return part + "." + b64(hmac.new(secret.encode(), part.encode(), hashlib.sha256).digest())


def embedded(proxy, token, target=f"/embed/{SHOP.module}/{SHOP.site}", host="shop.test", fields=()):
    return ask(proxy, f"{target}?theme=dark&token={token}", host=host, fields=fields).status


def test_a_signed_embed_token(keys):
    good = signed_embed(embed_token())
    assert embedded(keys.proxy, good) == 200
    assert embedded(keys.proxy, good, f"/embed/{SHOP.module}/{CLINIC.site}") == 403
    assert embedded(keys.proxy, good, host="clinic.test") == 403
    assert embedded(keys.proxy, signed_embed(embed_token(), "another secret of more than 32 bytes")) == 401
    assert embedded(keys.proxy, signed_embed(embed_token(ends=-1))) == 401
    bound = signed_embed(embed_token(domains=["page.example"]))
    assert embedded(keys.proxy, bound) == 403
    assert embedded(keys.proxy, bound, fields=[("Referer", "https://page.example/a")]) == 200
    assert embedded(keys.proxy, bound, fields=[("Referer", "https://evil.example/page.example")]) == 403


def test_a_legacy_embed_token_needs_its_row(keys):
    token = b64(json.dumps(embed_token()).encode())
    assert embedded(keys.proxy, token) == 401
    keys.run("INSERT INTO module_embed_tokens (site_id, module_id, token_hash) VALUES (?, ?, ?)",
             (SHOP.site, SHOP.module, digest(token)))
    eventually(lambda: embedded(keys.proxy, token) == 200)
    assert embedded(keys.proxy, b64(json.dumps(embed_token(ends=7200)).encode())) == 401  # forged from public ids
    keys.run("UPDATE module_embed_tokens SET allowed_domains = '[\"page.example\"]'")
    eventually(lambda: embedded(keys.proxy, token) == 403)
    keys.run("UPDATE module_embed_tokens SET is_revoked = 1")
    eventually(lambda: embedded(keys.proxy, token) == 401)
