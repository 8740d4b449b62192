#!/usr/bin/env python3
"""What an access rule costs a request: the same request with a token, asked of a Marquee without
rules and of one that checks it (remembered after the first), over plain HTTP/1.1, one at a time.

  access_cost.py BINARY [--pairs 31] [--instructions]

CPU time is the kernel's sum over the proxy's threads (schedstat), interleaved; instructions are
user space, by callgrind, whose processor has no SHA extensions: it makes SHA-256 ten times dearer.
"""
import argparse, os, pathlib, re, socket, statistics, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from harness import Domain, Listener, Upstream, settings, yaml  # noqa: E402
from harness.tokens import claims, hs256  # noqa: E402

SECRET = "a-secret-of-the-platform-0123456789"
DOMAIN = Domain("shop.test")
BODY = b"x" * 1024
ACCESS = {"rules": [{"paths": ["/api"], "accept": ["jwt"]}], "tokens": {"issuers": {"p": {"secret": SECRET}}}}
TOKEN = hs256(SECRET, claims(site_id=DOMAIN.site, agency_id=DOMAIN.agency, role="admin"))
REQUEST = f"GET /api/x HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()


def origin():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        while connection.recv(65536):  # one request at a time
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + BODY)

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def start(binary, upstream, access, prefix=()):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="marquee-access-"))
    document = settings.document(
        state_dir=str(folder / "state"), admin_socket=str(folder / "admin.sock"), access_log="/dev/null",
        listeners=[Listener("127.0.0.1:0", "http")], domains=[DOMAIN], workers=1, access=access,
        upstreams=[Upstream("main", [f"http://127.0.0.1:{upstream}"], first_byte=60)])
    (folder / "marquee.yaml").write_text(yaml.dump(document))
    log = folder / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([*prefix, binary, "run", "-c", str(folder / "marquee.yaml")],
                                   stdout=out, stderr=out)
    for _ in range(1200):
        if found := re.search(r"listening.*?127\.0\.0\.1:(\d+)", log.read_text(errors="replace")):
            return process, int(found[1]), log
        time.sleep(0.1)
    raise RuntimeError(log.read_text(errors="replace"))


def ask(port, count):
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(count):
            client.sendall(REQUEST)
            got = b""
            while len(got.partition(b"\r\n\r\n")[2]) < len(BODY):
                got += client.recv(65536)
            assert got.startswith(b"HTTP/1.1 200"), got


def cpu(process):
    folder = f"/proc/{process.pid}/task"
    return sum(int(open(f"{folder}/{t}/schedstat").read().split()[0]) for t in os.listdir(folder)) / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--pairs", type=int, default=31)
    parser.add_argument("--instructions", action="store_true")
    a = parser.parse_args()
    upstream = origin()
    if a.instructions:
        for name, access in (("off", None), ("on", ACCESS)):
            counts = []
            for requests in (500, 2500):
                process, port, log = start(a.binary, upstream, access,
                                           ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"))
                ask(port, requests)
                process.terminate()
                process.wait(120)
                counts.append(int(re.findall(r"Collected : (\d+)", log.read_text(errors="replace"))[-1]))
            print(f"{name}: {(counts[1] - counts[0]) / 2000:.0f} instructions per request")
        return
    off, on = start(a.binary, upstream, None), start(a.binary, upstream, ACCESS)
    rows = []
    for _ in range(a.pairs):
        row = []
        for process, port, _ in (off, on):
            before = cpu(process)
            ask(port, 8000)
            row.append((cpu(process) - before) / 8000)
        rows.append(row)
    for process, _, _ in (off, on):
        process.terminate()
    print(f"CPU per request: off {min(r[0] for r in rows):.2f} us, on {min(r[1] for r in rows):.2f} us at least; "
          f"median ratio {statistics.median(r[1] / r[0] for r in rows):.3f}")


main()
