"""Domains from PostgreSQL, on the platform's own schema with row-level security:
live at once, and served on while the database is down."""
import pathlib
import subprocess
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually, pki
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.relay import DeafPooler
from harness.settings import seconds

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
PLATFORM = (pathlib.Path(__file__).parent / "harness/platform_schema.sql").read_text(encoding="ascii")


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        yield it


def prepare(server, name, *, attach=True):
    """A platform database with one domain, migrated; returns the edge role's URL."""
    owner = server.create(name)
    server.sql(PLATFORM, name)
    server.sql(directory.tenant("flour", custom_domain="flour.test")
               + directory.module_domain("shop.test", "flour"), name)
    more = [] if attach else ["--no-attach"]
    subprocess.run([BINARY, "db", "migrate", "--url", owner, *more], check=True, capture_output=True, timeout=60)
    if not attach:
        return owner
    server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", name)
    return server.url(name, "marquee_edge")


def node(origin, url, **more):
    return Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
                   directory={"kind": "postgres", "url": url, "timeout": seconds(0.5), "modules": {"upstream": "main"},
                              "sites": {"upstream": "main"}, "trust_directory_status": True, **more})


def status(proxy, host):
    with proxy.plain() as client:
        return client.get("/", host).status


def comes_to(proxy, host, wanted, within=1.0):
    begun = time.monotonic()
    eventually(lambda: status(proxy, host) == wanted, within + 4, f"{wanted} from {host}")
    took = time.monotonic() - begun
    assert took < within, f"{host} took {took:.3f} s to answer {wanted}"


def live(proxy):
    return proxy.admin.metrics().sum("marquee_directory_feed_live") == 1


def test_a_change_is_announced_under_row_level_security(server, origin):
    with node(origin, prepare(server, "announced")) as proxy:
        eventually(lambda: live(proxy), 10, "a live feed")
        eventually(lambda: "announces changes" in proxy.stderr(), 5, "the words")
        assert status(proxy, "shop.test") == 200
        assert status(proxy, "flour.test") == 200
        assert status(proxy, "new.test") == 404
        server.sql(directory.tenant("rye") + directory.module_domain("new.test", "rye"), "announced")
        comes_to(proxy, "new.test", 200)
        server.sql("UPDATE agencies SET status = 'suspended' WHERE name = 'rye'", "announced")
        comes_to(proxy, "new.test", 503)
        server.sql("DELETE FROM agencies WHERE name = 'rye'", "announced")
        comes_to(proxy, "new.test", 404)


def test_a_pooler_that_swallows_notifications_is_said_and_polled_around(server, origin):
    prepare(server, "deaf")
    with DeafPooler(server.port) as pooler, \
            node(origin, server.url("deaf", "marquee_edge", port=pooler.port)) as proxy:
        eventually(lambda: live(proxy), 10, "a live feed")
        eventually(lambda: "swallows LISTEN" in proxy.stderr(), 5, "the words")
        assert pooler.dropped > 0
        told = proxy.admin.status()["directory"]
        assert "swallows LISTEN" in told["state"] and told["live"] and told["staleness_ms"] == 250, told
        assert status(proxy, "new.test") == 404
        server.sql(directory.module_domain("new.test", "flour"), "deaf")
        comes_to(proxy, "new.test", 200)


def test_without_triggers_it_serves_and_says_how_stale_it_may_be(server, origin):
    url = prepare(server, "plain", attach=False)
    with node(origin, url, cache={"ttl": seconds(0.3)}) as proxy:
        comes_to(proxy, "shop.test", 200, 5)
        eventually(lambda: "directory.cache.ttl" in proxy.stderr(), 5, "the words")
        assert not live(proxy)
        server.sql("UPDATE module_custom_domains SET status = 'disabled'", "plain")
        comes_to(proxy, "shop.test", 503, 2)


def test_the_plug_is_pulled_and_put_back(origin):
    with Postgres() as server:
        url = prepare(server, "plug")
        with node(origin, url) as proxy:
            eventually(lambda: live(proxy), 10, "a live feed")
            assert status(proxy, "shop.test") == 200
            server.stop("immediate")
            eventually(lambda: not live(proxy), 10, "a feed that is down")
            for _ in range(50):
                assert status(proxy, "shop.test") == 200, "a known domain"
            with proxy.plain() as client:
                unknown = client.get("/", "unknown.test")
            assert unknown.status == 503 and unknown.field("retry-after"), unknown
            server.start()
            eventually(lambda: live(proxy), 30, "a live feed again")
            comes_to(proxy, "unknown.test", 404, 2)  # the failure is remembered for a second
            server.sql(directory.module_domain("after.test", "flour"), "plug")
            comes_to(proxy, "after.test", 200)


