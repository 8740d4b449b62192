"""Starts proxies with equal work in front of one origin, and counts their CPU. Python 3 stdlib.

Used by load.py and instructions.py. A proxy is an entry of PROXIES: its configuration's
template lies beside this file, `@word@` in it and in the command is replaced.
"""
import glob, json, os, re, shutil, signal, socket, ssl, subprocess, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TOOLS = os.path.join(ROOT, "build", "bench")

# Fields that every proxy must add for the upstream: the "equal work".
FIELDS = ["x-tenant-agency-id", "x-tenant-client-id", "x-tenant-site-id", "x-forwarded-for", "x-forwarded-proto",
          "x-forwarded-host", "x-forwarded-port", "traceparent"]

PROXIES = {
    "marquee": dict(binary="marquee", template="marquee.yaml.tmpl", file="marquee.yaml",
                    command="@binary@ run -c @run@/marquee.yaml"),
    "nginx": dict(binary="nginx", template="nginx.conf.tmpl", file="nginx.conf",
                  command="@binary@ -p @run@ -c @run@/nginx.conf"),
    "haproxy": dict(binary="haproxy", template="haproxy.cfg.tmpl", file="haproxy.cfg",
                    command="@binary@ -db -f @run@/haproxy.cfg", stdout="access.log"),
}

# kind of connection, request target, body bytes, connections; HTTP/2: streams of each
# connection at one time, and window sizes as powers of two (stream, connection)
CELLS = {
    "h1-1k": dict(tls=True, target="/b/1024", connections=64),
    "plain-1k": dict(tls=False, target="/b/1024", connections=64),
    "h1-64k": dict(tls=True, target="/b/65536", connections=32),
    "h1-10m": dict(tls=True, target="/b/10485760", connections=4, mib=10),
    "post-16k": dict(tls=True, target="/post", body=16384, connections=32),
    "h2-1k": dict(tls=True, target="/b/1024", connections=16, streams=16),
    "h2-64k": dict(tls=True, target="/b/65536", connections=8, streams=4, windows=(20, 24)),
    "h2-10m": dict(tls=True, target="/b/10485760", connections=4, streams=1, windows=(20, 24), mib=10),
    "h2-post-16k": dict(tls=True, target="/post", body=16384, connections=8, streams=4),
}


def find_binary(name, marquee):
    if name == "marquee":
        return marquee if os.path.exists(marquee) else None
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def commit():
    out = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True)
    return out.stdout.strip() or "unknown"


