"""The directory behind a real PgBouncer that pools by transaction: LISTEN and
prepared statements do not survive there, and domains are served all the same."""
import subprocess

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.marquee import BINARY
from harness.pgbouncer import PgBouncer, program
from harness.postgres import Postgres, binaries
from harness.settings import seconds

pytestmark = pytest.mark.skipif(binaries() is None or program() is None,
                                reason="PostgreSQL or PgBouncer is not installed")
HOSTS = [f"d{i}.test" for i in range(40)]


@pytest.fixture(scope="module")
def server():
    with Postgres() as it:
        yield it


def test_domains_behind_a_transaction_pooler(server):
    owner = server.create("pooled")
    subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
    server.sql(directory.tenant("flour") + "".join(directory.module_domain(h, "flour") for h in HOSTS), "pooled")
    with EchoOrigin() as origin, PgBouncer(server.port) as pooler, \
            Marquee(upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
                    directory={"kind": "postgres", "url": server.url("pooled", port=pooler.port),
                               "timeout": seconds(2), "modules": {"upstream": "main"},
                               "trust_directory_status": True}) as proxy:
        eventually(lambda: "swallows LISTEN" in proxy.stderr(), 10, "the words")
        # Each look-up may meet another session, where nothing was prepared.
        with proxy.plain() as client:
            for host in HOSTS:
                assert client.get("/", host).status == 200, (host, proxy.stderr()[-1000:])
            assert client.get("/", "nobody.test").status == 404
        server.sql(directory.module_domain("nobody.test", "flour"), "pooled")

        def live():
            with proxy.plain() as client:
                return client.get("/", "nobody.test").status == 200
        eventually(live, 5, "a new domain, by polling")
