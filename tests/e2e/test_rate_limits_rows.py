"""Rate limits by who asks: rules by user, API key and identity, and the numbers that
stand in rows of the directory."""
import contextlib
import hashlib
import sqlite3
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually, redis, settings
from harness.tokens import claims, hs256

SECRET = "a-secret-of-the-platform-0123456789"
KEYS = {name: "dmc_live_" + digit * 64 for name, digit in (("one", "1"), ("two", "2"))}
SITE, MODULE, AGENCY = (directory.row_id(kind, "flour") for kind in ("site", "module", "agency"))
API = f"/api/modules/{MODULE}/api"
PARTNER = "https://partner.example"
# Too many to be met, of what a test is not about.
MANY = 1_000_000


def key_row(name, per_minute=MANY, per_day=MANY):
    digest = hashlib.sha256(KEYS[name].encode()).hexdigest()
    return ("INSERT INTO module_api_keys (id, module_id, site_id, agency_id, key_prefix, key_hash, scopes,"
            " rate_limit_per_minute, rate_limit_per_day) VALUES"
            f" ('key-{name}', '{MODULE}', '{SITE}', '{AGENCY}', '{KEYS[name][:12]}', '{digest}', '[\"*\"]', {per_minute}, {per_day});")


def route(path, per_minute="NULL"):
    return ("INSERT INTO module_api_routes (id, module_id, path, method, requires_auth, required_scopes, rate_limit_per_minute)"
            f" VALUES ('route{path}', '{MODULE}', '{path}', 'GET', 0, '[]', {per_minute});")


def allowed(domain, per_hour):
    return ("INSERT INTO module_allowed_domains (site_id, module_id, domain, verified, allow_api, rate_limit)"
            f" VALUES ('{SITE}', '{MODULE}', '{domain}', 1, 1, {per_hour});")


class Node:
    def __init__(self, proxy):
        self.proxy = proxy
        self.file = proxy.folder / "state" / "directory.sqlite"

    def run(self, sql):
        with sqlite3.connect(self.file, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()

    def ask(self, target=f"{API}/free", key=None, user=None, fields=(), host="shop.test"):
        fields = list(fields)
        if key:
            fields.append(("X-Api-Key", KEYS[key]))
        if user:
            fields.append(("Authorization", "Bearer " + hs256(SECRET, claims(sub=user, site_id=SITE))))
        with self.proxy.plain() as client:
            return client.get(target, host, fields=fields)

    def statuses(self, count, *arguments, **more):
        return [self.ask(*arguments, **more).status for _ in range(count)]

    def refused(self, rule):
        return self.proxy.metrics().sum("marquee_limits_decisions_total", rule=rule, result="refused")


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@contextlib.contextmanager
def node(origin, sql="", workers=1, file=None, **limits):
    kind = {"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"}}
    if file:
        kind["path"] = str(file)
    with Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
                 directory=kind, workers=workers, rate_limits=limits,
                 access={"rules": [{"paths": ["/api"], "accept": ["api_key", "jwt"], "optional": True}],
                         "tokens": {"issuers": {"platform": {"secret": SECRET}}}},
                 tenants={"module_apis": True, "cors": True}) as proxy:
        it = Node(proxy)
        if file:
            it.file = file
        eventually(it.file.exists, 10, "the directory's file")
        eventually(lambda: it.ask("/").status in (404, 200), 10, "an open directory")
        if sql is not None:
            it.run(directory.tenant("flour") + directory.module_domain("shop.test", "flour") + route("/free") + sql)
        eventually(lambda: it.ask("/").status == 200, 5, "the domain")
        yield it


def test_rules_by_user_key_and_identity(origin):
    rules = [{"name": "users", "key": ["user"], "rate": "2/h"},
             {"name": "keys", "key": ["api_key"], "rate": "3/h"},
             {"name": "strangers", "rate": "1/h", "match": {"identity": "anonymous", "path": "/api/"}},
             {"name": "known", "key": ["caller"], "rate": "100/h", "match": {"identity": ["user", "api_key"]}, "fields": True}]
    with node(origin, key_row("one") + key_row("two"), rules=rules) as it:
        assert it.statuses(3, user="ann") == [200, 200, 429]
        assert it.ask(user="ann").json()["limit"] == "users"
        assert it.statuses(2, user="bob") == [200, 200]
        assert it.statuses(4, key="one") == [200, 200, 200, 429]
        assert it.statuses(1, key="two") == [200]
        assert it.statuses(2) == [200, 429]
        assert '"known"' in it.ask(key="two").field("ratelimit")
        # A page below no access rule has no caller, whatever is shown.
        assert it.statuses(3, "/", user="ann") == [200] * 3


