"""The fields of upstreams' answers on customers' domains (settings `answers`)."""
import hashlib
import sqlite3

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, directory, eventually


@pytest.fixture(scope="module")
def pair():
    domains = [Domain("bakery.test", path="/module-render/{installation_id}{path}",
                      response_fields={"set": {"Referrer-Policy": "no-referrer"}})]
    with EchoOrigin() as origin, Marquee(
            origin, domains=domains, answers={"domains": "all", "server": "web", "platform_hosts": ["app.platform.test"]}) as proxy:
        yield proxy, origin


def test_fields_and_places(pair):
    proxy, origin = pair
    own = f"/module-render/{proxy.domains[0].installation}"

    def handler(connection):
        connection.read_body()
        connection.send((
            "HTTP/1.1 103 Early Hints\r\nLink: <https://app.platform.test/a.css>; rel=preload\r\n\r\n"
            "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nServer: platform/1\r\nX-Powered-By: Next.js\r\n"
            "Strict-Transport-Security: max-age=9; includeSubDomains\r\n"
            f"Location: https://app.platform.test{own}/next?q=1\r\nContent-Location: {own}/here\r\n"
            f"Refresh: 3; url=https://app.platform.test{own}/later\r\n"
            f"Link: <https://app.platform.test{own}/x>; rel=next\r\n"
            f"Set-Cookie: a=1; Domain=.platform.test; Path={own}\r\nSet-Cookie: b=2; Domain=other.test\r\n\r\n").encode())

    with origin.answering(handler), proxy.plain() as client:
        answer = client.get("/", "bakery.test")
    here = "http://bakery.test"
    assert answer.field("location") == f"{here}/next?q=1" and answer.field("content-location") == "/here"
    assert answer.field("refresh") == f"3; url={here}/later" and answer.field("link") == f"<{here}/x>; rel=next"
    assert answer.all("set-cookie") == ["a=1; Path=/", "b=2; Domain=other.test"]
    assert answer.field("server") == "web" and answer.field("x-content-type-options") == "nosniff"
    assert answer.all("referrer-policy") == ["no-referrer"]
    for name in ("x-powered-by", "strict-transport-security"):
        assert not answer.all(name)
    assert answer.interim[0].field("link") == f"<{here}/a.css>; rel=preload"


def test_a_directory_is_not_needed_for_off(pair):
    _, origin = pair
    with Marquee(origin, domains=[Domain("bakery.test")]) as proxy:
        def handler(connection):
            connection.read_body()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: platform/1\r\nX-Powered-By: Next.js\r\n\r\n")
        with origin.answering(handler), proxy.plain() as client:
            answer = client.get("/", "bakery.test")
        assert answer.field("server") == "platform/1" and answer.field("x-powered-by") == "Next.js"
        assert not answer.all("x-content-type-options")


KEY = "dmc_live_" + "0" * 64
CACHED = '{"redirect_to_https": false, "cache_ttl": 60, "enable_cdn": true}'


def caching(answer):
    return [answer.field(name) for name in ("cache-control", "cdn-cache-control", "surrogate-control")]


def shop(origin, **settings):
    """A node whose directory has shop.test, to be cached for a minute, and a key of its module."""
    return Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
                   trusted_proxies=["127.0.0.0/8"], workers=1,
                   directory={"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}}, **settings)


def fill(proxy):
    file = proxy.folder / "state" / "directory.sqlite"
    eventually(file.exists, 10, "the directory's file")
    ids = {kind: directory.row_id(kind, "flour") for kind in ("module", "site", "agency")}

    def filled():
        try:
            with sqlite3.connect(file, timeout=10) as db:
                db.executescript("BEGIN;" + directory.tenant("flour") + directory.module_domain("shop.test", "flour", config=CACHED)
                                 + "INSERT INTO module_api_keys (id, module_id, site_id, agency_id, key_prefix, key_hash,"
                                 " rate_limit_per_minute, rate_limit_per_day) VALUES ('key-1',"
                                 f" '{ids['module']}', '{ids['site']}', '{ids['agency']}', '{KEY[:12]}',"
                                 f" '{hashlib.sha256(KEY.encode()).hexdigest()}', 1000000, 100000000); COMMIT;")
            return True
        except sqlite3.OperationalError:
            return False
    eventually(filled, 10, "a directory with its tables")


def get(proxy, target="/", fields=()):
    with proxy.plain() as client:
        return client.get(target, "shop.test", fields=[("X-Forwarded-For", "203.0.113.9"), *fields])


def test_shared_caches_keep_only_what_anybody_may_have():
    rules = [{"paths": ["/members"], "accept": ["api_key"]}, {"paths": ["/maybe"], "accept": ["api_key"], "optional": True}]
    with EchoOrigin() as origin, shop(origin, access={"rules": rules}) as proxy:
        fill(proxy)
        key = ("X-Api-Key", KEY)
        eventually(lambda: get(proxy).status == 200, 5, "the domain")
        assert caching(get(proxy)) == ["public, max-age=60", "max-age=60", "max-age=60"]
        assert caching(get(proxy, "/maybe")) == ["public, max-age=60", "max-age=60", "max-age=60"]
        eventually(lambda: get(proxy, "/members", [key]).status == 200, 5, "the key")
        assert get(proxy, "/members").status == 401
        for target, fields in (("/members", [key]), ("/maybe", [key]), ("/", [key]),
                               ("/members", [("Authorization", f"Bearer {KEY}")]), ("/", [("X-Embed-Token", "x")])):
            answer = get(proxy, target, fields)
            assert answer.status == 200 and caching(answer) == [None] * 3, (target, fields)

        def said(fields, status="200 OK"):
            def handler(connection):
                connection.read_body()
                connection.send(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n{fields}\r\n".encode())
            with origin.answering(handler):
                return caching(get(proxy))
        assert said("")[0] == "public, max-age=60"
        assert said("Expires: 0\r\n") == said("Pragma: no-cache\r\n") == [None] * 3
        for status in ("301 Moved Permanently\r\nLocation: /x", "404 Not Found", "410 Gone"):
            assert said("", status) == [None] * 3, status


# crypt(3) of "open sesame", at the lowest cost: the test waits for it.
BCRYPT = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"


@pytest.mark.parametrize("visitors, fields", [
    ({"allow": ["203.0.113.0/24"]}, []), ({"deny": ["198.51.100.0/24"]}, []),
    ({"passwords": [f"ann:{BCRYPT}"]}, [("Authorization", "Basic YW5uOm9wZW4gc2VzYW1l")])],
    ids=["allow", "deny", "passwords"])
def test_nothing_of_a_closed_domain_is_for_shared_caches(visitors, fields):
    with EchoOrigin() as origin, shop(origin, host_classes={"custom": {"visitors": visitors}}) as proxy:
        fill(proxy)
        eventually(lambda: get(proxy, fields=fields).status == 200, 5, "the domain")
        assert caching(get(proxy, fields=fields)) == [None] * 3