def build_tool(name, libraries=()):
    """Compiles bench/NAME.cpp when it is newer than its binary; returns the binary's path."""
    source, binary = os.path.join(HERE, name + ".cpp"), os.path.join(TOOLS, name)
    if not os.path.exists(binary) or os.path.getmtime(binary) < os.path.getmtime(source):
        os.makedirs(TOOLS, exist_ok=True)
        subprocess.run(["c++", "-std=c++20", "-O2", "-o", binary, source, *libraries], check=True)
    return binary


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree(root):
    """The process and all its descendants."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = open(path).read()
        except OSError:
            continue
        children.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append(int(path.split("/")[2]))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(root):
    """CPU time of every thread of the process tree, from the scheduler (nanoseconds, not ticks)."""
    total = 0
    for pid in tree(root):
        for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
            try:
                total += int(open(path).read().split()[0])
            except OSError:
                pass
    return total / 1e9


def replace_words(text, words):
    return re.sub(r"@(\w+)@", lambda m: str(words.get(m.group(1), m.group(0))), text)


class Bench:
    """Scratch folder, certificate, origin and proxies of one run; a context manager that ends them all."""

    def __init__(self, marquee, proxy_core="0", load_core="1"):
        self.marquee, self.proxy_core, self.load_core = os.path.abspath(marquee), proxy_core, load_core
        self.started, self.proxies = [], {}

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="marquee-bench-")
        try:
            self.certificate()
            self.client = build_tool("client", ["-lssl", "-lcrypto"])
            self.origin = free_port()
            self.spawn(self.load_core, [build_tool("origin"), str(self.origin)])
            self.wait(lambda: self.get(self.origin, False, "/b/2").endswith("\r\n\r\n07"), "the origin", 10)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in self.started:
            if p.poll() is None:
                self.stop(p)
        shutil.rmtree(self.dir, ignore_errors=True)

    def spawn(self, core, argv, **kw):
        p = subprocess.Popen(["taskset", "-c", core, *argv], stdin=subprocess.DEVNULL, **kw)
        self.started.append(p)
        return p

    @staticmethod
    def stop(p, patience=15):
        members = tree(p.pid)
        p.terminate()
        try:
            p.wait(patience)
        except subprocess.TimeoutExpired:
            for pid in members:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            p.wait()

    def certificate(self):
        """ECDSA P-256 for localhost; leaf and key in one file. Clients here do not verify it."""
        key, leaf = (os.path.join(self.dir, n) for n in ("key.pem", "leaf.pem"))
        self.pem = os.path.join(self.dir, "localhost.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
                        "-keyout", key, "-out", leaf], check=True, capture_output=True)
        with open(self.pem, "w") as out:
            out.write(open(leaf).read() + open(key).read())
        self.openssl_conf = os.path.join(self.dir, "openssl.cnf")
        with open(self.openssl_conf, "w") as out:  # holds wrk to one version, cipher and group
            out.write("openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\nMinProtocol = TLSv1.3\n"
                      "Ciphersuites = TLS_AES_128_GCM_SHA256\nGroups = X25519\n")

    def wait(self, ready, what, seconds, process=None):
        end, last = time.time() + seconds, "it did not answer as it should"
        while time.time() < end:
            try:
                if ready():
                    return
            except (OSError, ssl.SSLError) as error:
                last = str(error)
            if process is not None and process.poll() is not None:
                last = "it ended with status %d" % process.returncode
                break
            time.sleep(0.02)
        raise RuntimeError("%s does not serve: %s" % (what, last))

    @staticmethod
    def get(port, tls, target):
        """One GET; returns head and body as text."""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
            if tls:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                s = context.wrap_socket(s, server_hostname="localhost")
            s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target.encode())
            data = b""
            while True:
                piece = s.recv(1 << 20)
                data += piece
                end = data.find(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", data[:end + 2]) if end >= 0 else None
                if not piece or (length and len(data) >= end + 4 + int(length.group(1))):
                    return data.decode("latin1")

    def start(self, name, prefix=(), extra=None, patience=15, core=None):
        """Starts proxy NAME and waits until it serves on both of its ports."""
        entry = PROXIES[name]
        run = os.path.join(self.dir, "%s-%d" % (name, len(self.started)))
        os.makedirs(os.path.join(run, "state"))
        words = {"run": run, "port": free_port(), "plain": free_port(), "upstream": self.origin, "cert": self.pem,
                 "binary": find_binary(name, self.marquee), "master": "on",
                 "user": "user root;" if os.geteuid() == 0 else "", **(extra or {})}
        with open(os.path.join(run, entry["file"]), "w") as out:
            out.write(replace_words(open(os.path.join(HERE, entry["template"])).read(), words))
        argv = [*prefix, *replace_words(entry["command"], words).split()]
        errors = os.path.join(run, "stderr.log")
        p = self.spawn(core or self.proxy_core, argv, cwd=run, stderr=open(errors, "ab"),
                       stdout=open(os.path.join(run, entry.get("stdout", "stdout.log")), "ab"))
        p.run, p.errors, p.tls_port, p.plain_port, p.name = run, errors, words["port"], words["plain"], name
        try:
            for port, tls in ((p.tls_port, True), (p.plain_port, False)):
                self.wait(lambda: self.get(port, tls, "/b/2").endswith("\r\n\r\n07"), name, patience, p)
        except RuntimeError as error:
            raise RuntimeError("%s\n%s" % (error, open(errors, errors="replace").read()[-2000:]))
        return p

    def check(self, p):
        """What is measured must be the work it claims to be."""
        for port, tls in ((p.tls_port, True), (p.plain_port, False)):
            seen = self.get(port, tls, "/echo").split("\r\n\r\n", 1)[1].lower()
            missing = [f for f in FIELDS if "\n%s:" % f not in seen]
            if missing:
                raise RuntimeError("%s does not add %s" % (p.name, ", ".join(missing)))
            through, direct = self.get(port, tls, "/b/1500000"), self.get(self.origin, False, "/b/1500000")
            if through.split("\r\n\r\n", 1)[1] != direct.split("\r\n\r\n", 1)[1]:
                raise RuntimeError("%s changes a body" % p.name)
        log = os.path.join(p.run, "access.log")
        end = time.time() + 5
        while time.time() < end:
            lines = [l for l in open(log, errors="replace") if l.startswith("{")] if os.path.exists(log) else []
            if lines and lines[-1].endswith("\n"):
                json.loads(lines[-1])
                return
            time.sleep(0.1)
        raise RuntimeError("%s writes no JSON access log" % p.name)

    def h2load(self, p, cell, *amount):
        """h2load for an HTTP/2 cell; AMOUNT is its -n or -D. Returns the number of requests answered, all of them rightly."""
        c = CELLS[cell]
        argv = ["taskset", "-c", self.load_core, "h2load", "-t1", "-c%d" % c["connections"], "-m%d" % c["streams"],
                "--ciphers=ECDHE-ECDSA-AES128-GCM-SHA256", *amount]
        if "windows" in c:
            argv += ["-w%d" % c["windows"][0], "-W%d" % c["windows"][1]]
        if "body" in c:
            body = os.path.join(self.dir, "body-%d" % c["body"])
            with open(body, "w") as out:
                out.write("x" * c["body"])
            argv += ["-d", body]
        out = subprocess.run([*argv, "https://localhost:%d%s" % (self.port(p, cell), c["target"])], text=True,
                             capture_output=True, env=dict(os.environ, OPENSSL_CONF=self.openssl_conf)).stdout
        found = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
        if not found or "Application protocol: h2\n" not in out or found.group(3) != "0" or int(found.group(2)) == 0:
            raise RuntimeError("%s under %s: %s" % (p.name, cell, found.group(0) if found else out[-300:] or "h2load said nothing"))
        return int(found.group(1))

    def port(self, p, cell):
        return p.tls_port if CELLS[cell]["tls"] else p.plain_port
