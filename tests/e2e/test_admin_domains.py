"""/v1/domains on SQLite and on PostgreSQL: what is written answers within a second,
nobody's change is lost, and every answer is as the OpenAPI document says."""
import contextlib
import json
import sqlite3
import subprocess
import time
import urllib.parse

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.marquee import BINARY
from harness.openapi import Description, Mismatch
from harness.postgres import Postgres, binaries
from harness.settings import Domain

POSTGRES = pytest.param("postgres", marks=pytest.mark.skipif(binaries() is None, reason="no PostgreSQL"))
WAYS = {"modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"}}


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


class Api:
    """Calls over the admin socket, each checked against the document."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.description = Description(proxy.admin.call("/v1/openapi.json").body)

    def __call__(self, method, target, body=None, if_match=None):
        fields = [("If-Match", if_match)] if if_match else []
        text = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = self.proxy.admin.call(target, method, text, fields=fields)
        self.description.check_answer(method, target, answer)
        return answer

    def add(self, expected=201, **draft):
        answer = self("POST", "/v1/domains", draft)
        assert answer.status == expected, answer.body
        return answer.json()

    def path(self, domain):
        return "/v1/domains/" + urllib.parse.quote(domain["id"], safe="")

    def tag(self, domain):
        return self("GET", self.path(domain)).field("etag")

    def problem(self, status, method, target, body=None, if_match=None):
        answer = self(method, target, body, if_match)
        assert answer.status == status, (answer.status, answer.body)
        assert answer.field("content-type") == "application/problem+json"
        return answer.json()


def node(origin, settings, **more):
    return Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
                   domains=[Domain("settled.test", redirect_to_https=False)], directory=settings, **more)


def directory_row(file, sql):
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(sql).fetchone()[0]


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def running(request, origin):
    if request.param == "sqlite":
        with node(origin, {"kind": "sqlite", **WAYS}, workers=3) as proxy:
            file = proxy.folder / "state/directory.sqlite"
            eventually(file.exists)
            proxy.newest = lambda: directory_row(file, "SELECT max(generation) FROM marquee_changes")
            yield proxy
        return
    with Postgres() as server:
        url = server.create("managed")
        subprocess.run([BINARY, "db", "migrate", "--url", url], check=True, capture_output=True, timeout=60)
        with node(origin, {"kind": "postgres", "url": url, "trust_directory_status": True, **WAYS}, workers=3) as proxy:
            proxy.newest = lambda: int(server.sql("SELECT max(generation) FROM marquee.changes", "managed"))
            yield proxy


@pytest.fixture
def api(running):
    eventually(lambda: running.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
    return Api(running)


def answers(proxy, host, wanted, within=1.0):
    """On every worker: each connection may land on another one."""
    begun = time.monotonic()

    def all_do():
        for _ in range(12):
            with proxy.plain() as client:
                if client.get("/", host).status != wanted:
                    return False
        return True
    eventually(all_do, within + 5, f"{wanted} from {host}")
    assert time.monotonic() - begun < within + 0.5


PLAIN = {"redirect_to_https": False}


def test_a_domain_s_life(api, running):
    with running.plain() as client:
        assert client.get("/", "life.test").status == 404
    answer = api("POST", "/v1/domains", {"host": "LIFE.test.", "config": PLAIN})
    assert answer.status == 201, answer.body
    made = answer.json()
    assert (made["host"], made["status"], made["state"], made["source"]) == ("life.test", "active", "serving", "directory")
    assert answer.field("location") == api.path(made)
    with running.plain() as client:  # the node that wrote it waits for no feed
        assert client.get("/", "life.test").status == 200
    answers(running, "life.test", 200)
    again = api("GET", api.path(made))
    assert again.json() == made and again.field("etag") == answer.field("etag")
    changed = api("PATCH", api.path(made), {"status": "disabled"}, again.field("etag"))
    assert changed.status == 200 and changed.json()["state"] == "disabled"
    with running.plain() as client:
        assert client.get("/", "life.test").status == 503
    answers(running, "life.test", 503)
    assert api("DELETE", api.path(made), if_match=changed.field("etag")).status == 204
    answers(running, "life.test", 404)
    api.problem(404, "GET", api.path(made))
    api.problem(404, "DELETE", api.path(made), if_match="*")


def test_nobody_s_change_is_lost(api):
    made = api.add(host="race.test")
    tag = api.tag(made)
    assert not tag.startswith("W/")
    first = api("PATCH", api.path(made), {"config": {"force_www": True}}, tag)
    assert first.status == 200
    assert api.problem(412, "PATCH", api.path(made), {"config": {"force_www": False}}, tag)["current"] == first.field("etag")
    assert api.problem(412, "DELETE", api.path(made), if_match=tag)
    assert api.problem(412, "DELETE", api.path(made), if_match="W/" + first.field("etag"))
    for method in ("PATCH", "DELETE"):
        assert api.problem(428, method, api.path(made), {})["field"] == "If-Match"
        api.problem(400, method, api.path(made), {}, "no quotes")
    assert api("GET", api.path(made)).json()["config"]["force_www"] is True
    assert api("PATCH", api.path(made), {}, first.field("etag")).field("etag") == first.field("etag")
    assert api("DELETE", api.path(made), if_match=f'"other", {first.field("etag")}').status == 204


def test_merge_patch(api):
    made = api.add(host="merge.test", config={"cache_ttl": 60, "custom_headers": {"X-A": "1", "X-B": "2"}},
                   white_label={"brand_name": "Bread", "brand_colors": {"primary": "#111", "secondary": "#222"}})
    changed = api("PATCH", api.path(made), {
        "config": {"cache_ttl": None, "custom_headers": {"X-A": None, "X-C": "3"}, "force_www": False},
        "white_label": {"brand_colors": {"primary": None}}}, "*").json()
    assert changed["config"] == {"redirect_to_https": True, "force_www": False, "cache_ttl": None, "enable_cdn": False, "maintenance": False,
                                 "custom_headers": {"X-B": "2", "X-C": "3"}}
    assert changed["white_label"]["brand_colors"] == {"primary": None, "secondary": "#222"}
    assert changed["white_label"]["brand_name"] == "Bread"
    emptied = api("PATCH", api.path(made), {"white_label": None}, "*").json()
    assert emptied["white_label"]["brand_name"] is None and emptied["config"] == changed["config"]


def test_moving_to_another_installation(api):
    made = api.add(host="mover.test")
    other = api.add(host="other-owner.test")
    moved = api("PATCH", api.path(made), {"installation": other["installation"]}, "*").json()
    assert moved["agency"] == other["agency"] != made["agency"]
    nobody = "11111111-2222-4333-8444-555555555555"
    assert api.problem(422, "PATCH", api.path(made), {"installation": nobody}, "*")["field"] == "installation"


@pytest.mark.parametrize("body, field", [
    ({"host": "a..b"}, "host"), ({"host": "192.0.2.1"}, "host"), ({"host": "shop.test:80"}, "host"), ({}, "host"),
    ({"host": 7}, "host"), ({"host": "shop"}, "host"), ({"host": "f.test", "hots": 1}, "hots"),
    ({"host": "f.test", "id": "x"}, "id"), ({"host": "f.test", "status": "on"}, "status"),
    ({"host": "f.test", "agency": "two words"}, "agency"), ({"host": "f.test", "config": []}, "config"),
    ({"host": "f.test", "config": {"force_www": "yes"}}, "config.force_www"),
    ({"host": "f.test", "config": {"cache_ttl": -1}}, "config.cache_ttl"),
    ({"host": "f.test", "config": {"custom_headers": {"Set-Cookie": "a"}}}, "config.custom_headers"),
    ({"host": "f.test", "config": {"redirect": True}}, "config.redirect"),
    ({"host": "f.test", "white_label": {"brand_colors": {"primary": 5}}}, "white_label.brand_colors.primary"),
])
def test_what_cannot_be_is_named(api, body, field):
    problem = api.problem(422, "POST", "/v1/domains", body)
    assert problem["field"] == field and len(problem["detail"]) > 20, problem


def test_malformed_bodies_and_bounds(api, running):
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 200, b'{"host": "f.test", "config": ' + b'{"a":' * 30 + b"1" + b"}" * 31):
        api.problem(400, "POST", "/v1/domains", body)
    api.problem(413, "POST", "/v1/domains", b" " * (256 * 1024 + 1))
    assert api.problem(422, "POST", "/v1/domains:batch", {"domains": [{}] * 1001})["field"] == "domains"
    for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("cursor=!", "cursor"),
                         ("cursor=ZDk6eA", "cursor"), ("agency=a&agency=b", "agency"), ("nothing=1", "nothing"),
                         ("host=a..b", "host"), ("contains=%ff", "contains"), ("source=disk", "source")):
        assert api.problem(400, "GET", "/v1/domains?" + query)["field"] == field, query
    assert running.admin.call("/v1/domains", "PUT").status == 405


def test_names_that_are_taken(api):
    made = api.add(host="taken.test", agency=directory.row_id("agency", "taken"))
    assert api.add(200, host="taken.test") == made
    assert api.problem(409, "POST", "/v1/domains", {"host": "www.taken.test"})["existing"] == made["id"]
    problem = api.problem(409, "POST", "/v1/domains", {"host": "taken.test", "agency": directory.row_id("agency", "else")})
    assert problem["existing"] == made["id"] and "agency" in problem["detail"]
    assert api.problem(409, "POST", "/v1/domains", {"host": "settled.test"})["existing"] == "settings:settled.test"


def test_tenants_are_found_or_made(api):
    first = api.add(host="one.tenant.test")
    second = api.add(host="two.tenant.test", site=first["site"])
    assert {k: second[k] for k in ("site", "client", "agency")} == {k: first[k] for k in ("site", "client", "agency")}
    assert second["installation"] != first["installation"]
    third = api.add(host="three.tenant.test", site=first["site"], module=first["module"])
    assert third["installation"] == first["installation"]
    assert api.problem(422, "POST", "/v1/domains", {"host": "four.tenant.test", "installation": first["installation"],
                                                    "agency": directory.row_id("agency", "x")})["field"] == "agency"


def test_pages_filters_and_sources(api):
    made = [api.add(host=f"n{i}.pages.test", status="pending" if i % 2 else "active") for i in range(7)]
    tenant = made[0]
    seen, target = [], "/v1/domains?limit=3"
    while target:
        page = api("GET", target).json()
        assert len(page["domains"]) <= 3
        seen += page["domains"]
        target = page["next"] and f"/v1/domains?limit=3&cursor={page['next']}"
    assert seen[0]["id"] == "settings:settled.test" and seen[0]["state"] == "serving"
    assert len({d["id"] for d in seen}) == len(seen) and {d["id"] for d in made} <= {d["id"] for d in seen}
    def hosts(query):
        return {d["host"] for d in api("GET", "/v1/domains?" + query).json()["domains"]}
    assert hosts("contains=PAGES") == {d["host"] for d in made}
    assert hosts("contains=pages&status=pending") == {f"n{i}.pages.test" for i in (1, 3, 5)}
    assert hosts("prefix=N3.") == {"n3.pages.test"}
    assert hosts("host=N3.Pages.test") == {"n3.pages.test"}
    assert hosts("source=settings") == {"settled.test"}
    for key in ("agency", "client", "site", "installation"):
        assert hosts(f"{key}={tenant[key]}&kind=module_domain") == {"n0.pages.test"}, key
        assert hosts(f"{key}=nobody") == set()
    sites = api("GET", "/v1/domains?kind=redirect").json()["domains"]
    assert sites == []
    assert api("GET", "/v1/domains/settings:settled.test").json() == seen[0]
    assert "marquee.yaml" in api.problem(409, "PATCH", "/v1/domains/settings:settled.test", {}, "*")["detail"]


def test_a_batch_writes_what_it_can(api, running):
    drafts = [{"host": "b1.batch.test", "config": PLAIN}, {"host": "b..2"}, {"host": "b3.batch.test"}, 7,
              {"host": "b1.batch.test", "config": PLAIN}, {"host": "www.b3.batch.test"}, {"host": "settled.test"},
              {"host": "b8.batch.test", "site": directory.row_id("site", "b"), "client": directory.row_id("client", "b")},
              {"host": "b9.batch.test", "site": directory.row_id("site", "b"), "client": directory.row_id("client", "c")}]
    got = api("POST", "/v1/domains:batch", {"domains": drafts}).json()
    assert [r["result"] for r in got["results"]] == ["created", "error", "created", "error", "unchanged", "error", "error", "created", "error"]
    assert (got["created"], got["unchanged"], got["failed"]) == (3, 1, 5)
    assert [r["problem"]["status"] for r in got["results"] if r["result"] == "error"] == [422, 422, 409, 409, 422]
    assert got["results"][8]["problem"]["field"] == "client"
    answers(running, "b1.batch.test", 200)
    again = api("POST", "/v1/domains:batch", {"domains": [drafts[0], drafts[2], drafts[7]]}).json()
    assert (again["created"], again["unchanged"], again["failed"]) == (0, 3, 0)


def test_an_import_leaves_what_is_known_of_others_alone(api, running, tmp_path):
    def told(name="changes"):
        return running.admin.metrics().sum(f"marquee_directory_{name}_total")

    def rise(before, by):
        eventually(lambda: told() >= before + by, 10, "the feed")

    api.add(host="known.test", config=PLAIN)
    eventually(lambda: running.admin.metrics().sum("marquee_directory_generation") == running.newest(), 10, "all that was changed")
    answers(running, "known.test", 200)
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"host": f"n{i}.many.test"}) + "\n" for i in range(2500)), encoding="ascii")
    before, lookups = told(), told("lookups")
    done = subprocess.run([BINARY, "domains", "import", "--batch", "1000", str(file), "--socket", running.admin.path],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and "2500 added" in done.stdout and "statistics" not in done.stderr, done
    rise(before, 5 * 2500)  # each is told by name
    answers(running, "known.test", 200)
    assert told("lookups") == lookups
    answers(running, "n2499.many.test", 200)


def test_flush_and_explain(api, running):
    url = "/v1/explain?url=" + urllib.parse.quote("http://explained.test/x?y=1", safe="")
    assert api("GET", url).json()["directory"]["answer"] == "asked"
    got = api("GET", url).json()
    assert got["directory"]["answer"] == "negative" and not got["reaches_upstream"], got
    made = api.add(host="explained.test", config=PLAIN)
    answers(running, "explained.test", 200)
    got = api("GET", url).json()
    assert got["reaches_upstream"] and got["directory"]["answer"] == "fresh" and got["directory"]["generation"] > 0, got
    assert 0 <= got["directory"]["age_ms"] < 60_000
    assert api("POST", "/v1/cache/flush", {"host": "Explained.test"}).json() == {"host": "explained.test", "flushed": True}
    assert api("GET", url).json()["directory"]["answer"] in ("asked", "fresh")
    api("PATCH", api.path(made), {"status": "pending"}, "*")
    eventually(lambda: not api("GET", url).json()["reaches_upstream"], 5, "not live")
    assert any("pending" in s["result"] for s in api("GET", url).json()["steps"])
    settled = api("GET", "/v1/explain?url=http%3A%2F%2Fsettled.test%2F").json()
    assert settled["directory"] is None and settled["reaches_upstream"]
    api.problem(400, "GET", "/v1/explain")
    api.problem(422, "POST", "/v1/cache/flush", {"host": "a..b"})


def test_a_page_is_bounded_in_bytes(api):
    css = "a{}" + " " * 32_000
    for batch in range(6):
        got = api("POST", "/v1/domains:batch", {"domains": [
            {"host": f"n{batch}-{i}.wide.test", "white_label": {"custom_css": css}} for i in range(50)]}).json()
        assert got["created"] == 50, got
    seen, cursor, pages = set(), "", 0
    while cursor is not None:
        answer = api("GET", "/v1/domains?source=directory&limit=1000&contains=wide.test" + (cursor and f"&cursor={cursor}"))
        assert answer.status == 200 and len(answer.body) < 8 * 1024 * 1024 + 100_000
        page = answer.json()
        hosts = {d["host"] for d in page["domains"]}
        assert hosts and not hosts & seen
        seen |= hosts
        cursor = page["next"]
        pages += 1
    assert len(seen) == 300 and pages == 2


SECRET = "do-not-show-this"


def test_keys_and_tokens_are_never_shown(origin):
    import sqlite3
    with node(origin, {"kind": "sqlite", **WAYS}) as proxy:
        eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
        api = Api(proxy)
        made = api.add(host="secret.test")
        with sqlite3.connect(proxy.folder / "state/directory.sqlite", timeout=10) as database:
            database.execute("UPDATE module_custom_domains SET ssl_certificate = ?, ssl_private_key_encrypted = ?,"
                             " verification_token = ?, verification_value = ?", (SECRET,) * 4)
        for answer in (api("GET", api.path(made)), api("GET", "/v1/domains"), api("GET", "/v1/domains?host=secret.test"),
                       api("PATCH", api.path(made), {"status": "disabled"}, "*"),
                       api("GET", "/v1/explain?url=http%3A%2F%2Fsecret.test%2F")):
            assert answer.status == 200 and SECRET.encode() not in answer.body


def test_without_a_directory_the_settings_have_them(origin):
    with Marquee(origin) as proxy:
        api = Api(proxy)
        assert [d["host"] for d in api("GET", "/v1/domains").json()["domains"]] == ["bakery.test"]
        for method, target in (("POST", "/v1/domains"), ("POST", "/v1/domains:batch"), ("DELETE", "/v1/domains/x")):
            body = {"domains": []} if "batch" in target else {"host": "new.test"}
            problem = api.problem(409, method, target, body, "*")
            assert "marquee.yaml" in problem["detail"] and "directory.kind" in problem["detail"]
        assert api("POST", "/v1/cache/flush", {"host": "bakery.test"}).json()["flushed"] is False


@pytest.mark.skipif(binaries() is None, reason="no PostgreSQL")
def test_on_the_platform_s_schema_the_role_s_rights_are_told(origin):
    import pathlib
    platform = (pathlib.Path(__file__).parent / "harness/platform_schema.sql").read_text(encoding="ascii")
    with Postgres() as server:
        owner = server.create("platform")
        server.sql(platform, "platform")
        server.sql(directory.tenant("flour") + directory.module_domain("shop.test", "flour"), "platform")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "platform")
        settings = {"kind": "postgres", "url": server.url("platform", "marquee_edge"), "trust_directory_status": True, **WAYS}
        with node(origin, settings) as proxy:
            api = Api(proxy)
            eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
            installation = directory.row_id("installation", "flour")
            problem = api.problem(403, "POST", "/v1/domains", {"host": "new.test", "installation": installation})
            assert "marquee_edge" in problem["detail"] and "GRANT" in problem["detail"]
            shop = api("GET", "/v1/domains?host=shop.test").json()["domains"][0]
            api.problem(403, "DELETE", api.path(shop), if_match="*")
            api.problem(403, "PATCH", api.path(shop), {"config": {"force_www": True}}, "*")
            # Its state it may write: that is what the role is for.
            assert api("PATCH", api.path(shop), {"status": "disabled"}, "*").json()["status"] == "disabled"
            answers(proxy, "shop.test", 503)
            # A right without a policy: the command sees no row.
            server.sql("GRANT DELETE ON module_custom_domains TO marquee_edge;"
                       "GRANT USAGE ON SCHEMA auth TO marquee_edge", "platform")
            problem = api.problem(403, "DELETE", api.path(shop), if_match="*")
            assert "Row-level security" in problem["detail"], problem
        # As the owner, whom row-level security does not hold.
        with node(origin, {**settings, "url": owner}) as proxy:
            api = Api(proxy)
            api.add(host="new.test", installation=installation, config=PLAIN)
            answers(proxy, "new.test", 200, 5)
            assert api.problem(422, "POST", "/v1/domains", {"host": "*.new.test", "installation": installation})["field"] == "host"
            assert api.problem(422, "POST", "/v1/domains", {"host": "x.test", "site": "not-a-uuid"})["field"] == "site"
            got = api("POST", "/v1/domains:batch", {"domains": [
                {"host": "ok.test", "installation": installation}, {"host": "*.bad.test", "installation": installation}]}).json()
            assert [r["result"] for r in got["results"]] == ["created", "error"]


def test_another_node_answers_within_a_second(origin):
    with node(origin, {"kind": "sqlite", **WAYS}) as first:
        eventually(lambda: first.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
        shared = {"kind": "sqlite", "path": str(first.folder / "state/directory.sqlite"), **WAYS}
        with node(origin, shared, workers=3) as second:
            eventually(lambda: second.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
            with second.plain() as client:
                assert client.get("/", "far.test").status == 404
            api = Api(first)
            made = api.add(host="far.test", config=PLAIN)
            answers(second, "far.test", 200)
            api("DELETE", api.path(made), if_match="*")
            answers(second, "far.test", 404)


def test_a_database_that_is_down_is_told(origin):
    with node(origin, {"kind": "postgres", "url": "postgresql://nobody@127.0.0.1:1/none?sslmode=disable",
                       "trust_directory_status": True, **WAYS}) as proxy:
        api = Api(proxy)
        for method, target, body in (("GET", "/v1/domains", None), ("POST", "/v1/domains", {"host": "new.test"})):
            answer = api(method, target, body)
            assert answer.status == 503 and answer.field("retry-after"), (method, answer.body)


def test_what_is_described_is_served(api, running):
    """The other way round stands in the unit tests, which see the table of routes."""
    for method, path in sorted(api.description.operations()):
        if path == "/v1/reload":
            continue
        answer = running.admin.call(path.replace("{id}", "x"), method, b"")
        assert answer.status != 405 and b"openapi.json" not in answer.body[:200], (method, path, answer.body[:200])


def test_the_validator_can_fail(api):
    domain = api("GET", "/v1/domains").json()["domains"][0]
    schema = {"$ref": "#/components/schemas/Domain"}
    api.description.check(domain, schema, "domain")
    for key, value in (("status", "on"), ("proven", 1), ("faults", [1]), ("key", "x"), ("config", {})):
        with pytest.raises(Mismatch):
            api.description.check({**domain, key: value}, schema, "domain")
    with pytest.raises(Mismatch):
        api.description.check({k: v for k, v in domain.items() if k != "id"}, schema, "domain")
