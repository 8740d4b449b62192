#!/usr/bin/env python3
"""A directory with a million domains: what a start, memory, look-ups, handshakes and changes cost.

  domains.py [--count 1000000] [--databases sqlite,postgres] [--only start,memory,...]

Rows are made once by domain_rows.cpp and kept in --work with the SQLite file and the PostgreSQL
cluster; a run copies nothing and changes little in them. Figures are printed as a table for
bench/RESULTS.md. Needs PostgreSQL's server programs for `postgres`.
"""
import argparse, contextlib, importlib.util, json, os, pathlib, random, shutil, sqlite3, statistics, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def package(name, folder):
    """The harness of the tests starts Marquee and PostgreSQL; it shares its name with our own."""
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PARTS = ("fill", "start", "memory", "lookups", "cold", "handshakes", "changes")
KEY = bytes(range(32)).hex()
CERTIFICATES = 100_000  # names of the handshake cell
HOT = 20_000


def arguments():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--count", type=int, default=1_000_000)
    ap.add_argument("--databases", default="sqlite,postgres")
    ap.add_argument("--only", default=",".join(PARTS), help="of: " + ", ".join(PARTS))
    ap.add_argument("--work", default="/var/tmp/marquee-bench", help="where rows and databases are kept")
    ap.add_argument("--marquee", default=str(ROOT / "build/release/marquee"))
    ap.add_argument("--pairs", type=int, default=9, help="rounds of the handshake cell")
    ap.add_argument("--changes", type=int, default=200)
    a = ap.parse_args()
    a.databases, a.only = a.databases.split(","), a.only.split(",")
    for given, known in ((a.databases, ("sqlite", "postgres")), (a.only, PARTS)):
        for name in given:
            if name not in known:
                ap.error("no '%s'; there are %s" % (name, ", ".join(known)))
    return a


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, goal, measured):
        print("  %s: %s" % (what, measured), flush=True)
        self.rows.append((what, goal, measured))

    def show(self):
        print("\n| what | goal | measured |\n|---|---|---|")
        for row in self.rows:
            print("| %s | %s | %s |" % row)


class Sqlite:
    name, pause = "SQLite", 0.25

    def __init__(self, folder):
        self.path = folder / "directory.sqlite"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def settings(self):
        return {"kind": "sqlite", "path": str(self.path)}

    def filled(self):
        return self.path.with_suffix(".complete").exists()

    def fill(self, a, rows):
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(str(self.path) + suffix).unlink(missing_ok=True)
        subprocess.run([a.marquee, "db", "migrate", "--url", "sqlite:%s" % self.path], check=True, stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        subprocess.run([bench.build_tool("domain_rows", ["-lcrypto", "-lsqlite3"]), "sqlite", self.path, rows], check=True)
        self.path.with_suffix(".complete").touch()
        return time.monotonic() - begun

    @contextlib.contextmanager
    def writer(self):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as db:
            yield db.execute


class PostgreSql:
    name, pause = "PostgreSQL", 0.02

    def __init__(self, folder):
        self.mark = folder / "postgres.complete"
        folder.chmod(0o755)
        self.server = postgres.Postgres(folder=folder / "postgres", shared_buffers="256MB", max_wal_size="4GB")

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def settings(self):
        return {"kind": "postgres", "url": self.server.url("bench", "marquee_edge"), "trust_directory_status": True}

    def filled(self):
        return self.mark.exists()

    def fill(self, a, rows):
        self.server.sql("DROP DATABASE IF EXISTS bench")
        owner = self.server.create("bench")
        subprocess.run([a.marquee, "db", "migrate", "--url", owner], check=True, stdout=subprocess.DEVNULL)
        self.server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "bench")
        begun = time.monotonic()
        for table in (rows / "order.txt").read_text().split():
            columns = (rows / (table + ".columns")).read_text().strip()
            with open(rows / (table + ".rows"), "rb") as source:
                subprocess.run(self.psql() + ["-c", "COPY public.%s (%s) FROM STDIN" % (table, columns)], stdin=source, check=True)
        took = time.monotonic() - begun
        self.mark.touch()
        return took

    def psql(self):
        return [self.server.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.server.folder,
                "-p", str(self.server.port), "-U", "owner", "-d", "bench"]

    def writer(self):
        return self.server.session("bench")


def node(origin, directory, workers=1, **more):
    """One worker, unless said; tables as large as the cells need."""
    more.setdefault("cache", {})
    return e2e.Marquee(upstreams=[e2e.Upstream("main", ["http://127.0.0.1:%d" % origin])], workers=workers,
                       listeners=[e2e.Listener("127.0.0.1:0", p) for p in ("https", "http")],
                       directory={**directory, "encryption_key": KEY, "modules": {"upstream": "main", "path": "{path}"},
                                  "sites": {"upstream": "main"}, **more},
                       tls={"certificate_cache": yaml.Text("4GiB")})


def status_of(proxy, host, client=None):
    if client:
        return client.get("/b/2", host).status
    with proxy.plain() as client:
        return client.get("/b/2", host).status


