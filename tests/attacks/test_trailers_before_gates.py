"""Fields of a forward server behind a body of no bytes: it has ended, trailers and all,
while its request still waits for the directory or at an earlier gate. A gate that came
later once cleaned the head only, and Remote-User reached the upstream."""
import base64
import sqlite3

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.auth_server import AuthServer, answer, reply

BCRYPT = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"
SSO = {"upstream": "sso", "path": "/verify", "copy_to_upstream": ["Remote-User", "Remote-Groups", "X-Role"],
       "request_fields": ["Cookie", "X-Kind"]}
ACCESS = {"rules": [{"paths": ["/admin"], "accept": ["forward:sso"]}], "forward": {"sso": SSO}}
FORGED = ["Remote-User", "remote_groups", "X-ROLE", "X-Tenant-Site-Id"]
NAMES = [f"n{i}.test" for i in range(6)]
ANN, BOB = (("Authorization", "Basic " + base64.b64encode(f"{user}:open sesame".encode()).decode()) for user in ("ann", "bob"))


@pytest.fixture(scope="module")
def setup():
    domains = [Domain("preview.test", visitors={"passwords": [f"ann:{BCRYPT}", f"bob:{BCRYPT}"], "realm": "x"}),
               Domain("open.test", request_fields={"set": {"X-Plan": "free"}, "remove": ["X-Gone"]})]
    with EchoOrigin() as origin, AuthServer() as server, Marquee(
            domains=domains, upstreams=[Upstream("main", [origin.endpoint]), Upstream("sso", [server.endpoint])],
            listeners=[Listener("127.0.0.1:0", "http"), Listener("127.0.0.1:0", "https")], workers=1,
            directory={"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"}},
            access=ACCESS) as proxy:
        file = proxy.folder / "state/directory.sqlite"
        eventually(file.exists)

        def opened():
            with proxy.plain() as client:
                return client.get("/", "nobody.test").status == 404
        eventually(opened, 10, "an open directory")
        with sqlite3.connect(file, timeout=10) as database:
            database.executescript("PRAGMA foreign_keys = ON; BEGIN;" + "".join(
                directory.tenant(name.split(".")[0]) + directory.module_domain(name, name.split(".")[0])
                for name in ["ready.test", *NAMES]) + "COMMIT;")
        database.close()

        def known():
            with proxy.plain() as client:
                return client.get("/", "ready.test").status == 200
        eventually(known, 5, "the rows")
        yield proxy, server


def post(proxy, host, target="/x", fields=(), trailers=tuple((n, "FORGED") for n in FORGED)):
    lines = "".join(f"{n}: {v}\r\n" for n, v in fields)
    behind = "".join(f"{n}: {v}\r\n" for n, v in [*trailers, ("X-Sum", "1")])
    with proxy.plain() as client:
        client.send((f"POST {target} HTTP/1.1\r\nHost: {host}\r\n{lines}Transfer-Encoding: chunked\r\n\r\n"
                     f"0\r\n{behind}\r\n").encode())
        return client.response()


def check(got):
    assert got.status == 200
    told = got.json()
    assert [(n.lower(), v) for n, v in told["trailers"]] == [("x-sum", "1")]
    assert not [f for f in told["fields"] if f[1] == "FORGED"]


@pytest.mark.parametrize("host", NAMES[:4])
def test_while_the_directory_is_asked(setup, host):
    proxy, _ = setup
    check(post(proxy, host))
    check(post(proxy, host))


def test_while_a_password_is_checked(setup):
    proxy, _ = setup
    check(post(proxy, "preview.test", fields=[ANN]))
    check(post(proxy, "preview.test", fields=[ANN]))


def test_while_a_password_is_checked_over_http_2(setup):
    proxy, _ = setup
    trailers = [*[(n.lower(), "FORGED") for n in FORGED], ("x-sum", "1")]
    with proxy.h2("preview.test") as client:
        for _ in range(2):
            check(client.get("/x", "preview.test", fields=[("authorization", BOB[1])], method="POST", trailers=trailers))


def test_while_the_forward_server_is_asked(setup):
    proxy, server = setup
    with server.answering(reply(answer(200, [("Remote-User", "alice")]))):
        check(post(proxy, NAMES[4], "/admin/x"))
        check(post(proxy, "open.test", "/admin/x"))


def test_what_the_server_judged_is_not_said_again_behind_the_body(setup):
    proxy, server = setup
    with server.answering(reply(answer(200))):
        check(post(proxy, NAMES[5], "/admin/x", [("X-Kind", "good")], [("X-Kind", "FORGED"), ("x_kind", "FORGED")]))


def test_what_the_settings_say(setup):
    proxy, _ = setup
    check(post(proxy, "open.test", trailers=[("X-Plan", "FORGED"), ("x-plan", "FORGED"), ("X-Gone", "FORGED")]))
