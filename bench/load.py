#!/usr/bin/env python3
"""CPU per request of Marquee, nginx and HAProxy doing equal work, and their ratios.

  load.py [--cells h1-1k,plain-1k] [--rounds 7] [--secs 2] [--proxies marquee,nginx,haproxy]

Every proxy terminates TLS 1.3, adds eight fields, writes a JSON access log and keeps upstream
connections alive; that is checked before anything is measured. The h2 cells are HTTP/2, by h2load. All are alive at once; a round
measures each of them once, in a new order; the ratio is taken within a round. Needs wrk and h2load, and perf
for --syscalls. bench/README.md says how to read the numbers.
"""
import argparse, json, os, random, re, statistics, subprocess, sys, time

import harness
from harness import CELLS, PROXIES, ROOT


def arguments():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--cells", default=",".join(CELLS), help="of: " + ", ".join(CELLS))
    ap.add_argument("--proxies", default=",".join(PROXIES), help="the first is divided by each of the others")
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--secs", type=int, default=2, help="length of one slice")
    ap.add_argument("--marquee", default=os.path.join(ROOT, "build", "release", "marquee"))
    ap.add_argument("--proxy-core", default="0")
    ap.add_argument("--load-core", default="1" if (os.cpu_count() or 1) > 1 else "0")
    ap.add_argument("--syscalls", action="store_true", help="also system calls per request (perf, as root)")
    ap.add_argument("--out", default=os.path.join(ROOT, "bench", "results", "load.json"), help="rows are appended here")
    a = ap.parse_args()
    for kind, known in (("cells", CELLS), ("proxies", PROXIES)):
        setattr(a, kind, getattr(a, kind).split(","))
        for name in getattr(a, kind):
            if name not in known:
                ap.error("no %s '%s'; there are %s" % (kind, name, ", ".join(known)))
    return a


def saturate(bench, proxy, cell, secs):
    """Saturates one proxy; returns the number of requests answered."""
    c = CELLS[cell]
    if "streams" in c:
        return bench.h2load(proxy, cell, "-D%d" % secs)
    url = "%s://localhost:%d%s" % ("https" if c["tls"] else "http", bench.port(proxy, cell), c["target"])
    argv = ["taskset", "-c", bench.load_core, "wrk", "-t1", "-c%d" % c["connections"], "-d%ds" % secs, "--timeout", "20"]
    if "body" in c:
        script = os.path.join(bench.dir, "post-%d.lua" % c["body"])
        with open(script, "w") as out:
            out.write('wrk.method = "POST"\nwrk.body = string.rep("x", %d)\n' % c["body"])
        argv += ["-s", script]
    out = subprocess.run([*argv, "-H", "Host: localhost", url], capture_output=True, text=True,
                         env=dict(os.environ, OPENSSL_CONF=bench.openssl_conf)).stdout
    done = re.search(r"(\d+) requests in", out)
    bad = re.findall(r"(Non-2xx.*|Socket errors.*)", out)
    if not done or int(done.group(1)) == 0 or bad:
        raise RuntimeError("%s under %s: %s" % (proxy.name, cell, "; ".join(bad) or out[-300:] or "wrk said nothing"))
    return int(done.group(1))


def measure(bench, proxy, cell, secs):
    try:
        os.truncate(os.path.join(proxy.run, "access.log"), 0)
    except OSError:
        pass
    before, begun = harness.cpu_seconds(proxy.pid), time.time()
    requests = saturate(bench, proxy, cell, secs)
    cpu = harness.cpu_seconds(proxy.pid) - before
    return dict(cpu_us=cpu / requests * 1e6, requests=requests, busy=cpu / (time.time() - begun))


def syscalls(bench, proxy, cell, secs):
    threads = ",".join(str(p) for p in harness.tree(proxy.pid))
    perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", threads],
                            stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    requests = saturate(bench, proxy, cell, secs)
    perf.send_signal(2)
    text = perf.communicate()[1]
    count = re.search(r"^(\d+),", text, re.M)
    if not count:
        raise RuntimeError("perf counts no system calls here: " + text.strip()[-200:])
    return int(count.group(1)) / requests


def spread(values, digits):
    f = "%%.%df" % digits
    return "%s (%s-%s)" % (f % statistics.median(values), f % min(values), f % max(values))


def run_cell(a, bench, proxies, cell):
    rows = {n: [] for n in proxies}
    for p in proxies.values():
        saturate(bench, p, cell, 1)
    for _ in range(a.rounds):
        for name in random.sample(list(proxies), len(proxies)):
            rows[name].append(measure(bench, proxies[name], cell, a.secs))
    calls = {n: syscalls(bench, p, cell, a.secs) for n, p in proxies.items()} if a.syscalls else {}
    first = next(iter(proxies))
    for name in proxies:
        line = "| %s | %s | %s |" % (cell, name, spread([r["cpu_us"] for r in rows[name]], 1))
        ratios = [x["cpu_us"] / y["cpu_us"] for x, y in zip(rows[first], rows[name])]
        line += " %s |" % ("-" if name == first else spread(ratios, 2))
        line += " %.2f |" % statistics.median(r["busy"] for r in rows[name])
        if calls:
            line += " %.2f |" % calls[name]
        print(line, flush=True)
    return [dict(r, proxy=n, cell=cell, round=i) for n in proxies for i, r in enumerate(rows[n])]


def main():
    a = arguments()
    present = [n for n in a.proxies if harness.find_binary(n, a.marquee)]
    for name in set(a.proxies) - set(present):
        print("# %s is left out: no %s" % (name, a.marquee if name == "marquee" else "such program"), file=sys.stderr)
    if not present:
        sys.exit("nothing to measure; ./dev build makes build/release/marquee")
    stamp = dict(commit=harness.commit(), at=time.strftime("%Y-%m-%dT%H:%M:%S"))
    with harness.Bench(a.marquee, a.proxy_core, a.load_core) as bench:
        proxies = {n: bench.start(n) for n in present}
        for p in proxies.values():
            bench.check(p)
        first = present[0]
        print("commit %s, %d rounds of %d s, load average %.1f; median (min-max)\n" %
              (stamp["commit"], a.rounds, a.secs, os.getloadavg()[0]))
        print("| cell | proxy | CPU us per request | %s to it | core busy |%s" % (first, " system calls |" if a.syscalls else ""))
        print("|---|---|---|---|---|" + ("---|" if a.syscalls else ""))
        rows = []
        for cell in a.cells:
            rows += run_cell(a, bench, proxies, cell)
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    with open(a.out, "a") as out:
        for r in rows:
            out.write(json.dumps(dict(r, **stamp)) + "\n")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit("bench: %s" % error)
