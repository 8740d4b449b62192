"""x-tenant-context: what it says, who signs it, and how its keys come and go."""
import contextlib
import shutil
import stat
import subprocess
import time

import jwt
import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually
from harness.context import Signer, key_set, parts, token_of, verified
from harness.h2_origin import H2Origin
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries

pytestmark = pytest.mark.heavy

BAKERY = Domain("bakery.test", agency_name="flour")
CLINIC = Domain("clinic.test", agency_name="health")


@pytest.fixture(scope="module")
def echoing():
    with EchoOrigin() as it:
        yield it


@contextlib.contextmanager
def running(origin, context=None, **more):
    more.setdefault("domains", [BAKERY, CLINIC])
    with Marquee(upstreams=[Upstream("main", [origin.endpoint])], context=context, **more) as proxy:
        yield proxy
        assert proxy.alive(), proxy.tail()


def ask(proxy, host="bakery.test", **more):
    with proxy.plain() as client:
        answer = client.get("/", host, **more)
    assert answer.status == 200, answer
    return token_of(answer)


def claims_for(domain, token, keys):
    claims = verified(token, keys, domain.module)
    times = {k: claims.pop(k) for k in ("iat", "exp")}
    assert claims == {"iss": "marquee", "aud": domain.module, "sub": domain.installation, "agency": domain.agency,
                      "client": domain.client, "site": domain.site, "host": domain.host}
    assert 0 < times["exp"] - times["iat"] <= 60
    return times


def test_says_whose_request_it_is(proxy, origin, tenants):
    keys = key_set(proxy)
    with proxy.plain() as plain, proxy.tls("bakery.test") as tls, proxy.h2() as h2:
        tokens = [token_of(c.get("/")) for c in (plain, tls, h2)]
    for token in tokens:
        claims_for(tenants["bakery.test"], token, keys)
        header, _ = parts(token)
        assert header == {"alg": "EdDSA", "kid": keys["keys"][0]["kid"], "typ": "JWT"}
    with pytest.raises(jwt.InvalidAudienceError):
        verified(tokens[0], keys, tenants["clinic.test"].module)


def test_each_host_has_its_own(proxy, origin, tenants):
    """A pair, a wildcard's labels, another tenant; and the host is as it was asked for."""
    keys = key_set(proxy)
    for host, domain in (("bakery.test", "bakery.test"), ("www.bakery.test", "bakery.test"),
                         ("clinic.test", "clinic.test"), ("a.wild.test", "*.wild.test"), ("b.wild.test", "*.wild.test")):
        claims = verified(ask(proxy, host), keys, tenants[domain].module)
        assert (claims["host"], claims["agency"]) == (host, tenants[domain].agency)
    assert verified(ask(proxy, "BAKERY.test:443"), keys, tenants["bakery.test"].module)["host"] == "bakery.test"


def test_signed_once_and_not_for_each_request(echoing):
    with running(echoing, workers=1) as proxy:
        with proxy.plain() as client:
            tokens = {token_of(client.get("/")) for _ in range(50)}
        assert proxy.metrics().sum("marquee_context_tokens_total") == len(tokens) <= 2
        assert proxy.metrics().sum("marquee_context_failures_total") == 0
        assert proxy.metrics().sum("marquee_context_keys") == 1


def test_made_anew_after_half_its_life(echoing):
    with running(echoing, {"lifetime": 4}, workers=1) as proxy:
        first = ask(proxy)
        eventually(lambda: ask(proxy) != first, 5, "another token")
        old, new = (parts(t)[1] for t in (first, ask(proxy)))
        assert old["exp"] - old["iat"] == 4
        assert 2 <= new["iat"] - old["iat"] <= 3, "after half, and while the old one was good"


def test_key_set_at_every_host(proxy, origin):
    before = origin.mark()
    path = "/.well-known/marquee/jwks.json"
    documents = []
    with proxy.plain() as client:
        for host in ("bakery.test", "clinic.test", "nobody.test"):
            answer = client.get(path + "?x=1", host=host)
            assert answer.status == 200 and answer.field("content-type") == "application/jwk-set+json"
            assert answer.field("cache-control") == "public, max-age=300"
            documents.append(answer.json())
        head = client.get(path, method="HEAD")
        assert head.status == 200 and not head.body
        refused = client.get(path, method="POST", body=b"x")
        assert refused.status == 405 and refused.field("allow") == "GET, HEAD"
    with proxy.tls("bakery.test") as client:
        documents.append(client.get(path).json())
    documents.append(proxy.admin.json(path))
    assert all(d == documents[0] for d in documents)
    [key] = documents[0]["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"} and key["alg"] == "EdDSA"
    assert origin.mark() == before, "the key set is Marquee's own answer"


