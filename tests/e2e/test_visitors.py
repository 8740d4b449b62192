"""Who may visit a domain at all: networks and passwords."""
import base64
import time

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream


@pytest.fixture(scope="module")
def guarded():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            trusted_proxies=["127.0.0.0/8"],
            listeners=[Listener("127.0.0.1:0", "http")],
            domains=[Domain("open.test"),
                     Domain("office.test", visitors={"allow": ["203.0.113.0/24", "2001:db8::/32"]}),
                     Domain("banned.test", visitors={"deny": ["203.0.113.128/25"]}),
                     Domain("both.test", visitors={"allow": ["203.0.113.0/24"], "deny": ["203.0.113.7"]})],
            host_classes={"sites": {"base": "sites.test", "upstream": "main",
                                    "visitors": {"allow": ["198.51.100.0/24"]}}}) as proxy:
        yield proxy, origin


@pytest.mark.parametrize("host,client_address,status", [
    ("open.test", "192.0.2.1", 200),
    ("office.test", "203.0.113.0", 200), ("office.test", "203.0.113.255", 200),
    ("office.test", "203.0.114.0", 403), ("office.test", "203.0.112.255", 403),
    ("office.test", "2001:db8:ffff::1", 200), ("office.test", "2001:db9::1", 403),
    ("office.test", "::ffff:203.0.113.9", 200), ("www.office.test", "192.0.2.1", 403),
    ("banned.test", "203.0.113.127", 200), ("banned.test", "203.0.113.128", 403),
    ("both.test", "203.0.113.8", 200), ("both.test", "203.0.113.7", 403),
    ("label.sites.test", "198.51.100.1", 200), ("label.sites.test", "203.0.113.1", 403)])
def test_by_network(guarded, host, client_address, status):
    proxy, origin = guarded
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/", host, fields=[("X-Forwarded-For", client_address)])
    assert answer.status == status
    assert (origin.mark() == before) == (status != 200)


# crypt(3) of "open sesame", at the lowest cost: the tests wait for it.
BCRYPT = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"
SHA512 = "$6$rounds=5000$bakerysalt$akrzt8xXoAXHUf9rvpUwUqy0s9yEluYWvH/AOGXhTf4FLn5zVbmFQ8hJD9VQuO209AeN8TnXhOI301pyqY5e00"


def basic(user, password):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


@pytest.fixture(scope="module")
def preview():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "http")],
            domains=[Domain("open.test"),
                     Domain("preview.test", visitors={"passwords": [f"ann:{BCRYPT}", f"bob:{SHA512}"],
                                                      "realm": "Preview of the bakery"})]) as proxy:
        yield proxy, origin


def test_the_right_password_opens_and_does_not_go_upstream(preview):
    proxy, _ = preview
    for user in ("ann", "bob"):
        for _ in range(3):
            with proxy.plain() as client:
                answer = client.get("/", "preview.test", fields=[basic(user, "open sesame")])
            assert answer.status == 200
            assert "authorization" not in {n.lower() for n, _ in answer.json()["fields"]}


@pytest.mark.parametrize("fields", [
    [], [basic("ann", "wrong")], [basic("eve", "open sesame")], [basic("ann", "")], [basic("", "open sesame")],
    [("Authorization", "Basic")], [("Authorization", "Basic !!!")], [("Authorization", "Bearer abc")],
    [basic("ann", "open sesame"), basic("ann", "open sesame")],
    [("Authorization", "Basic " + base64.b64encode(b"ann").decode())],
    [("Authorization", "Basic " + base64.b64encode(b"ann:open sesame\x00x").decode())],
    [("Authorization", "Basic " + "A" * 4000)]])
def test_anything_else_is_asked_again(preview, fields):
    proxy, origin = preview
    before = origin.mark()
    with proxy.plain() as client:
        answer = client.get("/", "preview.test", fields=fields)
    assert answer.status == 401 and origin.mark() == before
    assert answer.field("www-authenticate") == 'Basic realm="Preview of the bakery", charset="UTF-8"'


def test_other_domains_are_open_and_keep_their_authorization(preview):
    proxy, _ = preview
    with proxy.plain() as client:
        answer = client.get("/", "open.test", fields=[basic("x", "y")])
    assert answer.status == 200 and "authorization" in {n.lower() for n, _ in answer.json()["fields"]}


def test_a_page_costs_one_hash(preview):
    """Fifty requests, each of which would compute for milliseconds."""
    proxy, _ = preview
    with proxy.plain() as client:
        client.get("/", "preview.test", fields=[basic("ann", "open sesame")])
        begun = time.monotonic()
        for i in range(50):
            assert client.get(f"/{i}", "preview.test", fields=[basic("ann", "open sesame")]).status == 200
        assert time.monotonic() - begun < 5


def test_a_flood_of_guesses_does_not_stop_the_others(preview):
    proxy, _ = preview
    clients = [proxy.plain() for _ in range(40)]
    for i, client in enumerate(clients):
        name, value = basic("ann", f"guess {i}")
        client.send(f"GET / HTTP/1.1\r\nHost: preview.test\r\n{name}: {value}\r\n\r\n".encode())
    with proxy.plain() as other:
        assert other.get("/", "open.test").status == 200
        assert other.get("/", "preview.test", fields=[basic("ann", "open sesame")]).status in (200, 503)
    for client in clients:
        assert client.response().status in (401, 503)
        client.close()
