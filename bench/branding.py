#!/usr/bin/env python3
"""Cost of a 64 KiB page with Marquee, branded against unbranded, and compressed against nginx.

  branding.py [--marquee build/release/marquee] [--rounds 7] [--seconds 1]   CPU time per request
  branding.py --tls                             the same over TLS 1.3, as visitors come
  branding.py --instructions [--keep FOLDER]    user instructions per request, by callgrind
  branding.py --gzip                            CPU time against nginx, gzip of the same level
  branding.py --syscalls                        system calls per request, by strace

One Marquee with one worker, plain HTTP, an origin that answers prepared pages, and domains: one
without a brand (plain), one whose brand only inserts (inserts: the rest of the page passes), one
that also removes elements (removes). Over TLS: three Marquees, each with one of them as localhost.
Pages: prose (text), many tags (tags), these with a badge to be removed at their end (marked), and
the prose in chunks of 1 KiB that come at once (chunks).

CPU time is of user and system, from /proc/PID/task/*/schedstat, divided by the requests that wrk
counted. In each round every cell is measured once, in a shuffled order; the ratio to the first of
its page is taken within the round, and the median is printed with least and greatest.
Instructions: two lives of the proxy, one for few and one for many requests in lockstep; the
difference is what a request costs, whatever else the machine does.
"""
import argparse, asyncio, contextlib, os, random, re, shutil, socket, statistics, subprocess, sys, tempfile, threading, time

import harness
from harness import ROOT, cpu_seconds, free_port

SIZE = 64 << 10
HEAD = "<!doctype html><html><head><meta charset=utf-8><title>Page</title><link rel=icon href=/i.ico></head><body>"
TEXT = "<p>" + "plain words of a page that has many of them, " * 18 + "</p>\n"
CARD = ('<div class="card"><a href="/p/1"><img src="/i/1.jpg" alt="x" width="40"></a><h3 class="t"><span>Name</span></h3>'
        '<p class="d">A short text of a card</p><em>12.50</em><ul><li>one</li><li>two</li></ul></div>\n')
BADGE = '<p class="dramac-branding">Powered by Dramac</p>'