def test_to_an_upstream_over_h2():
    seen = []

    def note(stream):
        seen.append(stream.field("x-tenant-context"))
        stream.respond(200, b"ok")

    with H2Origin(note) as origin, running(origin) as proxy:
        with proxy.plain() as client:
            for _ in range(3):
                assert client.get("/").status == 200
        keys = key_set(proxy)
    assert len(seen) == 3
    for token in seen:
        claims_for(BAKERY, token, keys)


def test_domains_of_nobody_have_none(echoing):
    """An app host names no tenant, and without a caller there is nothing to attest."""
    with running(echoing, host_classes={"app": {"hosts": ["app.test"], "upstream": "main"}}) as proxy:
        with proxy.tls("app.test") as client:
            fields = {n.lower(): v for n, v in client.get("/", "app.test").json()["fields"]}
    assert "x-tenant-context" not in fields and fields["x-custom-domain"] == "app.test"


def test_switched_off(echoing):
    with running(echoing, {"enabled": False}) as proxy:
        assert ask(proxy, fields=[("x-tenant-context", "forged"), ("X_Tenant_Context", "forged")]) is None
        assert key_set(proxy) == {"keys": []}
        assert proxy.metrics().sum("marquee_context_failures_total") == 0


def test_another_path_or_none(echoing):
    with running(echoing, {"jwks_path": "/keys", "issuer": "https://edge.test"}) as proxy:
        verified(ask(proxy), key_set(proxy, "/keys"), BAKERY.module, issuer="https://edge.test")
        with proxy.plain() as client:
            assert "fields" in client.get("/.well-known/marquee/jwks.json").json(), "the upstream's path"
    with running(echoing, {"jwks_path": "off"}) as proxy, proxy.plain() as client:
        assert "fields" in client.get("/.well-known/marquee/jwks.json").json()
        verified(ask(proxy), proxy.admin.json("/.well-known/marquee/jwks.json"), BAKERY.module)


def another_on(folder, origin):
    """A Marquee that has not started yet, with the keys of a state directory."""
    proxy = Marquee(upstreams=[Upstream("main", [origin.endpoint])], domains=[BAKERY])
    shutil.copytree(folder, proxy.folder / "state/context-keys")
    return proxy


