#!/usr/bin/env python3
"""CPU time per request of Marquee for 64 KiB pages, branded against unbranded.

  branding.py [--marquee build/release/marquee] [--rounds 7] [--seconds 1]

One Marquee with one worker, plain HTTP, an origin that answers prepared pages, and three
domains: one without a brand, one whose brand only inserts (the rest of the page passes), one
that also removes elements. In each round every pair of page and domain is measured once, in a
shuffled order; the ratio to the domain without a brand is taken within the round, and the
median is printed with least and greatest. The figure is CPU (user and system) of the process
from /proc/PID/task/*/schedstat, divided by the requests that wrk counted.
"""
import argparse, asyncio, os, random, re, statistics, subprocess, sys, tempfile, threading, time

import harness
from harness import ROOT, cpu_seconds, free_port

SIZE = 64 << 10
HEAD = "<!doctype html><html><head><meta charset=utf-8><title>Page</title><link rel=icon href=/i.ico></head><body>"
TEXT = "<p>" + "plain words of a page that has many of them, " * 18 + "</p>\n"
CARD = ('<div class="card"><a href="/p/1"><img src="/i/1.jpg" alt="x" width="40"></a><h3 class="t"><span>Name</span></h3>'
        '<p class="d">A short text of a card</p><em>12.50</em><ul><li>one</li><li>two</li></ul></div>\n')
PAGES = {kind: (HEAD + part * (SIZE // len(part)))[:SIZE - 14].encode() + b"</body></html>"
         for kind, part in (("text", TEXT), ("tags", CARD))}
SETTINGS = """
workers: 1
state_dir: {run}/state
listeners: [{{ address: "127.0.0.1:{port}", protocol: http }}]
upstreams: {{ origin: {{ endpoints: ["http://127.0.0.1:{origin}"], idle: 600s }} }}
domains:
  - {{ host: plain.test, upstream: origin, redirect_to_https: false, agency: a, installation: i }}
  - {{ host: inserts.test, upstream: origin, redirect_to_https: false, agency: a, installation: i, brand: {brand} }}
  - {{ host: removes.test, upstream: origin, redirect_to_https: false, agency: a, installation: i, brand: {removes} }}
log: {{ access: {{ file: "{run}/access.log", format: json }}, level: warn }}
admin: {{ socket: "{run}/admin.sock" }}
"""
BRAND = '{ name: Rose Bakery, favicon_url: /r.png, logo_url: /l.png, primary: "#8b1e3f", secondary: "#f4c95d"%s }'


async def origin(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            page = PAGES[head.split(b" ", 2)[1].strip(b"/").decode()]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def measure(process, port, host, page, seconds):
    before = cpu_seconds(process.pid)
    out = subprocess.run(["wrk", "-t1", "-c8", "-d%ss" % seconds, "-H", "Host: " + host, "http://127.0.0.1:%d/%s" % (port, page)],
                         capture_output=True, text=True, check=True).stdout
    time.sleep(0.05)
    requests = int(re.search(r"(\d+) requests in", out)[1])
    if "Non-2xx" in out or not requests:
        raise RuntimeError(out)
    return (cpu_seconds(process.pid) - before) / requests * 1e6


def main():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--marquee", default=os.path.join(ROOT, "build", "release", "marquee"))
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=int, default=1)
    a = ap.parse_args()
    port, behind = free_port(), free_port()
    loop = asyncio.new_event_loop()

    def serve():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.start_server(origin, "127.0.0.1", behind, limit=1 << 20))
        loop.run_forever()
    threading.Thread(target=serve, daemon=True).start()
    print("commit %s\ncommand: bench/branding.py %s" % (harness.commit(), " ".join(sys.argv[1:])))
    with tempfile.TemporaryDirectory(prefix="mq-bench-") as run:
        file = run + "/marquee.yaml"
        open(file, "w").write(SETTINGS.format(run=run, port=port, origin=behind, brand=BRAND % "",
                                              removes=BRAND % ", hide_powered_by: true"))
        process = subprocess.Popen([a.marquee, "run", "-c", file])
        try:
            for _ in range(200):
                time.sleep(0.1)
                if subprocess.run(["curl", "-sf", "-o", "/dev/null", "-H", "Host: plain.test", "http://127.0.0.1:%d/text" % port]).returncode == 0:
                    break
            cells = [(host, page) for page in PAGES for host in ("plain", "inserts", "removes")]
            for host, page in cells:
                measure(process, port, host + ".test", page, 1)
            ratios = {}
            for _ in range(a.rounds):
                random.shuffle(cells)
                got = {cell: measure(process, port, cell[0] + ".test", cell[1], a.seconds) for cell in cells}
                for (host, page), value in got.items():
                    ratios.setdefault((page, host), []).append((value / got["plain", page], value))
            for (page, host), values in sorted(ratios.items()):
                of = [r for r, _ in values]
                print("%-5s %-8s %.2f (%.2f-%.2f), median %.0f us" % (page, host, statistics.median(of), min(of), max(of),
                                                                      statistics.median(v for _, v in values)))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