def html(part, last=""):
    """As many parts as fit, and spaces."""
    room, last = SIZE - len(HEAD), last + "</body></html>"
    return (HEAD + (part * ((room - len(last)) // len(part))).ljust(room - len(last)) + last).encode()


HTML = {"text": html(TEXT), "tags": html(CARD), "marked": html(CARD, BADGE)}
FIELDS = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"


def whole(page):
    return FIELDS + b"Content-Length: %d\r\n\r\n" % len(page) + page


def chunked(page, size=1024):
    parts = [page[i:i + size] for i in range(0, len(page), size)]
    return FIELDS + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


ANSWERS = {**{kind: whole(page) for kind, page in HTML.items()}, "chunks": chunked(HTML["text"])}
SETTINGS = """
workers: 1
state_dir: {run}/state
listeners: [{{ address: "127.0.0.1:{port}", protocol: {protocol} }}]
tls: {{ ciphersuites: TLS_AES_128_GCM_SHA256, groups: X25519 }}
upstreams: {{ origin: {{ endpoints: ["http://127.0.0.1:{origin}"], idle: 600s }} }}
domains:
{domains}
compression: {{ answers: {answers}, codings: [gzip], level: {level} }}
context: {{ enabled: false }}  # its peer signs nothing: equal work
log: {{ access: {{ file: "{run}/access.log", format: json }}, level: warn }}
admin: {{ socket: "{run}/admin.sock" }}
"""
DOMAIN = "  - { host: %s, upstream: origin, redirect_to_https: false, agency: a, installation: i%s }"
BRAND = '{ name: Rose Bakery, favicon_url: /r.png, logo_url: /l.png, primary: "#8b1e3f", secondary: "#f4c95d"%s }'
BRANDS = {"plain": "", "inserts": ", brand: " + BRAND % "", "removes": ", brand: " + BRAND % ", hide_powered_by: true"}


async def origin(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWERS[head.split(b" ", 2)[1].strip(b"/").decode()])
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def start_origin():
    port, loop = free_port(), asyncio.new_event_loop()

    def serve():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.start_server(origin, "127.0.0.1", port, limit=1 << 20))
        loop.run_forever()
    threading.Thread(target=serve, daemon=True).start()
    return port


class Proxy:
    """One life of a proxy in a folder of its own; a context manager."""

    def __init__(self, folder, argv, port, prefix=(), tls=False):
        self.folder, self.port, self.prefix, self.argv, self.tls = folder, port, list(prefix), argv, tls
        self.url = "%s:%d/" % ("https://localhost" if tls else "http://127.0.0.1", port)

    def __enter__(self):
        self.errors = open(self.folder + "/stderr.log", "wb")
        self.process = subprocess.Popen([*self.prefix, *self.argv], cwd=self.folder, stderr=self.errors)
        for _ in range(600):
            time.sleep(0.1)
            host = [] if self.tls else ["-H", "Host: plain.test"]
            if subprocess.run(["curl", "-skf", "-o", "/dev/null", *host, self.url + "text"]).returncode == 0:
                return self
        self.__exit__()
        raise RuntimeError("%s does not serve: %s" % (self.argv[0], open(self.folder + "/stderr.log").read()[-1000:]))

    def __exit__(self, *_):
        if not self.prefix or self.process.poll() is not None:
            self.process.terminate()
        else:  # strace and valgrind end with what they watch
            for pid in reversed(harness.tree(self.process.pid)):
                os.kill(pid, 15)
                if pid != self.process.pid:
                    break
        self.process.wait(60)
        self.errors.close()


def marquee(a, behind, prefix=(), answers="branded", level=4, tls=None):
    """One with all domains; TLS: with that one alone, as localhost."""
    run, port = tempfile.mkdtemp(dir=a.folder), free_port()
    if tls:
        keys = ', pair: false, certificate: { cert_file: "%s", key_file: "%s" }' % (a.pem, a.pem)
        domains = DOMAIN % ("localhost", keys + BRANDS[tls])
    else:
        domains = "\n".join(DOMAIN % (name + ".test", brand) for name, brand in BRANDS.items())
    with open(run + "/marquee.yaml", "w") as out:
        out.write(SETTINGS.format(run=run, port=port, origin=behind, domains=domains, answers=answers, level=level,
                                  protocol="https" if tls else "http"))
    return Proxy(run, [os.path.abspath(a.marquee), "run", "-c", run + "/marquee.yaml"], port, prefix, bool(tls))


def nginx(a, behind, level):
    """The peer of load.py without TLS, with gzip."""
    run, port = tempfile.mkdtemp(dir=a.folder), free_port()
    words = dict(run=run, plain=port, upstream=behind, master="off", user="user root;" if os.geteuid() == 0 else "")
    text = harness.replace_words(open(os.path.join(harness.HERE, "nginx.conf.tmpl")).read(), words)
    text = re.sub(r"(?m)^ *(listen \S+ ssl.*|ssl_.*)\n", "", text).replace("server_name localhost;", "server_name plain.test;")
    text = text.replace("http {", "http {\n  gzip on; gzip_comp_level %d; gzip_min_length 1024; gzip_vary on;" % level, 1)
    with open(run + "/nginx.conf", "w") as out:
        out.write(text)
    return Proxy(run, [harness.find_binary("nginx", None), "-p", run, "-c", run + "/nginx.conf"], port)


def read_answer(s, rest=b""):
    """One answer's bytes; what begins with a length or with chunks."""
    data = rest
    while b"\r\n\r\n" not in data:
        data += s.recv(1 << 18)
    end = data.index(b"\r\n\r\n") + 4
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[:end])
    while len(data) < end + int(length[1]) if length else not data.endswith(b"0\r\n\r\n"):
        piece = s.recv(1 << 18)
        if not piece:
            raise RuntimeError("an answer broke off")
        data += piece
    if not data.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(data[:200].decode("latin1"))
    return data


def lockstep(port, host, page, requests, connections=4):
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for _ in range(requests // connections):
        for s in sockets:
            s.sendall(b"GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (page.encode(), host.encode()))
        for s in sockets:
            read_answer(s)
    for s in sockets:
        s.close()


def instructions(a, behind, host, page, requests):
    keep = os.path.join(os.path.abspath(a.keep), "callgrind.%s.%s" % (host, page)) if a.keep else "/dev/null"
    proxy = marquee(a, behind, ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + keep])
    with proxy:
        lockstep(proxy.port, host + ".test", page, requests)
    return {"instructions": int(re.findall(r"Collected : (\d+)", open(proxy.folder + "/stderr.log", errors="replace").read())[-1])}


def syscalls(a, behind, host, page, requests):
    proxy = marquee(a, behind)
    proxy.prefix = ["strace", "-f", "-c", "-o", proxy.folder + "/calls"]
    with proxy:
        lockstep(proxy.port, host + ".test", page, requests)
    rows = (line.split() for line in open(proxy.folder + "/calls") if re.match(r" *[\d.]+ ", line))
    return {row[-1]: int(row[3]) for row in rows if row[-1] != "total"}


def count(a, behind, collect, few, many):
    """What a request costs: the difference of two lives."""
    for page in a.pages:
        base = 0
        for host in BRANDS:
            low, high = collect(a, behind, host, page, few), collect(a, behind, host, page, many)
            each = {k: (high[k] - low.get(k, 0)) / (many - few) for k in high}
            total = sum(each.values())
            base = base or total
            detail = "".join(", %s %.1f" % (k, v) for k, v in sorted(each.items()) if v >= 0.05) if len(each) > 1 else ""
            print("%-6s %-8s %.1f a request, %.2f of plain%s" % (page, host, total, total / base, detail), flush=True)


def cpu(proxy, host, page, seconds, coding):
    before = cpu_seconds(proxy.process.pid)
    argv = ["wrk", "-t1", "-c8", "-d%ss" % seconds] + (["-H", "Host: " + host] if host else [])
    argv += ["-H", "Accept-Encoding: gzip"] if coding else []
    out = subprocess.run([*argv, proxy.url + page], capture_output=True, text=True, check=True).stdout
    time.sleep(0.05)
    requests = int(re.search(r"(\d+) requests in", out)[1])
    if "Non-2xx" in out or not requests:
        raise RuntimeError(out)
    return (cpu_seconds(proxy.process.pid) - before) / requests * 1e6


def rounds(a, cells):
    """CELLS: {(page, name): (proxy, host, coding)}, the first of a page is what the others are compared to."""
    first = {}
    for page, name in cells:
        first.setdefault(page, name)
    got = {cell: [] for cell in cells}
    for i in range(a.rounds + 1):  # the first one warms up
        order = list(cells)
        random.shuffle(order)
        values = {c: cpu(cells[c][0], cells[c][1], c[0].split()[0], a.seconds, cells[c][2]) for c in order}
        for c, v in values.items() if i else ():
            got[c].append((v / values[c[0], first[c[0]]], v))
    for (page, name), values in got.items():
        of = [r for r, _ in values]
        print("%-10s %-8s %.2f (%.2f-%.2f), median %.0f us" % (page, name, statistics.median(of), min(of), max(of),
                                                               statistics.median(v for _, v in values)), flush=True)


def against_nginx(a, behind):
    with marquee(a, behind, answers="all", level=a.level) as one, nginx(a, behind, a.level) as other:
        for name, proxy in (("nginx", other), ("marquee", one)):
            with socket.create_connection(("127.0.0.1", proxy.port)) as s:
                s.sendall(b"GET /text HTTP/1.1\r\nHost: plain.test\r\nAccept-Encoding: gzip\r\n\r\n")
                data = read_answer(s)
            if b"content-encoding: gzip" not in data.lower():
                raise RuntimeError("%s does not compress" % name)
            print("%s: %d bytes of %d" % (name, len(data), SIZE))
        rounds(a, {(page + how, name): (proxy, "plain.test", bool(how)) for page in ("text", "tags") for how in ("", " gzip")
                   for name, proxy in (("nginx", other), ("marquee", one))})


def over_tls(a, behind):
    with contextlib.ExitStack() as stack:
        proxies = {name: stack.enter_context(marquee(a, behind, tls=name)) for name in BRANDS}
        rounds(a, {(page, name): (proxies[name], None, False) for page in a.pages for name in BRANDS})


def main():
    ap = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    ap.add_argument("--marquee", default=os.path.join(ROOT, "build", "release", "marquee"))
    ap.add_argument("--rounds", type=int, default=7)
    ap.add_argument("--seconds", type=int, default=1)
    ap.add_argument("--level", type=int, default=4, help="of gzip")
    ap.add_argument("--pages", default=",".join(ANSWERS), help="which, by commas")
    ap.add_argument("--keep", metavar="FOLDER", help="keeps callgrind's output of the long runs there")
    how = ap.add_mutually_exclusive_group()
    for name in ("tls", "instructions", "syscalls", "gzip"):
        how.add_argument("--" + name, action="store_true")
    a = ap.parse_args()
    a.pages = a.pages.split(",")
    if a.keep:
        os.makedirs(a.keep, exist_ok=True)
    behind = start_origin()
    print("commit %s\ncommand: bench/branding.py %s" % (harness.commit(), " ".join(sys.argv[1:])))
    a.folder = tempfile.mkdtemp(prefix="mq-bench-")
    try:
        if a.tls:
            keys = harness.Bench(a.marquee)
            keys.dir = a.folder
            keys.certificate()
            a.pem = keys.pem
            over_tls(a, behind)
        elif a.instructions:
            count(a, behind, instructions, 80, 400)
        elif a.syscalls:
            count(a, behind, syscalls, 80, 1080)
        elif a.gzip:
            against_nginx(a, behind)
        else:
            with marquee(a, behind) as proxy:
                rounds(a, {(page, host): (proxy, host + ".test", False) for page in a.pages for host in BRANDS})
    finally:
        shutil.rmtree(a.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
