"""Forward authentication: a server of the operator's is asked about each request of a
rule, as by ForwardAuth of Traefik or auth_request of nginx."""
import concurrent.futures
import json
import socket
import threading
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually, reply
from harness.auth_server import LOGIN, AuthServer, Gate, answer
from harness.h2_origin import H2Origin
from harness.tokens import claims, hs256
from harness.yaml import Text

SHOP = Domain("shop.test", agency_name="flour")
CLINIC = Domain("clinic.test", agency_name="health")
SECRET = "a-secret-of-the-platform-0123456789"
RULES = [{"paths": ["/admin"], "open": ["/admin/public"], "accept": ["forward:sso"]},
         {"paths": ["/api"], "accept": ["jwt", "forward:sso"]}]
SSO = {"upstream": "sso", "path": "/verify?x=1", "copy_to_upstream": ["Remote-User", "Remote-Groups"],
       "user_field": "Remote-User", "role_field": "Remote-Role", "timeout": Text("2s")}
ALICE = ("Cookie", "a=b; sid=s-alice")
BOB = ("Cookie", "sid=s-bob")


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as running:
        yield running


@pytest.fixture(scope="module")
def server():
    with AuthServer() as running:
        yield running
        assert not running.errors


def marquee(origin, server, rules=None, workers=1, endpoints=None, upstream=None, trusted_proxies=(), **more):
    pools = [Upstream("main", [origin.endpoint]), Upstream("sso", endpoints or [server.endpoint], **(upstream or {}))]
    access = {"rules": rules or RULES, "forward": {"sso": {**SSO, **more}},
              "tokens": {"issuers": {"platform": {"secret": SECRET}}}}
    return Marquee(domains=[SHOP, CLINIC], upstreams=pools, access=access, workers=workers, trusted_proxies=trusted_proxies)


@pytest.fixture(scope="module")
def proxy(origin, server):
    with marquee(origin, server) as running:
        yield running


def ask(proxy, target="/admin/x", fields=(), host="shop.test", **more):
    with proxy.plain() as client:
        return client.get(target, host, fields=list(fields), **more)


def seen(answer):
    return {n.lower(): v for n, v in answer.json()["fields"]}


def ended(proxy, end):
    return proxy.metrics().sum("marquee_access_forward_requests_total", end=end)


def test_whom_it_knows_passes_with_its_fields(proxy, server):
    since = server.mark()
    got = ask(proxy, "/admin/x?q=1", [ALICE, ("X-Other", "1")], method="POST", body=b"hello")
    assert got.status == 200
    fields = seen(got)
    assert fields["remote-user"] == "alice" and fields["remote-groups"] == "admins,staff"
    assert fields["x-tenant-user-id"] == "alice"
    assert "x-internal" not in fields and fields["x-other"] == "1"
    assert got.json()["body_length"] == 5
    asked, = server.wait_requests(1, since)
    assert (asked.method, asked.target, asked.body) == ("GET", "/verify?x=1", b"")
    told = {n.lower(): v for n, v in asked.fields}
    assert told["x-forwarded-method"] == "POST" and told["x-forwarded-uri"] == "/admin/x?q=1"
    assert told["x-forwarded-host"] == "shop.test" and told["x-forwarded-proto"] == "http"
    assert told["x-forwarded-for"] == "127.0.0.1" and told["cookie"] == ALICE[1]
    assert told["x-tenant-agency-id"] == SHOP.agency and told["x-tenant-context"].count(".") == 2
    assert told["host"] == server.endpoint.removeprefix("http://")
    assert "x-other" not in told and "content-length" not in told
    record = proxy.access.wait(lambda r: r["target"] == "/admin/x?q=1")[-1]
    assert record["user_id"] == "alice"


def test_whom_it_does_not_know_is_sent_to_its_login(proxy, server):
    got = ask(proxy, "/admin/x?next=1")
    assert got.status == 302
    assert got.field("location") == f"{LOGIN}?rd=http://shop.test/admin/x?next=1"
    assert got.field("set-cookie") == "state=1; Path=/"
    assert got.field("content-type") == "text/html" and got.body == b"<a>log in</a>"
    assert got.field("cache-control") == "no-store" and got.field("x-internal") is None
    record = proxy.access.wait(lambda r: r["target"] == "/admin/x?next=1")[-1]
    assert record["refusal"] == "forward_denied" and record["status"] == 302