def filter_built(proxy, count, within=300):
    e2e.eventually(lambda: proxy.metrics().sum("marquee_directory_filter_names") >= count, within, "a complete filter")


def names_client(*args):
    out = subprocess.run(["taskset", "-c", "1", bench.build_tool("names_client", ["-lssl", "-lcrypto"]), *map(str, args)],
                         capture_output=True, text=True)
    if out.returncode != 0:
        raise RuntimeError(out.stderr)
    return json.loads(out.stdout)


def to_core(proxy, core):
    """All threads that there are."""
    subprocess.run(["taskset", "-apc", str(core), str(proxy.process.pid)], check=True, stdout=subprocess.DEVNULL)


def starts(database, small, origin, table, count):
    """From exec() to the first answered request of a domain of the directory, no snapshot, no filter."""
    taken = {}
    for _ in range(5):
        for n, which in ((10, small), (count, database)):
            proxy = node(origin, which.settings())
            begun = time.monotonic()
            with proxy:
                e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
                taken.setdefault(n, []).append(time.monotonic() - begun)
    for n, times in taken.items():
        table.add("%s: start to the first answer, %s domains" % (database.name, format(n, ",")), "1 s, independent of N",
                  "%.0f ms (%.0f-%.0f)" % tuple(1e3 * x for x in (statistics.median(times), min(times), max(times))))


def memory(database, small, origin, table, count):
    used = {}
    for n, which in ((10, small), (count, database)):
        with node(origin, which.settings()) as proxy:
            e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
            begun = time.monotonic()
            filter_built(proxy, n)
            used[n] = proxy.resident()
            share = proxy.metrics().sum("marquee_directory_filter_bytes") / n
            if n == count:
                table.add("%s: membership filter of %s names complete" % (database.name, format(count, ",")), "-",
                          "%.1f s after the start, in the background" % (time.monotonic() - begun))
    each = (used[count] - used[10]) / count
    table.add("%s: RSS per domain, all known, none used (filter)" % database.name, "1 KiB",
              "%.1f bytes, of which the filter %.1f (%.1f MiB; with 10 domains %.1f MiB)" %
              (each, share, used[count] / 2**20, used[10] / 2**20))
    hot = min(HOT, count)
    cache = {"worker_domains": 65536}
    with node(origin, database.settings(), cache=cache) as proxy:
        e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
        filter_built(proxy, count)
        port = proxy.address(protocol="http")[1]
        names_client_at = (proxy.address(protocol="http")[0], port)
        before = proxy.resident()
        get_names(names_client_at, 0, hot)
        plain = proxy.resident()
        names_client("tls", proxy.address(protocol="https")[1], 0, hot, 0, 4)
        secure = proxy.resident()
        table.add("%s: RSS per hot domain (%s of them, 1 worker)" % (database.name, format(hot, ",")), "-",
                  "%.2f KiB, and %.2f KiB for its parsed certificate and key" %
                  ((plain - before) / hot / 1024, (secure - plain) / hot / 1024))


def get_names(address, first, count):
    return names_client("get", address[1], first, count, 16)


def lookups(table):
    out = subprocess.run([ROOT / "build/release/bench/bench_domain_lookup", "--benchmark_format=json",
                          "--benchmark_filter=worker_table", "--benchmark_repetitions=3", "--benchmark_report_aggregates_only"],
                         capture_output=True, text=True, check=True).stdout
    for b in json.loads(out)["benchmarks"]:
        if b["aggregate_name"] == "median":
            table.add("warm look-ups per second and worker, %s names" % b["run_name"].split("/")[1], "5 M",
                      "%.1f M" % (b["items_per_second"] / 1e6))


