#!/usr/bin/env python3
"""Compares the relay's ways to wait for readiness. Python 3 stdlib, wrk, perf, valgrind.

  run.py --relay RELAY --origin ORIGIN --client CLIENT [--tlsload TLSLOAD] [--rounds 7] [--secs 2]

ORIGIN PORT answers GET /b/N with N bytes. CLIENT is bench/client.cpp. TLSLOAD is an
open-loop client (`rate -P -p PORT -c 64 -d SECS -r RATE -u TARGET`, one JSON line with
requests, p50_us, p99_us); without it the light cell is left out. All modes are alive at
once; a round measures each of them once, in an order that is shuffled per round. CPU is
/proc/PID/schedstat; ratios are taken within a round and then their median is printed.
"""
import argparse, json, os, random, re, socket, statistics, subprocess, sys, tempfile, time

MODES = ["read", "wait", "once", "drain", "own"]
ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
for name in ("relay", "origin", "client"):
    ap.add_argument("--" + name, required=True)
ap.add_argument("--tlsload")
ap.add_argument("--rounds", type=int, default=7)
ap.add_argument("--secs", type=float, default=2, help="of one slice; wrk rounds it to whole seconds")
ap.add_argument("--rate", type=int, default=2000)
ap.add_argument("--body", type=int, default=1100)
ap.add_argument("--relay-core", default="0")
ap.add_argument("--load-core", default="1")
ap.add_argument("--cells", default="saturated,light,syscalls,instructions")
ap.add_argument("--modes", default=",".join(MODES), help="the first is what the others are compared with")
A = ap.parse_args()
MODES = A.modes.split(",")
TARGET = "/b/%d?" % A.body + "x" * 130  # about 200 bytes of request head with the client's own fields
started = []


def spawn(core, argv, **kw):
    p = subprocess.Popen(["taskset", "-c", core, *argv], **kw)
    started.append(p)
    return p


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    end = time.time() + 20
    while time.time() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit("nothing listens on port %d" % port)


def answer_bytes(port):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % TARGET.encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(65536)
        return data.index(b"\r\n\r\n") + 4 + A.body


def cpu_ns(pid):
    return int(open("/proc/%d/schedstat" % pid).read().split()[0])


def saturated(port, secs):
    out = subprocess.run(["taskset", "-c", A.load_core, "wrk", "-t1", "-c64", "-d%ds" % max(1, round(secs)),
                          "http://127.0.0.1:%d%s" % (port, TARGET)], capture_output=True, text=True).stdout
    if "Socket errors" in out or "Non-2xx" in out:
        print("# " + out.replace("\n", " "), flush=True)
    return int(re.search(r"(\d+) requests in", out).group(1)), {}


def light(port, secs):
    out = subprocess.run(["taskset", "-c", A.load_core, A.tlsload, "rate", "-P", "-p", str(port), "-c", "64",
                          "-d", str(secs), "-r", str(A.rate), "-u", TARGET], capture_output=True, text=True).stdout
    j = json.loads(out)
    if j["errors"] or j["bad"]:
        print("# " + out, flush=True)
    return j["requests"], j


def spread(values, digits=3):
    f = "%%.%df" % digits
    return (f + " (" + f + "-" + f + ")") % (statistics.median(values), min(values), max(values))


def rounds(name, load, procs, ports):
    rows = {m: [] for m in MODES}
    for m in MODES:
        load(ports[m], 1)
    for _ in range(A.rounds):
        for m in random.sample(MODES, len(MODES)):
            before = cpu_ns(procs[m].pid)
            n, extra = load(ports[m], A.secs)
            rows[m].append(dict(extra, us=(cpu_ns(procs[m].pid) - before) / 1000 / n, n=n))
    print("\n%s: %d rounds of %g s" % (name, A.rounds, A.secs))
    for m in MODES:
        us = [r["us"] for r in rows[m]]
        line = "  %-6s us/request %s, p25 %.2f" % (m, spread(us, 2), sorted(us)[len(us) // 4])
        for other in [MODES[0]] + [o for o in ("once", "drain") if o in MODES[1:]]:
            ratios = [x["us"] / y["us"] for x, y in zip(rows[m], rows[other])]
            quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
            line += "; to %s %.3f (%.3f-%.3f, half of them in %.3f-%.3f)" % (
                other, statistics.median(ratios), min(ratios), max(ratios), quartiles[0], quartiles[2])
        if "p50_us" in rows[m][0]:
            line += "  p50 %s  p99 %s" % tuple(spread([r[q] for r in rows[m]], 0) for q in ("p50_us", "p99_us"))
        else:
            line += "  requests/s %.0f" % (statistics.median(r["n"] for r in rows[m]) / A.secs)
        print(line, flush=True)


def syscalls(name, load, procs, ports):
    print("\nsystem calls per request, " + name)
    for m in MODES:
        perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(procs[m].pid)],
                                stderr=subprocess.PIPE, text=True)
        time.sleep(0.3)
        n, _ = load(ports[m], A.secs)
        perf.send_signal(2)
        count = int(perf.communicate()[1].split(",")[0])
        print("  %-6s %.2f" % (m, count / n), flush=True)


def instructions(upstream, answer):
    print("\nuser instructions per request (callgrind, lockstep client)")
    for connections in (64, 1):
        for m in MODES:
            counts = {}
            for n in (2000, 12000):
                port = free_port()
                with tempfile.TemporaryFile("w+") as err:
                    p = subprocess.Popen(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", A.relay,
                                          m, str(port), str(upstream), str(answer)], stderr=err)
                    started.append(p)
                    wait_for(port)
                    subprocess.run([A.client, "-c", str(connections), "-u", TARGET, str(port), str(n)], check=True,
                                   stdout=subprocess.DEVNULL)
                    p.terminate()
                    p.wait()
                    err.seek(0)
                    counts[n] = int(re.search(r"Collected : (\d+)", err.read()).group(1))
            print("  %2d connections  %-6s %.0f" % (connections, m, (counts[12000] - counts[2000]) / 10000), flush=True)


def main():
    origin = free_port()
    spawn(A.load_core, [A.origin, str(origin)])
    wait_for(origin)
    answer = answer_bytes(origin)
    ports = {m: free_port() for m in MODES}
    procs = {m: spawn(A.relay_core, [A.relay, m, str(ports[m]), str(origin), str(answer)]) for m in MODES}
    for m in MODES:
        wait_for(ports[m])
    print("answer %d bytes; load average %.1f" % ((answer,) + os.getloadavg()[:1]))
    cells = A.cells.split(",")
    loads = [("saturated, 64 connections", saturated)]
    if A.tlsload:
        loads.append(("%d requests/s" % A.rate, light))
    for name, load in loads:
        if load.__name__ in cells:
            rounds(name, load, procs, ports)
        if "syscalls" in cells:
            syscalls(name, load, procs, ports)
    if "instructions" in cells:
        instructions(origin, answer)
    print("load average at the end %.1f" % os.getloadavg()[0])


try:
    main()
finally:
    for p in started:
        if p.poll() is None:
            p.kill()