def test_a_key_s_own_limit_per_minute(origin):
    with node(origin, key_row("one", per_minute=3) + key_row("two", per_minute=0)) as it:
        answer = it.ask(key="one")
        assert answer.status == 200
        assert '"api_key_per_minute";r=2;t=20' in answer.field("ratelimit")
        assert it.statuses(3, key="one") == [200, 200, 429]
        refusal = it.ask(key="one")
        assert refusal.json()["limit"] == "api_key_per_minute"
        assert refusal.field("x-ratelimit-limit") == "3"
        assert 1 <= int(refusal.field("retry-after")) <= 20
        assert it.refused("api_key_per_minute") == 2
        # 0 is no limit; others have nothing to do with it.
        assert it.statuses(5, key="two") == [200] * 5
        assert it.statuses(3, user="ann") == [200] * 3
        # A row that is changed counts within a second.
        it.run("UPDATE module_api_keys SET rate_limit_per_minute = 1000 WHERE id = 'key-one';")
        eventually(lambda: it.ask(key="one").status == 200, 1.5, "more room")


def test_a_key_s_own_limit_per_day(origin):
    with node(origin, key_row("one", per_day=2)) as it:
        assert it.statuses(3, key="one") == [200, 200, 429]
        refusal = it.ask(key="one")
        assert refusal.json()["limit"] == "api_key_per_day"
        assert 43_000 < int(refusal.field("retry-after")) <= 43_200


def test_a_route_s_own_limit_is_each_caller_s(origin):
    with node(origin, route("/few", per_minute=2) + key_row("one")) as it:
        target = f"{API}/few"
        assert it.statuses(3, target) == [200, 200, 429]
        assert it.ask(target).json()["limit"] == "api_route_per_minute"
        assert it.statuses(3, target, user="ann") == [200, 200, 429]
        assert it.statuses(3, target, key="one") == [200, 200, 429]
        assert it.statuses(3) == [200] * 3


def test_an_origin_s_own_limit(origin):
    with node(origin, allowed("partner.example", 2) + allowed("*.other.example", 1)) as it:
        def page(of):
            return it.ask(fields=[("Origin", of)])
        assert [page(PARTNER).status for _ in range(3)] == [200, 200, 429]
        refusal = page(PARTNER)
        assert refusal.json()["limit"] == "origin_per_hour"
        assert refusal.field("access-control-allow-origin") == PARTNER
        # All names of a row count together.
        assert [page(f"https://{n}.other.example").status for n in "ab"] == [200, 429]
        assert page("https://evil.example").status == 403
        assert it.statuses(3) == [200] * 3
        it.run("UPDATE module_allowed_domains SET rate_limit = 1000000 WHERE domain = 'partner.example';")
        eventually(lambda: page(PARTNER).status == 200, 1.5, "more room")


def test_rows_can_be_tried_and_left_out(origin):
    with node(origin, key_row("one", per_minute=1), rows="shadow") as it:
        assert it.statuses(3, key="one") == [200] * 3
        assert it.proxy.metrics().sum("marquee_limits_decisions_total", rule="api_key_per_minute",
                                      result="shadow_refused") == 2
        it.proxy.sections["rate_limits"]["rows"] = "off"
        it.proxy.reload()
        assert it.statuses(3, key="one") == [200] * 3
        it.proxy.sections["rate_limits"]["rows"] = "enforce"
        it.proxy.reload()
        assert it.statuses(1, key="one") == [429]


def test_a_plan(origin):
    rule = {"name": "small", "key": ["agency"], "rate": "2/h", "match": {"plan": ["starter", "free"]}}
    with node(origin, "UPDATE agencies SET plan = 'Starter';", rules=[rule]) as it:
        eventually(lambda: it.ask("/").status == 429, 5, "the plan's limit")
        it.run("UPDATE agencies SET plan = 'pro';")
        eventually(lambda: it.ask("/").status == 200, 1.5, "the other plan")
        assert it.statuses(3, "/") == [200] * 3


@pytest.mark.heavy
@pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")
@pytest.mark.parametrize("mode", ["exact", "leased"])
def test_two_nodes_hold_a_key_s_own_limit(origin, tmp_path, mode):
    """60 a minute: what 400 requests at once may have of it, and no more."""
    with redis.Redis() as store:
        common = {"redis": {"address": store.address, "timeout": settings.seconds(0.3)}, "mode": mode}
        file = tmp_path / "directory.sqlite"
        with node(origin, key_row("one", per_minute=60), file=file, **common) as first, \
                node(origin, None, file=file, **common) as second:
            for it in (first, second):
                eventually(lambda it=it: it.proxy.metrics().sum("marquee_limits_redis_ready_workers") == 1, 10, "Redis")
                eventually(lambda it=it: it.proxy.metrics().sum("marquee_limits_nodes") == 2, 10, "both nodes")
            results, begun = [], time.monotonic()
            for _ in range(100):
                results += first.statuses(2, key="one") + second.statuses(2, key="one")
            passed = results.count(200)
            assert set(results) == {200, 429}
            came_back = time.monotonic() - begun + 1  # one a second
            if mode == "exact":
                assert 60 <= passed <= 60 + came_back
            else:  # and 5 %, and a lease of each worker: a quarter of the burst at most
                assert 40 <= passed <= 63 + 2 * 15 + came_back