def cold(database, origin, table, count):
    """First requests one after the other, and the same again: the difference is the look-up."""
    some = min(2000, count // 2)
    with node(origin, database.settings(), cache={"worker_domains": 16384}) as proxy:
        e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
        filter_built(proxy, count)
        port = proxy.address(protocol="http")[1]
        names_client("get", port, count - 10, 10)
        first = names_client("get", port, 10, some)
        again = names_client("get", port, 10, some)
    table.add("%s: cold look-up, added to a request (%s names)" % (database.name, format(some, ",")), "-",
              "p50 %.0f us, p99 %.0f us (request p50 %.0f, p99 %.0f cold; %.0f, %.0f warm)" %
              (first["p50_us"] - again["p50_us"], first["p99_us"] - again["p99_us"], first["p50_us"], first["p99_us"],
               again["p50_us"], again["p99_us"]))


def handshakes(database, origin, table, count, pairs):
    names, each = min(CERTIFICATES, count), 3000
    # Fresh for the length of the cell: what is measured are cached names.
    cache = {"worker_domains": 262144, "domains": yaml.Text("4GiB"), "ttl": yaml.Text("1h")}
    with node(origin, database.settings(), cache=cache) as proxy:
        e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
        filter_built(proxy, count)
        to_core(proxy, 0)
        port = proxy.address(protocol="https")[1]
        load = names_client("tls", port, 0, names, 0, 8)
        one_load = proxy.metrics().sum("marquee_directory_lookups_total")
        ratios, cpu = [], {1: [], names: []}
        names_client("tls", port, 0, names, each, 4)
        for pair in range(pairs):
            used = {}
            for n in ((1, names) if pair % 2 else (names, 1)):
                before = bench.cpu_seconds(proxy.process.pid)
                names_client("tls", port, 0, n, each, 4)
                used[n] = (bench.cpu_seconds(proxy.process.pid) - before) / each
                cpu[n].append(used[n] * 1e6)
            ratios.append(used[names] / used[1])
        rss = proxy.resident()
        more = proxy.metrics().sum("marquee_directory_lookups_total") - one_load
    table.add("%s: first handshakes of %s names, each with its own certificate loaded" % (database.name, format(names, ",")), "-",
              "%.0f a second, %d repeated" % (names / load["seconds"], load["failed"]))
    table.add("%s: CPU of a full handshake, %s names cached, to one name" % (database.name, format(names, ",")), "1.05",
              "%.3f (%.2f-%.2f), %d pairs of %d; %.0f and %.0f us; RSS %.0f MiB; %d look-ups meanwhile" %
              (statistics.median(ratios), min(ratios), max(ratios), pairs, each, statistics.median(cpu[names]),
               statistics.median(cpu[1]), rss / 2**20, more))


def changes(database, origin, table, count, some):
    """From the statement that changes a domain until every worker answers accordingly; eight connections, so that each
    of two workers has some."""
    with node(origin, database.settings(), workers=2) as proxy, database.writer() as run:
        e2e.eventually(lambda: status_of(proxy, "shop-7.example") == 200, 30, "an answer")
        e2e.eventually(lambda: proxy.metrics().sum("marquee_directory_feed_live") == 1, 30, "a live feed")
        filter_built(proxy, count)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(proxy.plain()) for _ in range(8)]
            times = []
            for i in range(some):
                host = "shop-%d.example" % (100 + i % 50)
                for wanted, status in ((503, "disabled"), (200, "active")):
                    for c in clients:
                        status_of(proxy, host, c)
                    time.sleep(random.uniform(0, database.pause))  # not in step with what polls
                    begun = time.monotonic()
                    run("UPDATE module_custom_domains SET status = '%s' WHERE domain = '%s'" % (status, host))
                    while not all(status_of(proxy, host, c) == wanted for c in clients):
                        if time.monotonic() > begun + 10:
                            raise RuntimeError("a change did not come")
                    times.append(time.monotonic() - begun)
        times.sort()
    table.add("%s: change to served by all workers (%d changes)" % (database.name, len(times)),
              "10 ms typical with NOTIFY, 1 s p99", "p50 %.1f ms, p99 %.1f ms, most %.1f ms" %
              tuple(1e3 * x for x in (times[len(times) // 2], times[int(len(times) * 0.99)], times[-1])))


def prepare(a, count):
    """Folder of the rows, the databases (entered), and what filling them took."""
    folder = pathlib.Path(a.work) / str(count)
    rows = folder / "rows"
    if not (rows / "complete").exists():
        shutil.rmtree(rows, ignore_errors=True)
        rows.mkdir(parents=True)
        print("making %s rows in %s" % (format(count, ","), rows), flush=True)
        subprocess.run([bench.build_tool("domain_rows", ["-lcrypto", "-lsqlite3"]), "make", rows, str(count)], check=True)
        (rows / "complete").touch()
    return folder, rows


def main():
    a = arguments()
    os.environ["MARQUEE_BINARY"] = a.marquee
    global bench, e2e, postgres, yaml
    sys.path.insert(0, str(HERE))
    import harness as bench
    e2e = package("marquee_e2e", ROOT / "tests/e2e/harness")
    from marquee_e2e import postgres, yaml
    table = Table()
    kinds = {"sqlite": Sqlite, "postgres": PostgreSql}
    print("commit %s, load average %.1f" % (bench.commit(), os.getloadavg()[0]), flush=True)
    with contextlib.ExitStack() as stack:
        port = bench.free_port()
        origin = subprocess.Popen(["taskset", "-c", "1", bench.build_tool("origin"), str(port)])
        stack.callback(lambda: (origin.terminate(), origin.wait()))
        for kind in a.databases:
            both = []
            for count in (10, a.count):
                folder, rows = prepare(a, count)
                database = stack.enter_context(kinds[kind](folder))
                if not database.filled() or ("fill" in a.only and count == a.count):
                    took = database.fill(a, rows)
                    if count == a.count:
                        table.add("%s: import, one row of each table for a domain" % database.name, "-",
                                  "%s domains a second (%.0f s)" % (format(int(count / took), ","), took))
                both.append(database)
            small, large = both
            if "start" in a.only:
                starts(large, small, port, table, a.count)
            if "memory" in a.only:
                memory(large, small, port, table, a.count)
            if "cold" in a.only:
                cold(large, port, table, a.count)
            if "handshakes" in a.only:
                handshakes(large, port, table, a.count, a.pairs)
            if "changes" in a.only:
                changes(large, port, table, a.count, a.changes)
        if "lookups" in a.only:
            lookups(table)
    table.show()


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, AssertionError, TimeoutError) as error:
        sys.exit("bench: %s" % error)
