"""Proofs that workers remember, and are told to forget: POST /v1/access:forget and
`marquee access forget`."""
import contextlib
import hashlib
import json
import sqlite3
import subprocess
import threading

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.auth_server import AuthServer, Gate, answer
from harness.marquee import BINARY
from harness.openapi import Description
from harness.pki import Authority
from harness.postgres import Postgres, binaries
from harness.tokens import KeyServer, SigningKey, claims, hs256
from harness.yaml import Text

SHOP = Domain("shop.test", agency_name="flour")
RULES = [{"paths": ["/admin"], "accept": ["forward:sso"]}]
SSO = {"upstream": "sso", "path": "/verify", "copy_to_upstream": ["Remote-User"], "user_field": "Remote-User",
       "request_fields": ["Authorization", "Cookie", "X-Api-Key"], "ttl": Text("60s")}
TOKEN = hs256("a-secret-of-somebody-else-0123456789", claims())
ALLOWED = answer(200, [("Remote-User", "alice")])
DENIED = answer(401)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Revoker:
    """The handler of a server that lets pass until it is told not to."""

    def __init__(self):
        self.revoked = False

    def __call__(self, connection):
        connection.read_body()
        connection.send(DENIED if self.revoked else ALLOWED)


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as running:
        yield running


@pytest.fixture(scope="module")
def server():
    with AuthServer() as running:
        yield running
        assert not running.errors


@pytest.fixture
def revoker(server):
    handler = Revoker()
    with server.answering(handler):
        yield handler


def serve(origin, server, workers=1, rules=None, tokens=None, **more):
    pools = [Upstream("main", [origin.endpoint]), Upstream("sso", [server.endpoint])]
    access = {"rules": rules, "tokens": tokens} if rules else {"rules": RULES, "forward": {"sso": SSO}}
    return Marquee(**{"domains": [SHOP], **more}, upstreams=pools, access=access, workers=workers)


def ask(proxy, fields=(), target="/admin/x"):
    with proxy.plain() as client:
        return client.get(target, "shop.test", fields=list(fields)).status


def post(proxy, body):
    """The answer, as the API describes it."""
    got = proxy.admin.call("/v1/access:forget", "POST", json.dumps(body).encode() if not isinstance(body, bytes) else body)
    Description(proxy.admin.call("/v1/openapi.json").body).check_answer("POST", "/v1/access:forget", got)
    return got


def forget(proxy, credential):
    got = post(proxy, {"sha256": digest(credential)})
    assert (got.status, got.json()) == (200, {"forgotten": digest(credential), "nodes": "this"})


def forgets(proxy, result):
    return proxy.metrics().sum("marquee_access_forgets_total", result=result)


BEARER = [("Authorization", f"Bearer {TOKEN}")]
SHOWN = {
    "token": (BEARER, "/admin/x", TOKEN),
    "spaces": ([("Authorization", f"bearer   {TOKEN}")], "/admin/x", TOKEN),
    "whole_field": (BEARER, "/admin/x", f"Bearer {TOKEN}"),
    "basic": ([("Authorization", "Basic YTpi")], "/admin/x", "YTpi"),
    "cookie": ([("Cookie", "theme=dark; sid=s-alice==; x=y")], "/admin/x", "s-alice=="),
    "quoted_cookie": ([("Cookie", 'sid="s-alice"')], "/admin/x", "s-alice"),
    "other_field": ([("X-Api-Key", "k-123")], "/admin/x", "k-123"),
    "query": ([], "/admin/x?a=1&ticket=t-99", "t-99"),
    "far_down": ([("Cookie", "; ".join(f"c{i}={i}" for i in range(100)) + "; sid=s-alice")], "/admin/x", "s-alice"),
}


@pytest.mark.parametrize("fields,target,credential", SHOWN.values(), ids=SHOWN.keys())
def test_a_revoked_credential_is_refused_at_once(origin, server, revoker, fields, target, credential):
    with serve(origin, server) as proxy:
        assert ask(proxy, fields, target) == 200
        revoker.revoked = True
        asked = server.mark()
        assert ask(proxy, fields, target) == 200, "it is remembered"
        assert server.mark() == asked
        forget(proxy, credential)
        assert ask(proxy, fields, target) == 401
        assert server.mark() == asked + 1


