"""No answer of a wrong tenant: requests for 200 domains of 50 tenants, while domains
move between tenants and sites between agencies, cached answers expire and are pushed
out, and reloads run. The upstream tells what it was told; each answer must be whole
(one installation with its site, client, agency as they belonged together) and be the
tenant's that the domain had at some moment between the request and its answer. A
change takes a moment to come from the database to the node: an answer may show what
was true STALE before it was asked for, and how late it was in fact is printed."""
import bisect
import contextlib
import random
import sqlite3
import subprocess
import threading
import time

import pytest
from harness import FULL, Domain, Listener, Marquee, Upstream, directory, eventually
from harness.demo import DemoOrigin
from harness.directory import row_id
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.settings import seconds
from harness.tenant_load import TenantLoad

pytestmark = pytest.mark.heavy

DOMAINS, TENANTS = 200, 50
COUNT = 1_000_000 if FULL else 20_000
STALE = 1.0  # seconds: the promise
HOSTS = [f"d{i}.test" for i in range(DOMAINS)]
KINDS = ("installation", "site", "client", "agency")
IDS = [[row_id(kind, f"t{i}") for i in range(TENANTS)] for kind in KINDS]


class World:
    """Who has what, and who had it when. A tenant is (installation, site, client,
    agency) as numbers; the first two go together, and so do the last two."""

    def __init__(self):
        self.installation = {d: d % TENANTS for d in range(DOMAINS)}
        self.owner = list(range(TENANTS))  # of a site: client and agency
        # For each domain: (when the change began, when it was committed, tenant)
        self.history = [[(0.0, 0.0, self.tenant(d))] for d in range(DOMAINS)]
        self.moves = 0

    def rows(self):
        return ("".join(directory.tenant(f"t{i}") for i in range(TENANTS))
                + "".join(directory.module_domain(h, f"t{d % TENANTS}") for d, h in enumerate(HOSTS)))

    def tenant(self, domain):
        i = self.installation[domain]
        return (i, i, self.owner[i], self.owner[i])

    def move(self, run, chance):
        """One random move, by `run(sql)`, which returns when it is committed."""
        if chance.random() < 0.1:
            site, owner = chance.randrange(TENANTS), chance.randrange(TENANTS)
            sql = (f"UPDATE sites SET client_id = '{IDS[2][owner]}', agency_id = '{IDS[3][owner]}'"
                   f" WHERE id = '{IDS[1][site]}'")
            touched = [d for d in range(DOMAINS) if self.installation[d] == site]
            begun = time.monotonic()
            run(sql)
            self.owner[site] = owner
        else:
            domain, to = chance.randrange(DOMAINS), chance.randrange(TENANTS)
            begun = time.monotonic()
            run(f"UPDATE module_custom_domains SET site_module_installation_id = '{IDS[0][to]}'"
                f" WHERE domain = '{HOSTS[domain]}'")
            self.installation[domain] = to
            touched = [domain]
        ended = time.monotonic()
        for d in touched:
            self.history[d].append((begun, ended, self.tenant(d)))
        self.moves += 1

    def lateness(self, sent, answered, domain, tenant):
        """Seconds before `sent` at which the domain last had this tenant: 0 if it had
        it meanwhile; None if it never did."""
        past = self.history[domain]
        last = bisect.bisect_right(past, answered, key=lambda change: change[0]) - 1
        for at in range(last, -1, -1):
            if past[at][2] != tenant:
                continue
            until = past[at + 1][1] if at + 1 < len(past) else answered
            return max(0.0, sent - until)
        return None


@contextlib.contextmanager
def sqlite_world(world, folder):
    path = folder / "directory.sqlite"
    subprocess.run([BINARY, "db", "migrate", "--url", f"sqlite:{path}"], check=True, capture_output=True, timeout=60)
    with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)) as db:
        db.executescript("BEGIN;" + world.rows() + "COMMIT;")
        yield {"kind": "sqlite", "path": str(path), "poll_interval": seconds(0.02)}, db.execute