def test_its_refusal_reaches_the_client(proxy):
    got = ask(proxy, "/admin/secret", [BOB])
    assert (got.status, got.body) == (403, b"not for you")
    assert got.field("x-internal") is None
    assert ask(proxy, "/admin/secret", [BOB], method="HEAD").status == 403
    assert ask(proxy, "/admin/secret", [ALICE]).status == 200
    metrics = proxy.metrics()
    assert metrics.sum("marquee_access_checks_total", proof="forward", result="refused") >= 2
    assert metrics.sum("marquee_access_checks_total", proof="forward", result="granted") >= 1


def test_open_paths_and_others_are_not_asked_about(proxy, server):
    since = server.mark()
    assert ask(proxy, "/admin/public/logo.png").status == 200
    assert ask(proxy, "/").status == 200
    assert server.mark() == since


def test_a_proof_that_is_shown_counts_alone(proxy, server):
    since = server.mark()
    token = hs256(SECRET, claims(site_id=SHOP.site))
    got = ask(proxy, "/api/x", [("Authorization", f"Bearer {token}"), BOB])
    assert got.status == 200 and seen(got)["x-tenant-user-id"] == "user-1"
    assert ask(proxy, "/api/x", [("Authorization", "Bearer wrong"), ALICE]).status == 401
    assert server.mark() == since
    assert seen(ask(proxy, "/api/x", [ALICE]))["x-tenant-user-id"] == "alice"


def test_over_http_2(proxy, server):
    since = server.mark()
    with proxy.h2("shop.test") as client:
        got = client.get("/admin/x", "shop.test", fields=[("cookie", "a=b"), ("cookie", "sid=s-alice")])
        assert got.status == 200 and seen(got)["remote-user"] == "alice"
        assert client.get("/admin/x", "shop.test").status == 302
    asked = server.wait_requests(2, since)[0]
    assert asked.field("cookie") == "a=b; sid=s-alice"
    assert asked.field("x-forwarded-proto") == "https"


def test_connections_are_kept(proxy, server):
    ask(proxy, fields=[ALICE])
    before = len(server.connections)
    for _ in range(20):
        assert ask(proxy, fields=[ALICE]).status == 200
    assert len(server.connections) == before


def test_a_connection_that_died_idle_is_replaced(proxy, server):
    for _ in range(3):
        assert ask(proxy, fields=[ALICE]).status == 200
        server.drop_connections("close")
        assert ask(proxy, fields=[ALICE]).status == 200
        server.drop_connections("reset")


@pytest.mark.parametrize("status", [100, 204, 206, 299])
def test_any_success_passes(proxy, server, status):
    raw = answer(200, [("Remote-User", "x")])
    if status == 100:
        raw = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + raw
    else:
        raw = f"HTTP/1.1 {status} X\r\nRemote-User: x\r\n".encode() + \
            (b"\r\n" if status == 204 else b"Content-Length: 3\r\n\r\nabc")
    with server.answering(reply(raw)):
        assert seen(ask(proxy))["remote-user"] == "x"


