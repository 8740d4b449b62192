"""Copies of the fields by which a server of access.forward says who sends a request:
removed from every request of a client, also on paths that nobody is asked about, in any
spelling, named in Connection, and behind the body. Whoever got one through would be
anybody (Remote-User: admin, "authentication bypass by header smuggling")."""
import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream
from harness.auth_server import AuthServer, answer, reply

NAMES = ["remote-user", "remote-groups", "x-who"]
ALICE = ("Cookie", "sid=s-alice")


@pytest.fixture(scope="module")
def setup():
    with EchoOrigin() as origin, AuthServer() as server:
        access = {"rules": [{"paths": ["/admin"], "accept": ["forward:sso"]}, {"paths": ["/other"], "accept": ["forward:two"]}],
                  "forward": {"sso": {"upstream": "sso", "path": "/verify",
                                      "copy_to_upstream": ["Remote-User", "Remote-Groups", "Authorization"]},
                              "two": {"upstream": "sso", "path": "/two", "user_field": "X-Who"}}}
        pools = [Upstream("main", [origin.endpoint]), Upstream("sso", [server.endpoint])]
        with Marquee(domains=[Domain("bakery.test")], upstreams=pools, access=access) as proxy:
            yield proxy, origin, server
        assert not server.errors


def spellings(name):
    twin = name.replace("-", "_")
    return [name, name.upper(), name.title(), twin, twin.upper(), twin.title()]


def forged(fields):
    return [(n, v) for n, v in fields if "FORGED" in v]


def seen(answer):
    assert answer.status == 200
    return answer.json()["fields"]


@pytest.mark.parametrize("target", ["/", "/admin/x", "/other/x", "/ADMIN/x"])
@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_on_every_path(setup, name, target):
    proxy, _, _ = setup
    fields = [(s, "FORGED") for s in spellings(name) * 2] + [ALICE, ("X-Kept", "1")]
    with proxy.plain() as client:
        got = seen(client.get(target, fields=fields))
    assert not forged(got)
    names = [n.lower() for n, _ in got]
    assert "x-kept" in names
    asked = target.lower().startswith("/admin") and name != "x-who"
    assert [n for n in names if n.replace("_", "-") == name] == ([name] if asked else [])


@pytest.mark.parametrize("target", ["/", "/admin/x"])
def test_over_http_2(setup, target):
    proxy, _, _ = setup
    with proxy.h2() as client:
        fields = [(s, "FORGED") for n in NAMES for s in (n, n.replace("-", "_")) * 2]
        assert not forged(seen(client.get(target, fields=[*fields, ("cookie", ALICE[1])])))


def test_named_in_connection(setup):
    proxy, _, _ = setup
    with proxy.plain() as client:
        got = seen(client.get("/admin/x", fields=[ALICE, ("Connection", "close, remote-user"), ("Remote-User", "FORGED")]))
    assert not forged(got)
    assert ("remote-user", "alice") in [(n.lower(), v) for n, v in got]


@pytest.mark.parametrize("target", ["/", "/admin/x"])
def test_behind_the_body(setup, target):
    proxy, _, _ = setup
    trailers = "".join(f"{s}: FORGED\r\n" for n in NAMES for s in spellings(n))
    with proxy.plain() as client:
        client.send((f"POST {target} HTTP/1.1\r\nHost: bakery.test\r\nCookie: sid=s-alice\r\nTransfer-Encoding: chunked\r\n\r\n"
                     f"5\r\nhello\r\n0\r\n{trailers}X-Kept: 1\r\n\r\n").encode())
        got = client.response()
    assert got.status == 200 and got.json()["body_length"] == 5
    assert not forged(got.json()["trailers"]), got.json()["trailers"]


def test_behind_the_body_over_http_2(setup):
    proxy, _, _ = setup
    with proxy.h2() as client:
        got = client.get("/", method="POST", body=b"hello", trailers=[(n, "FORGED") for n in NAMES] + [("remote_user", "FORGED")])
    assert got.status == 200 and not forged(got.json()["trailers"])


def test_what_the_server_leaves_out_stays_out(setup):
    """An answer without the field does not let the client's own through."""
    proxy, _, server = setup
    with server.answering(reply(answer(200))), proxy.plain() as client:
        got = seen(client.get("/admin/x", fields=[ALICE, ("Remote-User", "FORGED"), ("Authorization", "FORGED"),
                                                  ("authorization", "FORGED")]))
    assert not forged(got)


def test_the_server_itself_is_told_no_lies(setup):
    """What Marquee tells it of the request, and the tenant, the client cannot say."""
    proxy, _, server = setup
    since = server.mark()
    lies = ["X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto", "X_Forwarded_Uri",
            "X-Tenant-Agency-Id", "X-Tenant-Context", "X-Request-Id", "X-Original-URL"]
    with proxy.plain() as client:
        client.get("/admin/x", fields=[ALICE, *[(n, "/FORGED") for n in lies]])
    asked, = server.wait_requests(1, since)
    assert not forged(asked.fields)
    assert asked.field("x-forwarded-uri") == "/admin/x" and asked.field("x-forwarded-for") == "127.0.0.1"


@pytest.mark.parametrize("path", ["/admin%2fx", "/x/..%2fadmin/x", "/%61dmin/x", "/admin;a=b/x", "//admin/x", "/x/../admin/x",
                                  "/.//admin/x", "/adm%2569n/x"])
def test_no_reading_of_a_path_is_a_way_around(setup, path):
    proxy, origin, _ = setup
    at_origin = origin.mark()
    with proxy.plain() as client:
        assert client.get(path).status in (302, 400)
    assert origin.mark() == at_origin
