"""Redis as fleets run it: a master with a replica and sentinels, and a Cluster."""
import contextlib
import os
import random
import socket
import subprocess
import time

from .deadline import eventually
from .redis import Redis


def read_reply(stream):
    """One reply, as Python has it; errors are raised."""
    line = stream.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        raise RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        size = int(rest)
        return None if size < 0 else stream.read(size + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return None if int(rest) < 0 else [read_reply(stream) for _ in range(int(rest))]
    raise RuntimeError(f"no reply: {line!r}")


def ask(port, *words, password=None, within=5.0):
    with socket.create_connection(("127.0.0.1", port), timeout=within) as sock, sock.makefile("rb") as stream:
        for call in ([("AUTH", password)] if password else []) + [words]:
            raw = b"*%d\r\n" % len(call)
            for word in call:
                data = str(word).encode()
                raw += b"$%d\r\n%s\r\n" % (len(data), data)
            sock.sendall(raw)
            reply = read_reply(stream)
    return reply


class Sentinel(Redis):
    """Watches the master at `port` as `name`, with a quorum of 1."""

    def __init__(self, name, port, password=None, down_after=500, master_password=None):
        super().__init__()
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}",
                 f"sentinel monitor {name} 127.0.0.1 {port} 1", f"sentinel down-after-milliseconds {name} {down_after}",
                 f"sentinel failover-timeout {name} 3000"]
        if password:
            lines.append(f"requirepass {password}")
        if master_password:
            lines.append(f"sentinel auth-pass {name} {master_password}")
        (self.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(["redis-server", str(self.folder / "sentinel.conf"), "--sentinel"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._answers, 20, "a sentinel that answers")
        return self


class Watched:
    """A master, a replica, and sentinels that fail over within about a second."""
    name = "limits"

    def __init__(self, sentinels=1, password=None, sentinel_password=None):
        self._stack = contextlib.ExitStack()
        self._count, self._password, self._sentinel_password = sentinels, password, sentinel_password

    def __enter__(self):
        own = ["--requirepass", self._password, "--masterauth", self._password] if self._password else []
        fast = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        with contextlib.ExitStack() as stack:
            self.master = stack.enter_context(Redis(*own, *fast))
            self.replica = stack.enter_context(Redis(*own, *fast, "--replicaof", "127.0.0.1", self.master.port))
            eventually(lambda: ask(self.replica.port, "ROLE", password=self._password)[3] == "connected", 20, "a replica in step")
            self.sentinels = [stack.enter_context(Sentinel(self.name, self.master.port, self._sentinel_password,
                                                           master_password=self._password))
                              for _ in range(self._count)]
            for sentinel in self.sentinels:
                eventually(lambda s=sentinel: self._knows(s), 20, "a sentinel that knows the replica")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _knows(self, sentinel):
        """That it would promote the replica: it has read the replica's INFO."""
        known = ask(sentinel.port, "SENTINEL", "REPLICAS", self.name, password=self._sentinel_password)
        facts = [dict(zip(replica[::2], replica[1::2])) for replica in known]
        return [(f["flags"], f.get("master-link-status")) for f in facts] == [("slave", "ok")]

    def master_port(self):
        return int(ask(self.sentinels[0].port, "SENTINEL", "get-master-addr-by-name", self.name,
                       password=self._sentinel_password)[1])

    def settings(self):
        out = {"sentinels": [s.address for s in self.sentinels], "master": self.name}
        if self._password:
            out["password"] = self._password
        if self._sentinel_password:
            out["sentinel_password"] = self._sentinel_password
        return out

    def failed_over(self, within=20.0):
        eventually(lambda: self.master_port() == self.replica.port, within, "a new master")
        return time.monotonic()


def _port_with_bus():
    """A free port whose bus port (10000 above) is free, too."""
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)), \
                socket.create_server(("127.0.0.1", port + 10_000)):
            return port
    raise RuntimeError("no free port for a Cluster")


class Node(Redis):
    def __init__(self, *arguments, tls=None, password=None):
        super().__init__("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1000",
                         "--cluster-require-full-coverage", "no", *arguments)
        self.port = self.known_port = _port_with_bus()
        self._password = password
        if tls:
            ca, cert, key = tls
            self.known_port = _port_with_bus()
            self.arguments += ["--tls-port", str(self.known_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key),
                               "--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no", "--tls-cluster", "yes"]

    @property
    def known_address(self):
        """As the cluster tells it to those who speak TLS where it does."""
        return f"127.0.0.1:{self.known_port}"

    def ask(self, *words):
        return ask(self.port, *words, password=self._password)

    @property
    def id(self):
        return self.ask("CLUSTER", "MYID")


class Cluster:
    """`count` masters without replicas. What has no master is not served, the rest is."""

    def __init__(self, count=3, tls=None, password=None):
        self._count, self._tls, self._password = count, tls, password
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            own = ["--requirepass", self._password, "--masterauth", self._password] if self._password else []
            self.nodes = [stack.enter_context(Node(*own, tls=self._tls, password=self._password)) for _ in range(self._count)]
            secure = ["--tls", "--cacert", str(self._tls[0])] if self._tls else []
            secret = {"REDISCLI_AUTH": self._password} if self._password else {}
            made = subprocess.run(["redis-cli", *secure, "--cluster", "create", *[n.known_address for n in self.nodes],
                                   "--cluster-yes"], capture_output=True, text=True, timeout=60, env={**os.environ, **secret})
            assert made.returncode == 0, made.stdout + made.stderr
            for node in self.nodes:
                eventually(lambda n=node: "cluster_state:ok" in n.ask("CLUSTER", "INFO"), 20, "a cluster in order")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def settings(self):
        return {"cluster": [n.known_address for n in self.nodes[:2]]}

    def slot(self, key):
        return self.nodes[0].ask("CLUSTER", "KEYSLOT", key)

    def owner(self, slot):
        for first, last, node, *_ in next(n for n in self.nodes if n.process.poll() is None).ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in self.nodes if n.port == node[1])
        return None

    def keys(self):
        return sorted(key for node in self.nodes for key in node.ask("KEYS", "*"))

    @contextlib.contextmanager
    def moving(self, slot, source, target):
        """A slot that is on its way: keys that are not at `source` are asked for at
        `target` (ASK). At the end it has moved (MOVED)."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        yield
        self.carry(slot, source, target)
        for node in (target, source, *[n for n in self.nodes if n not in (source, target)]):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def carry(self, slot, source, target):
        for key in source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000):
            source.ask("MIGRATE", "127.0.0.1", target.port, key, 0, 1000)