def test_keys_outlive_a_restart_and_are_private(echoing, tmp_path):
    with running(echoing) as proxy:
        first = ask(proxy)
        folder = proxy.folder / "state/context-keys"
        assert stat.S_IMODE((folder / "keys.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        shutil.copytree(folder, tmp_path / "keys")
    with another_on(tmp_path / "keys", echoing) as proxy:
        claims_for(BAKERY, first, key_set(proxy))
        assert parts(ask(proxy))[0]["kid"] == parts(first)[0]["kid"]


def test_damaged_keys_stop_the_start(echoing, tmp_path):
    """Rather than to serve without proof, or to make new keys over those of others."""
    (tmp_path / "keys.json").write_text("{")
    proxy = another_on(tmp_path, echoing)
    proxy.expected_exit = 1
    with pytest.raises(AssertionError, match="is damaged; remove it"):
        proxy.start()
    proxy.forget()


def test_rotation_leaves_no_gap(echoing):
    """Keys sign for four seconds; who keeps the set as long as it may always knows the
    key of a token, and a token is good to its end."""
    with running(echoing, {"rotation": 4, "lifetime": 4}, workers=2) as proxy:
        kids, alive, end = set(), [], time.monotonic() + 11
        while time.monotonic() < end:
            keys = key_set(proxy)
            for host in ("bakery.test", "clinic.test"):
                token = ask(proxy, host)
                kids.add(parts(token)[0]["kid"])
                alive.append(token)
            alive = [t for t in alive if parts(t)[1]["exp"] > time.time() + 0.5][-400:]
            for token in {*alive}:
                verified(token, keys, (BAKERY if parts(token)[1]["host"] == BAKERY.host else CLINIC).module)
            assert len(keys["keys"]) <= 4
            time.sleep(0.05)
        assert len(kids) >= 3, kids


def test_key_of_a_file_and_its_exchange(echoing, tmp_path):
    old, new = Signer(tmp_path, "old"), Signer(tmp_path, "new", "ES256")
    context = {"key_file": str(old.file)}
    with running(echoing, context) as proxy:
        first = ask(proxy)
        assert parts(first)[0]["alg"] == "EdDSA"
        assert not (proxy.folder / "state/context-keys").exists()
        for step in ({"key_file": str(old.file), "other_key_file": str(new.file)},
                     {"key_file": str(new.file), "other_key_file": str(old.file)}):
            context.clear()
            context.update(step)
            proxy.sections["context"] = context
            proxy.write_settings()
            proxy.reload()
            eventually(lambda: len(key_set(proxy)["keys"]) == 2, 5, "both keys")
            verified(first, key_set(proxy), BAKERY.module)
        eventually(lambda: parts(ask(proxy))[0]["alg"] == "ES256", 5, "the new key")
        claims_for(BAKERY, ask(proxy), key_set(proxy))
        context["key_file"] = str(tmp_path / "none")
        proxy.write_settings()
        assert proxy.admin.call("/v1/reload", "POST").status == 422
        claims_for(BAKERY, ask(proxy), key_set(proxy))


def test_hs256_signs_with_a_secret_and_publishes_nothing(echoing, tmp_path):
    secret = "0123456789abcdef0123456789abcdef"
    (tmp_path / "secret").write_text(secret + "\n")
    with running(echoing, {"algorithm": "HS256", "secret_file": str(tmp_path / "secret")}) as proxy:
        token = ask(proxy)
        assert key_set(proxy) == {"keys": []}
        assert jwt.decode(token, secret, algorithms=["HS256"], audience=BAKERY.module)["sub"] == BAKERY.installation
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, secret[:-1] + "x", algorithms=["HS256"], audience=BAKERY.module)


ENCRYPTION_KEY = "0123456789abcdef" * 4


def both_use_one_key(one, other):
    """Two nodes: what one signs the other's key set verifies, and the key is the same."""
    tokens = [ask(one), ask(other)]
    for token in tokens:
        for node in (one, other):
            claims_for(BAKERY, token, key_set(node))
    assert parts(tokens[0])[0]["kid"] == parts(tokens[1])[0]["kid"]


def test_nodes_share_keys_in_sqlite(echoing, tmp_path):
    where = {"kind": "sqlite", "path": str(tmp_path / "d.sqlite"), "encryption_key": ENCRYPTION_KEY,
             "modules": {"upstream": "main"}, "sites": {"upstream": "main"}}
    with running(echoing, directory=where) as one, running(echoing, directory=where) as other:
        both_use_one_key(one, other)
        assert b"PRIVATE KEY" not in (one.folder / "state/context-keys/directory.json").read_bytes()
        assert b"PRIVATE KEY" not in (tmp_path / "d.sqlite").read_bytes()


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_nodes_share_keys_in_postgres(echoing):
    with Postgres() as server:
        url = server.create("platform")
        subprocess.run([BINARY, "db", "migrate", "--url", url], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "platform")
        where = {"kind": "postgres", "url": server.url("platform", "marquee_edge"), "trust_directory_status": True,
                 "encryption_key": ENCRYPTION_KEY, "modules": {"upstream": "main"}, "sites": {"upstream": "main"}}
        with running(echoing, directory=where) as one, running(echoing, directory=where) as other:
            for node in (one, other):
                eventually(lambda node=node: ask(node), 10, "the key")
            both_use_one_key(one, other)
            assert "PRIVATE KEY" not in server.sql("SELECT sealed FROM marquee.context_keys", "platform")
            # The database goes: what is known signs on.
            server.stop("immediate")
            both_use_one_key(one, other)
            # A node that starts now signs with the copy that it has kept.
            late = Marquee(upstreams=[Upstream("main", [echoing.endpoint])], domains=[BAKERY], directory=where)
            shutil.copytree(one.folder / "state/context-keys", late.folder / "state/context-keys")
            with late:
                both_use_one_key(one, late)
            server.start()


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_rotation_among_nodes_in_postgres(echoing):
    with Postgres() as server:
        url = server.create("platform")
        subprocess.run([BINARY, "db", "migrate", "--url", url], check=True, capture_output=True, timeout=60)
        where = {"kind": "postgres", "url": url, "trust_directory_status": True, "encryption_key": ENCRYPTION_KEY,
                 "modules": {"upstream": "main"}, "sites": {"upstream": "main"}}
        fast = {"rotation": 4, "lifetime": 4}
        with running(echoing, fast, directory=where) as one, running(echoing, fast, directory=where) as other:
            for node in (one, other):
                eventually(lambda node=node: ask(node), 10, "the key")
            kids, end = set(), time.monotonic() + 9
            while time.monotonic() < end:
                for signer, reader in ((one, other), (other, one)):
                    keys = key_set(reader)
                    token = ask(signer)
                    claims_for(BAKERY, token, keys)
                    kids.add(parts(token)[0]["kid"])
                time.sleep(0.05)
            assert len(kids) >= 2, kids
            made = int(server.sql("SELECT max(generation) FROM marquee.context_keys", "platform").strip())
            assert made <= 6, "each rotation makes one key, not one for each node"