GARBAGE = {
    "status_500": answer(500), "status_404": answer(404), "status_400": answer(400), "status_304": b"HTTP/1.1 304 X\r\n\r\n",
    "status_300": answer(300, [("Location", "/")]), "not_http": b"hello\r\n\r\n", "bare_lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "two_lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "switch": b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "endless_head": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000,
    "two_users": answer(200, [("Remote-User", "a"), ("remote-user", "b")]),
    "twin_user": answer(200, [("Remote-User", "a"), ("Remote_User", "b")]),
    "strange_user": answer(200, [("Remote-User", "a b")]),
    "long_user": answer(200, [("Remote-User", "a" * 129)]),
    "much_to_say": answer(200, [("Remote-Groups", "g" * 9000)]),
    "many_locations": answer(302, [("Location", "/x")] * 40),
    "interim_flood": b"HTTP/1.1 103 X\r\n\r\n" * 150 + answer(200),
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
def test_what_is_neither_is_refused(proxy, server, raw):
    since = ended(proxy, "unusable") + ended(proxy, "failed")
    with server.answering(reply(raw, then="close")):
        got = ask(proxy, fields=[ALICE])
    assert got.status == 503
    assert json.loads(got.body)["code"] == "AUTH_UNAVAILABLE" and got.field("retry-after") == "5"
    assert "remote" not in got.body.decode().lower()
    assert ended(proxy, "unusable") + ended(proxy, "failed") == since + 1
    assert ask(proxy, fields=[ALICE]).status == 200
    assert proxy.metrics().sum("marquee_refusals_total", cause="forward_unavailable") >= 1


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nRemote-Us", b"HTTP/1.1 401 X\r\nContent-Length: 10\r\n\r\nabc"])
def test_an_answer_that_breaks_off_is_none(proxy, server, raw, then):
    with server.answering(reply(raw, then=then)):
        assert ask(proxy, fields=[ALICE]).status == 503


def test_an_answer_that_does_not_come(origin, server):
    gate = Gate()
    with marquee(origin, server, timeout=Text("200ms")) as proxy, server.answering(gate):
        begun = time.monotonic()
        assert ask(proxy, fields=[ALICE]).status == 503
        assert time.monotonic() - begun < 5
        assert ended(proxy, "timed_out") == 1
        gate.go.set()
    with marquee(origin, server, timeout=Text("200ms")) as proxy:
        with server.answering(reply(b"HTTP/1.1 403 X\r\nContent-Length: 10\r\n\r\nabc")):
            assert ask(proxy, fields=[ALICE]).status == 503
        assert ask(proxy, fields=[ALICE]).status == 200


def test_a_server_that_is_down(origin):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with marquee(origin, None, endpoints=[endpoint]) as proxy:
        assert ask(proxy, fields=[ALICE]).status == 503
        assert ask(proxy, "/").status == 200
        record = proxy.access.wait(lambda r: r["target"] == "/admin/x")[-1]
        assert record["refusal"] == "forward_unavailable"
        eventually(lambda: "forward authentication is of no use" in proxy.stderr(), 5, "a line in the log")


def test_one_server_of_two_is_down(origin, server):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with marquee(origin, server, endpoints=[endpoint, server.endpoint], upstream={"balance": "round_robin"}) as proxy:
        for _ in range(6):
            assert ask(proxy, fields=[ALICE]).status == 200


def test_bodies_of_refusals_are_bounded(origin, server):
    with marquee(origin, server, body=10) as proxy:
        for framing in (b"Content-Length: 11\r\n\r\n" + b"x" * 11, b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n"):
            with server.answering(reply(b"HTTP/1.1 401 X\r\nWWW-Authenticate: Basic\r\n" + framing)):
                got = ask(proxy)
            assert got.status == 401 and got.field("www-authenticate") == "Basic"
            assert json.loads(got.body)["code"] == "AUTH_REQUIRED"
        with server.answering(reply(b"HTTP/1.1 302 X\r\nLocation: /in\r\n" + framing)):
            got = ask(proxy)
        assert (got.status, got.body) == (302, b"")
        with server.answering(reply(answer(401, [], b"x" * 10))):
            assert ask(proxy).body == b"x" * 10
        # What lets pass has a body of no use, whatever its length.
        with server.answering(reply(answer(200, [("Remote-User", "big")], b"x" * 1_000_000), then="close")):
            assert seen(ask(proxy))["remote-user"] == "big"


def test_cookies_of_an_answer_that_lets_pass(proxy, server, origin):
    server.extra = [("Set-Cookie", "sid=new"), ("Set-Cookie", "b=2")]
    try:
        own = b"HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nContent-Length: 0\r\n\r\n"
        with origin.answering(reply(own)):
            got = ask(proxy, fields=[ALICE])
        assert sorted(got.all("set-cookie")) == ["b=2", "own=1", "sid=new"]
    finally:
        server.extra = []


def test_only_listed_fields_go_either_way(origin, server):
    with marquee(origin, server, request_fields=["X-Key"], copy_to_client=["none"], copy_to_upstream=["Authorization"],
                 user_field="X-User") as proxy:
        with server.answering(reply(answer(200, [("Authorization", "Bearer inner"), ("X-User", "u")]))):
            since = server.mark()
            reached = ask(proxy, fields=[ALICE, ("X-Key", "k"), ("X_Key", "twin"), ("Authorization", "mine")])
            fields = seen(reached)
            assert len(reached.json()["fields"]) == len(fields)  # each once
            asked, = server.wait_requests(1, since)
            assert asked.field("x-key") == "k" and not asked.all("x_key")
            assert not asked.all("cookie") and not asked.all("authorization")
            assert fields["authorization"] == "Bearer inner" and fields["x-tenant-user-id"] == "u"
            assert "x-user" not in fields
        # It is the client's own where nobody was asked.
        assert seen(ask(proxy, "/", [("Authorization", "mine")]))["authorization"] == "mine"
        with server.answering(reply(answer(401, [("WWW-Authenticate", "Basic"), ("Set-Cookie", "a=b")]))):
            got = ask(proxy)
            assert got.status == 401 and got.field("www-authenticate") is None and got.field("set-cookie") is None


def together(count, job):
    out, threads = [], []
    for i in range(count):
        threads.append(threading.Thread(target=lambda i=i: out.append(job(i))))
        threads[-1].start()
    for thread in threads:
        thread.join(30)
    return out


def test_many_at_once(proxy, server):
    def one(i):
        got = ask(proxy, f"/admin/{i}", [ALICE if i % 2 else BOB])
        return got.status == 200 and seen(got)["remote-user"] == ("alice" if i % 2 else "bob")
    assert together(60, one) == [True] * 60


def test_more_than_may_be_asked_at_once_are_refused(origin, server):
    gate = Gate()
    with marquee(origin, server, requests=4) as proxy, server.answering(gate):
        first = []
        waiting = threading.Thread(target=lambda: first.append(ask(proxy, fields=[ALICE])))
        since = server.mark()
        waiting.start()
        server.wait_requests(1, since)
        # A quarter of four is one client network's.
        assert ask(proxy, fields=[ALICE]).status == 503
        assert ended(proxy, "too_many") == 1
        gate.go.set()
        waiting.join(20)
        assert first[0].status == 200
        assert ask(proxy, fields=[ALICE]).status == 200


def test_more_clients_than_may_be_asked_about_at_once(origin, server):
    gate = Gate()
    with marquee(origin, server, requests=4, trusted_proxies=["127.0.0.0/8"]) as proxy, server.answering(gate):
        def of(client):
            return ask(proxy, fields=[ALICE, ("X-Forwarded-For", f"192.0.{client}.1")]).status
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            since = server.mark()
            first = [pool.submit(of, client) for client in range(4)]
            server.wait_requests(4, since)
            assert of(4) == 503
            assert ended(proxy, "too_many") == 1
            gate.go.set()
            assert [f.result() for f in first] == [200] * 4
        assert of(4) == 200


# Remembering

def test_nothing_is_remembered_unless_it_is_asked_for(proxy, server):
    since = server.mark()
    for _ in range(3):
        ask(proxy, fields=[ALICE])
    assert server.mark() == since + 3


def test_a_pass_is_remembered_for_the_same_request_only(origin, server):
    with marquee(origin, server, ttl=Text("60s")) as proxy:
        since = server.mark()
        for _ in range(5):
            got = seen(ask(proxy, "/admin/x?a=1", [ALICE]))
            assert got["remote-user"] == "alice" and got["x-tenant-user-id"] == "alice"
        assert server.mark() == since + 1
        for other in ({"target": "/admin/x"}, {"target": "/admin/x?a=2"}, {"target": "/admin/y?a=1"}, {"method": "DELETE"},
                      {"host": "clinic.test"}, {"fields": [BOB]}, {"fields": [ALICE, ("Authorization", "x")]}):
            before = server.mark()
            assert ask(proxy, **{"target": "/admin/x?a=1", "fields": [ALICE], **other}).status == 200
            assert server.mark() == before + 1, other
        before = server.mark()
        for _ in range(3):
            assert ask(proxy, "/admin/x").status == 302
        assert server.mark() == before + 3, "refusals are not remembered"


def test_it_ends_with_its_time(origin, server):
    with marquee(origin, server, ttl=Text("300ms")) as proxy:
        since = server.mark()
        assert ask(proxy, fields=[ALICE]).status == 200
        server.sessions.pop("s-alice")
        try:
            assert eventually(lambda: ask(proxy, fields=[ALICE]).status == 302, within=5)
        finally:
            server.sessions["s-alice"] = ("alice", "admins,staff")
        assert server.mark() >= since + 2


@pytest.mark.parametrize("extra", [("Cache-Control", "no-store"), ("Cache-Control", "private, max-age=0"), ("Set-Cookie", "a=b"),
                                   ("Cache-Control", 'max-age="60"')])
def test_an_answer_may_say_that_it_is_not_to_be_kept(origin, server, extra):
    with marquee(origin, server, ttl=Text("60s")) as proxy:
        server.extra = [extra]
        try:
            since = server.mark()
            for _ in range(3):
                assert ask(proxy, fields=[ALICE]).status == 200
            assert server.mark() == since + 3
        finally:
            server.extra = []


def test_parts_of_the_key_may_be_left_out(origin, server):
    with marquee(origin, server, ttl=Text("60s"), key=["none"]) as proxy:
        since = server.mark()
        for target in ("/admin/x", "/admin/y?z=1"):
            for method in ("GET", "POST"):
                assert seen(ask(proxy, target, [ALICE], method=method))["remote-user"] == "alice"
        assert server.mark() == since + 1
        assert ask(proxy, fields=[ALICE], host="clinic.test").status == 200
        assert ask(proxy).status == 302
        assert server.mark() == since + 3, "host and credentials are always in it"


def test_the_same_is_asked_once_at_a_time(origin, server):
    gate = Gate()
    with marquee(origin, server, ttl=Text("60s")) as proxy, server.answering(gate):
        since = server.mark()
        out = []
        threads = [threading.Thread(target=lambda: out.append(ask(proxy, fields=[ALICE]).status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 8)
        gate.go.set()
        for thread in threads:
            thread.join(20)
        assert out == [200] * 8 and server.mark() == since + 1


def test_a_refusal_is_for_one_only(origin, server):
    gate = Gate(answer(302, [("Location", "/in"), ("Set-Cookie", "state=once")]))
    with marquee(origin, server, ttl=Text("60s")) as proxy, server.answering(gate):
        since = server.mark()
        out = []
        threads = [threading.Thread(target=lambda: out.append(ask(proxy).status)) for _ in range(5)]
        for thread in threads:
            thread.start()
        eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 5)
        gate.go.set()
        for thread in threads:
            thread.join(20)
        assert out == [302] * 5 and server.mark() == since + 5


# Whoever leaves, and whatever changes, while it is asked

@pytest.mark.parametrize("ttl", ["0s", "60s"])
@pytest.mark.parametrize("over", ["h1", "h2", "post"])
def test_a_client_that_leaves(origin, server, over, ttl):
    gate = Gate()
    with marquee(origin, server, ttl=Text(ttl)) as proxy:
        with server.answering(gate):
            since, at_origin = server.mark(), origin.mark()
            if over == "h2":
                with proxy.h2("shop.test") as client:
                    stream = client.start(target="/admin/x", host="shop.test", fields=[("cookie", "sid=s-alice")])
                    client.flush()
                    server.wait_requests(1, since)
                    client.cancel(stream)
                    client.flush()
                    eventually(lambda: ended(proxy, "given_up") == 1)
            else:
                client = proxy.plain()
                length = "Content-Length: 100\r\n" if over == "post" else ""
                client.send(f"{'POST' if length else 'GET'} /admin/x HTTP/1.1\r\nHost: shop.test\r\n{length}\r\n".encode())
                server.wait_requests(1, since)
                client.reset()
                eventually(lambda: ended(proxy, "given_up") == 1)
            gate.go.set()
        assert ask(proxy, fields=[ALICE]).status == 200
        assert origin.mark() == at_origin + 1


def test_one_of_two_that_wait_for_the_same_leaves(origin, server):
    gate = Gate()
    with marquee(origin, server, ttl=Text("60s")) as proxy, server.answering(gate):
        since = server.mark()
        first = proxy.plain()
        first.send(b"GET /admin/x HTTP/1.1\r\nHost: shop.test\r\nCookie: sid=s-alice\r\n\r\n")
        server.wait_requests(1, since)
        with proxy.plain() as second:
            second.send(b"GET /admin/x HTTP/1.1\r\nHost: shop.test\r\nCookie: sid=s-alice\r\n\r\n")
            eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 2)
            first.reset()
            eventually(lambda: proxy.metrics().sum("marquee_requests_in_flight") == 1)
            gate.go.set()
            got = second.response()
        assert got.status == 200 and seen(got)["remote-user"] == "late"
        assert server.mark() == since + 1


def waiting_request(proxy, server, gate_since, out):
    thread = threading.Thread(target=lambda: out.append(ask(proxy, fields=[ALICE])))
    thread.start()
    server.wait_requests(1, gate_since)
    return thread


def test_a_reload_that_changes_nothing_of_it(origin, server):
    gate = Gate()
    with marquee(origin, server) as proxy, server.answering(gate):
        out, since = [], server.mark()
        thread = waiting_request(proxy, server, since, out)
        proxy.domains.append(Domain("new.test"))
        proxy.reload()
        gate.go.set()
        thread.join(20)
        assert out[0].status == 200 and server.mark() == since + 1
        proxy.wait_one_snapshot()


def test_a_reload_that_asks_another_server(origin, server):
    gate = Gate()
    with AuthServer() as other, marquee(origin, server) as proxy, server.answering(gate):
        out, since = [], server.mark()
        thread = waiting_request(proxy, server, since, out)
        proxy.sections["access"]["forward"]["sso"]["path"] = "/other"
        proxy.upstreams[1].endpoints = [other.endpoint]
        proxy.reload()
        gate.go.set()
        thread.join(20)
        # It runs under the settings that it began with, but for who decides: the pool is
        # the old one's, what it is asked for is the new one's.
        assert server.wait_requests(2, since)[-1].target == "/other"
        assert out[0].status == 200
        assert ask(proxy, fields=[ALICE]).status == 200 and other.mark() == 1
        proxy.wait_one_snapshot()


def test_a_reload_without_the_rule(origin, server):
    gate = Gate(answer(403))
    with marquee(origin, server) as proxy, server.answering(gate):
        out, since = [], server.mark()
        thread = waiting_request(proxy, server, since, out)
        proxy.sections["access"] = {}
        proxy.reload()
        gate.go.set()
        thread.join(20)
        assert out[0].status == 200


def test_a_stop_while_it_is_asked(origin, server):
    gate = Gate()
    with marquee(origin, server) as proxy, server.answering(gate):
        out, since = [], server.mark()
        thread = waiting_request(proxy, server, since, out)
        stopping = threading.Thread(target=proxy.stop)
        stopping.start()
        gate.go.set()
        thread.join(20)
        stopping.join(30)
        assert out[0].status == 200


# Other transports

def test_over_http_2_to_the_server(origin):
    def decide(stream):
        known = "sid=s-alice" in (stream.field("cookie") or "")
        stream.respond(200 if known else 401, b"", [("remote-user", "h2")])
    with H2Origin(decide) as server, marquee(origin, server) as proxy:
        assert seen(ask(proxy, fields=[ALICE]))["remote-user"] == "h2"
        assert ask(proxy).status == 401


def test_over_a_unix_socket(origin, tmp_path):
    with AuthServer(unix_path=tmp_path / "auth.sock") as server, marquee(origin, server) as proxy:
        assert seen(ask(proxy, fields=[ALICE]))["remote-user"] == "alice"
        assert server.requests[-1].field("host") == "localhost"