def test_a_server_that_stands_still_is_left(origin):
    with Postgres() as server:
        url = prepare(server, "still")
        with node(origin, url, cache={"ttl": seconds(0.2)}) as proxy:
            eventually(lambda: live(proxy), 10, "a live feed")
            assert status(proxy, "shop.test") == 200
            server.pause()
            try:
                begun = time.monotonic()
                assert status(proxy, "unknown.test") == 503
                assert time.monotonic() - begun < 4
                for _ in range(20):
                    assert status(proxy, "shop.test") == 200
                eventually(lambda: not live(proxy), 10, "a feed that is down")
            finally:
                server.resume()
            eventually(lambda: live(proxy), 30, "a live feed again")
            comes_to(proxy, "unknown.test", 404, 2)  # the failure is remembered for a second


def test_changes_made_while_a_node_was_away_are_told_at_its_return(server, origin):
    prepare(server, "away")
    with DeafPooler(server.port) as pooler:
        with node(origin, server.url("away", "marquee_edge", port=pooler.port)) as proxy:
            eventually(lambda: live(proxy), 10, "a live feed")
            assert status(proxy, "shop.test") == 200
            # Both the cut and the change, before it can come back.
            server.sql("UPDATE module_custom_domains SET status = 'disabled';"
                       "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'marquee_edge'", "away")
            comes_to(proxy, "shop.test", 503, 3)


def test_a_read_only_database_serves(server, origin):
    url = prepare(server, "readonly")
    server.sql("ALTER DATABASE readonly SET default_transaction_read_only = on", "readonly")
    with node(origin, url) as proxy:
        comes_to(proxy, "shop.test", 200, 5)
        eventually(lambda: live(proxy), 10, "a live feed")


def test_tls_as_sslmode_says(origin, tmp_path):
    authority = pki.Authority(tmp_path / "pki")
    certificate, key = authority.issue("db.test", "localhost")
    with Postgres() as server:
        for name, source in (("server.crt", certificate), ("server.key", key)):
            server.install(name, pathlib.Path(source).read_bytes())
        server.stop()
        server.settings_now(ssl="on")
        server.start()
        url = prepare(server, "tls")
        root = f"&sslrootcert={authority.cert}"
        good = url.replace("127.0.0.1", "localhost").replace("sslmode=disable", "sslmode=verify-full" + root)
        with node(origin, good) as proxy:
            comes_to(proxy, "shop.test", 200, 5)
            assert server.sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                              " WHERE usename = 'marquee_edge'", "tls") == "t"
        # The same server by a name that its certificate does not have.
        with node(origin, url.replace("sslmode=disable", "sslmode=verify-full" + root)) as proxy:
            eventually(lambda: "does not match" in proxy.stderr(), 10, "the words")
            assert status(proxy, "shop.test") == 503


def test_without_trust_only_proved_names_are_served(server, origin):
    url = prepare(server, "proofs")
    with node(origin, url, trust_directory_status=False) as proxy:
        eventually(lambda: live(proxy), 10, "a live feed")
        assert status(proxy, "shop.test") == status(proxy, "flour.test") == 404
        server.sql("INSERT INTO marquee.proofs (record_kind, record_id, domain, owner, method) SELECT 'module_domain',"
                   " id, domain, site_module_installation_id, 'txt' FROM module_custom_domains", "proofs")
        comes_to(proxy, "shop.test", 200)
        assert status(proxy, "flour.test") == 404
        # The proof is the first tenant's; who takes the row over has to prove it again.
        server.sql(directory.tenant("thief") + "UPDATE module_custom_domains SET site_module_installation_id = "
                   f"'{directory.row_id('installation', 'thief')}'", "proofs")
        comes_to(proxy, "shop.test", 404)


def test_several_hosts_are_tried_in_turn(server, origin):
    url = prepare(server, "hosts").replace("@127.0.0.1:", "@127.0.0.1:1,localhost:")
    with node(origin, url) as proxy:
        eventually(lambda: live(proxy), 15, "a live feed")
        assert status(proxy, "shop.test") == 200


def test_poisoned_rows_are_their_own_domain_s(server, origin):
    with node(origin, prepare(server, "poison")) as proxy:
        eventually(lambda: live(proxy), 10, "a live feed")
        server.sql(directory.module_domain("bad.test", "flour", config='{"custom_headers": 5, "force_www": "x"}')
                   + "UPDATE module_custom_domains SET ssl_expires_at = 'infinity', ssl_certificate = repeat('x', 300000), "
                   "white_label = to_jsonb(repeat('y', 200000)) WHERE domain = 'bad.test';", "poison")
        comes_to(proxy, "bad.test", 200)
        assert status(proxy, "shop.test") == 200
        eventually(lambda: "bad.test" in proxy.stderr(), 5, "the words")


def test_a_password_is_never_shown(server, origin):
    with node(origin, server.url("nowhere", "marquee_edge").replace("secret", "hunter2")) as proxy:
        assert status(proxy, "shop.test") == 503
        eventually(lambda: "/nowhere:" in proxy.stderr(), 5, "a line that names the database")
        assert "hunter2" not in proxy.stderr()