@contextlib.contextmanager
def postgres_world(world, _folder):
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with Postgres() as server:
        owner = server.create("tenants")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret';" + world.rows(), "tenants")
        with server.session("tenants") as run:
            yield {"kind": "postgres", "url": server.url("tenants", "marquee_edge"), "trust_directory_status": True}, run


class Moving:
    """Moves and reloads, each in a thread of its own, until `with` is left."""

    def __init__(self, world, run, proxy):
        self._stop = threading.Event()
        self.errors, self.reloads = [], 0
        self._threads = [threading.Thread(target=self._run, args=job) for job in (
            (lambda chance: world.move(run, chance), 0.01), (lambda _: self._reload(proxy), 0.3))]

    def _reload(self, proxy):
        # A change of substance each time: what was made under old settings is void.
        proxy.domains = [Domain("bakery.test"), *([Domain("extra.test")] if self.reloads % 2 else [])]
        proxy.reload()
        self.reloads += 1

    def _run(self, action, pace):
        chance = random.Random(7)
        try:
            while not self._stop.wait(pace):
                action(chance)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.errors.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


# Answers that expire all the time, and answers that only a change makes void.
@pytest.mark.parametrize("ttl", [0.1, 60], ids=["short-lived", "long-lived"])
@pytest.mark.parametrize("kind", [sqlite_world, postgres_world], ids=["sqlite", "postgres"])
def test_no_answer_of_a_wrong_tenant(kind, ttl, tmp_path):
    world = World()
    with kind(world, tmp_path) as (settings, run), DemoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http", h2c=True)],
            directory={**settings, "modules": {"upstream": "main", "path": "{path}"},
                       # A worker keeps a third of them.
                       "cache": {"ttl": seconds(ttl), "worker_domains": 64}}) as proxy:
        eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 10, "a live feed")
        domain_ids = [row_id("domain", h) for h in HOSTS]
        before = proxy.admin.metrics()
        with Moving(world, run, proxy) as moving:
            share_of = COUNT // 4
            loads = [TenantLoad(name, proxy.address(protocol="https" if name == "tls" else "http"), HOSTS, domain_ids,
                                IDS, int(share_of * share), proxy.ca_file if name == "tls" else None, seed,
                                # What is not made void must be old enough to be seen.
                                3 * STALE if ttl > STALE else 0)
                     for seed, (name, share) in enumerate((("h1", 0.45), ("h2c", 0.45), ("tls", 0.1)))]
            results = [(load.kind, *load.wait(3600)) for load in loads]
        assert not moving.errors, moving.errors
        after = proxy.admin.metrics()
    answers = latest = late = 0
    for name, failed, reopened, records in results:
        assert not failed, f"{name}: {failed[:3]}"
        print(f"{name}: {len(records)} answers, {reopened} connections ended early")
        answers += len(records)
        for sent, answered, domain, *tenant in records:
            lateness = world.lateness(sent, answered, domain, tuple(tenant))
            told = f"{HOSTS[domain]} over {name} was answered for {tenant}; its tenants were {world.history[domain][-5:]}"
            assert lateness is not None, f"never its tenant: {told}"
            assert lateness <= STALE, f"{lateness:.3f} s late: {told}"
            late += lateness > 0
            latest = max(latest, lateness)
    lookups = after.sum("marquee_directory_lookups_total") - before.sum("marquee_directory_lookups_total")
    print(f"{answers} answers, {world.moves} moves, {moving.reloads} reloads, {lookups:.0f} look-ups: none of a wrong "
          f"tenant; {late} showed a tenant that had just been left, at most {latest * 1e3:.0f} ms before")
    assert answers >= share_of * 0.99
    # All of it did happen.
    assert world.moves > 20 and moving.reloads >= 1 and lookups > DOMAINS