def test_others_stay(origin, server, revoker):
    mine, other = [("Cookie", "a=b; sid=s-alice")], [("Cookie", "a=c; sid=s-bob")]
    with serve(origin, server) as proxy:
        for fields in (mine, other):
            for target in ("/admin/x", "/admin/y"):
                assert ask(proxy, fields, target) == 200
        asked = server.mark()
        revoker.revoked = True
        forget(proxy, "s-alice")
        for target in ("/admin/x", "/admin/y"):
            assert ask(proxy, other, target) == 200
        assert server.mark() == asked
        for target in ("/admin/x", "/admin/y"):
            assert ask(proxy, mine, target) == 401, "of every path"
        assert forgets(proxy, "this_node") == 1


def test_every_worker_forgets(origin, server, revoker):
    with serve(origin, server, workers=2) as proxy:
        since = server.mark()
        # The kernel spreads connections: in the end both have asked, and remember.
        assert eventually(lambda: ask(proxy, BEARER) == 200 and server.mark() == since + 2)
        revoker.revoked = True
        forget(proxy, TOKEN)
        assert {ask(proxy, BEARER) for _ in range(30)} == {401}


def test_all(origin, server, revoker):
    cookies = [[("Cookie", f"sid=s-{i}")] for i in range(5)]
    with serve(origin, server) as proxy:
        assert {ask(proxy, cookie) for cookie in cookies} == {200}
        revoker.revoked = True
        assert {ask(proxy, cookie) for cookie in cookies} == {200}
        got = post(proxy, {"all": True})
        assert (got.status, got.json()) == (200, {"forgotten": "all", "nodes": "this"})
        assert {ask(proxy, cookie) for cookie in cookies} == {401}


@pytest.mark.parametrize("what", [{"all": True}, {"sha256": digest(TOKEN)}], ids=["all", "one"])
def test_an_answer_from_before_is_not_remembered_and_nobody_joins_it(origin, server, what):
    late = Gate(ALLOWED)
    statuses = []
    with serve(origin, server) as proxy:
        since = server.mark()
        with server.answering(late):
            first = threading.Thread(target=lambda: statuses.append(ask(proxy, BEARER)))
            first.start()
            server.wait_requests(1, since)
        denied = Revoker()
        denied.revoked = True
        with server.answering(denied):
            assert post(proxy, what).status == 200
            assert ask(proxy, BEARER) == 401, "it did not wait for the first one's answer"
            late.go.set()
            first.join(20)
            assert statuses == [200], "asked before, answered before"
            assert ask(proxy, BEARER) == 401, "that answer was not remembered"
        assert server.mark() == since + 3


def test_a_signing_key_that_was_taken_back(origin, server, tmp_path):
    key_server = KeyServer(tmp_path / "ca")
    old, new = SigningKey(tmp_path, "old"), SigningKey(tmp_path, "new")
    key_server.keys = [old.jwk, new.jwk]
    good = claims(site_id=SHOP.site)
    shown = {key: [("Authorization", f"Bearer {key.token(good)}")] for key in (old, new)}
    tokens = {"refetch": Text("1s"), "refresh": Text("1h"),
              "issuers": {"id": {"jwks_url": key_server.url, "ca_file": str(key_server.ca.cert)}}}
    with contextlib.closing(key_server), \
            serve(origin, server, rules=[{"paths": ["/admin"], "accept": ["jwt"]}], tokens=tokens) as proxy:
        for fields in shown.values():
            eventually(lambda: ask(proxy, fields) == 200)
        asked = key_server.asked
        key_server.keys = [new.jwk]
        forget(proxy, shown[old][0][1].removeprefix("Bearer "))
        assert ask(proxy, shown[old]) == 200, "a token that is good by itself is good again"
        assert key_server.asked == asked
        assert post(proxy, {"all": True}).status == 200
        eventually(lambda: ask(proxy, shown[old]) == 401)
        assert ask(proxy, shown[new]) == 200
        # However often it is asked for.
        asked = key_server.asked
        for _ in range(20):
            assert post(proxy, {"all": True}).status == 200
        assert key_server.asked <= asked + 1


