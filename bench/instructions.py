#!/usr/bin/env python3
"""User instructions per request of the proxy alone, counted by valgrind's callgrind.

  instructions.py [--cells h1-1k,plain-1k] [--proxy marquee] [--few 2000] [--many 12000]

The proxy is run twice, for FEW and for MANY requests of a client that sends exactly so many
(bench/client.cpp: keep-alive, lockstep; h2load for the h2 cells); the difference divided by MANY - FEW leaves out start,
handshakes and end. The figure hardly moves with the load of the machine, unlike CPU time, so it
can be compared from commit to commit. It is not a time: system calls count for nothing, and
valgrind's processor has no AVX-512 or VAES, so that bulk encryption looks dearer than it is.
Compare it on one machine with one OpenSSL. The 10 MiB cell counts in MiB and with fewer requests.
"""
import argparse, os, platform, re, shutil, subprocess, sys

import harness
from harness import CELLS, PROXIES, ROOT


def arguments():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--cells", default="h1-1k,plain-1k", help="of: " + ", ".join(CELLS))
    ap.add_argument("--proxy", default="marquee", help="of: " + ", ".join(PROXIES))
    ap.add_argument("--few", type=int, default=2000)
    ap.add_argument("--many", type=int, default=12000)
    ap.add_argument("--marquee", default=os.path.join(ROOT, "build", "release", "marquee"))
    ap.add_argument("--keep", metavar="FOLDER", help="keeps callgrind's output of the long runs there")
    a = ap.parse_args()
    a.cells = a.cells.split(",")
    for cell in a.cells:
        if cell not in CELLS:
            ap.error("no cell '%s'; there are %s" % (cell, ", ".join(CELLS)))
    if a.proxy not in PROXIES:
        ap.error("no proxy '%s'; there are %s" % (a.proxy, ", ".join(PROXIES)))
    if a.few >= a.many or a.few < 1:
        ap.error("--many must be greater than --few")
    return a


def collected(bench, a, cell, requests):
    """Instructions of one whole life of the proxy that answers REQUESTS requests."""
    c = CELLS[cell]
    out = os.path.join(os.path.abspath(a.keep), "callgrind.%s.%s" % (a.proxy, cell)) if a.keep else "/dev/null"
    proxy = bench.start(a.proxy, prefix=["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out],
                        extra=dict(master="off"), patience=180)
    if "streams" in c:
        done = bench.h2load(proxy, cell, "-n%d" % requests)
        if done != requests:
            raise RuntimeError("%s under %s: %d of %d requests" % (a.proxy, cell, done, requests))
        return counted(bench, proxy)
    argv = ["taskset", "-c", bench.load_core, bench.client, "-c", str(c["connections"]), "-u", c["target"]]
    if "body" in c:
        argv += ["-b", str(c["body"])]
    if c["tls"]:
        argv.append("-t")
    done = subprocess.run([*argv, str(bench.port(proxy, cell)), str(requests)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s under %s: %s" % (a.proxy, cell, done.stderr.strip()[-300:]))
    return counted(bench, proxy)


def counted(bench, proxy):
    """What callgrind says it collected, once the proxy has ended."""
    bench.stop(proxy, patience=120)
    text = open(proxy.errors, errors="replace").read()
    counts = re.findall(r"Collected : (\d+)", text)
    if not counts:
        raise RuntimeError("callgrind printed no count:\n" + text[-1000:])
    return int(counts[-1])


def main():
    a = arguments()
    if not harness.find_binary(a.proxy, a.marquee):
        sys.exit("bench: no %s; ./dev build makes it" % (a.marquee if a.proxy == "marquee" else a.proxy))
    if not shutil.which("valgrind"):
        sys.exit("bench: no valgrind; ./dev bench installs it")
    if a.keep:
        os.makedirs(a.keep, exist_ok=True)
    libssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.split()[1]
    print("%s, commit %s, OpenSSL %s, %s" % (a.proxy, harness.commit(), libssl, platform.machine()))
    print("command: bench/instructions.py " + " ".join(sys.argv[1:]))
    with harness.Bench(a.marquee) as bench:
        for cell in a.cells:
            few, many, unit, per = a.few, a.many, "request", 1
            if "mib" in CELLS[cell]:
                few, many, unit, per = 4, 12, "MiB", CELLS[cell]["mib"]
            low, high = collected(bench, a, cell, few), collected(bench, a, cell, many)
            print("%-9s %.0f instructions per %s" % (cell, (high - low) / (many - few) / per, unit), flush=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit("bench: %s" % error)