def test_what_is_no_wish_is_refused_and_not_repeated(origin, server, revoker):
    with serve(origin, server) as proxy:
        assert ask(proxy, BEARER) == 200
        revoker.revoked = True
        for body in (b"", b"x", b"[]", {}, {"credential": TOKEN}, {"sha256": TOKEN}, {"sha256": digest(TOKEN)[1:]},
                     {"sha256": digest(TOKEN), "all": True}, {"sha256": digest(TOKEN), "more": 1}, {"all": False}, {"all": 1},
                     {"sha256": 1}, {"sha256": None}):
            got = post(proxy, body)
            assert got.status == 422 and "sha256" in got.json()["detail"]
            assert TOKEN not in got.body.decode()
        assert proxy.admin.call("/v1/access:forget").status == 405
        assert ask(proxy, BEARER) == 200, "nothing was forgotten"
        assert post(proxy, {"sha256": digest(TOKEN).upper()}).status == 200
        assert ask(proxy, BEARER) == 401
        log = proxy.stderr()
        assert "remembered proofs" in log and digest(TOKEN) not in log and TOKEN not in log


# The command

def command(proxy, *arguments, given=None):
    return subprocess.run([str(BINARY), "access", "forget", *arguments, "--socket", proxy.admin.path],
                          capture_output=True, text=True, input=given, timeout=30)


@pytest.mark.parametrize("arguments,given", [
    (["-"], TOKEN), (["-"], f"Bearer {TOKEN}\r\n"), (["-"], f"{TOKEN}\n"), (["--sha256", digest(TOKEN)], None), (["--all"], None)],
    ids=["input", "bearer", "line", "sha256", "all"])
def test_the_command(origin, server, revoker, arguments, given):
    with serve(origin, server) as proxy:
        assert ask(proxy, BEARER) == 200
        revoker.revoked = True
        assert ask(proxy, BEARER) == 200
        done = command(proxy, *arguments, given=given)
        assert (done.returncode, done.stderr) == (0, "") and "forgotten by this node" in done.stdout
        assert ask(proxy, BEARER) == 401
        told = json.loads(command(proxy, *arguments, "--json", given=given).stdout)
        assert told == {"forgotten": "all" if arguments == ["--all"] else digest(TOKEN), "nodes": "this"}


@pytest.mark.parametrize("arguments,given,word", [
    ([], None, "--all"), (["--all", "-"], "x", "--all"), (["--sha256", "12"], None, "64 hex digits"), (["-"], "", "standard input"),
    (["-"], "\n", "standard input"), (["-"], "x" * 70_000, "64 KiB"), ([TOKEN], None, "standard input")],
    ids=["nothing", "two", "short", "empty", "empty_line", "too_long", "in_the_arguments"])
def test_a_command_that_makes_no_sense(origin, server, revoker, arguments, given, word):
    with serve(origin, server) as proxy:
        assert ask(proxy, BEARER) == 200
        done = command(proxy, *arguments, given=given)
        assert done.returncode == 2 and word in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert forgets(proxy, "this_node") == 0


# Many nodes

def sqlite_nodes(origin, server, stack):
    def node(path=None):
        kind = {"kind": "sqlite", "poll_interval": Text("20ms"), **({"path": str(path)} if path else {})}
        return stack.enter_context(serve(origin, server, domains=[], listeners=[Listener("127.0.0.1:0", "http")],
                                         directory={**kind, "modules": {"upstream": "main"}}))
    first = node()
    file = first.folder / "state" / "directory.sqlite"
    eventually(file.exists, 10, "the directory's file")
    eventually(lambda: ask(first, target="/") == 404, 10, "an open directory")
    with sqlite3.connect(file, timeout=10) as db:
        db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + directory.tenant("flour")
                         + directory.module_domain("shop.test", "flour") + "COMMIT;")
    db.close()
    return [first, node(file)]


def postgres_nodes(origin, server, stack, role="marquee_edge", run=""):
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    database = stack.enter_context(Postgres())
    owner = database.create("forgetting")
    subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
    database.sql(directory.tenant("flour") + directory.module_domain("shop.test", "flour")
                 + "ALTER ROLE marquee_edge PASSWORD 'secret';" + run, "forgetting")
    kind = {"kind": "postgres", "url": database.url("forgetting", role), "trust_directory_status": True}
    return [stack.enter_context(serve(origin, server, domains=[], listeners=[Listener("127.0.0.1:0", "http")],
                                      directory={**kind, "modules": {"upstream": "main"}})) for _ in range(2)]


@pytest.mark.parametrize("nodes", [sqlite_nodes, postgres_nodes], ids=["sqlite", "postgres"])
def test_a_directory_tells_all_nodes(origin, server, nodes):
    with contextlib.ExitStack() as stack:
        one, two = nodes(origin, server, stack)
        for what in ({"sha256": digest(TOKEN)}, {"all": True}):
            revoker = Revoker()
            with server.answering(revoker):
                for node in (one, two):
                    eventually(lambda node=node: node.metrics().sum("marquee_directory_feed_live") == 1, 10, "a live feed")
                    eventually(lambda node=node: ask(node, BEARER) == 200, 10, "the domain")
                revoker.revoked = True
                assert ask(one, BEARER) == 200 and ask(two, BEARER) == 200
                got = post(one, what)
                assert got.status == 200 and got.json()["nodes"] == "all"
                assert ask(one, BEARER) == 401
                eventually(lambda: ask(two, BEARER) == 401, 2, "the other node")
        assert forgets(one, "all_nodes") == 2 and forgets(two, "all_nodes") == 0
        done = command(two, "--all")
        assert done.returncode == 0 and "all nodes" in done.stdout


def test_a_role_that_may_not_tell_others_is_said(origin, server, revoker):
    with contextlib.ExitStack() as stack:
        one, _ = postgres_nodes(origin, server, stack, run="REVOKE INSERT ON marquee.changes FROM marquee_edge;")
        eventually(lambda: ask(one, BEARER) == 200, 10, "the domain")
        revoker.revoked = True
        assert ask(one, BEARER) == 200
        got = post(one, {"sha256": digest(TOKEN)})
        assert got.status == 403 and "marquee.changes" in got.json()["detail"]
        assert "on this node" in got.json()["detail"]
        assert ask(one, BEARER) == 401, "here it was forgotten"
        done = command(one, "--all")
        assert done.returncode == 1 and "other nodes could not be told" in done.stderr
        assert forgets(one, "not_told") == 2


def test_a_stored_key_whose_table_tells_nothing(origin, server):
    """Without the triggers a revoked row is not heard of; forgetting looks again."""
    key = "dmc_live_" + "0" * 64
    fields = [("X-Api-Key", key)]
    access = {"rules": [{"paths": ["/admin"], "accept": ["api_key"]}], "ttl": Text("60s")}
    with Marquee(origin, domains=[SHOP], access=access, workers=1,
                 directory={"kind": "sqlite", "poll_interval": Text("20ms"), "modules": {"upstream": "main"}}) as proxy:
        file = proxy.folder / "state" / "directory.sqlite"
        eventually(file.exists, 10, "the directory's file")
        eventually(lambda: proxy.metrics().sum("marquee_directory_feed_live") == 1, 10, "a live feed")
        database = sqlite3.connect(file, timeout=10, isolation_level=None)
        with contextlib.closing(database):
            names = [row[0] for row in database.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'module_api_keys'")]
            for name in names:
                database.execute(f'DROP TRIGGER "{name}"')
            database.execute("INSERT INTO module_api_keys (id, module_id, site_id, agency_id, key_prefix, key_hash) "
                             "VALUES ('k', ?, ?, ?, 'dmc_live_000', ?)", (SHOP.module, SHOP.site, SHOP.agency, digest(key)))
            assert names and ask(proxy, fields) == 200
            database.execute("UPDATE module_api_keys SET is_active = 0")
            assert ask(proxy, fields) == 200
            got = post(proxy, {"sha256": digest(key)})
            assert got.json() == {"forgotten": digest(key), "nodes": "all"}
            assert ask(proxy, fields) == 401
