"""Requests for many domains, each answer kept with what its upstream was told of
its tenant. A process of its own for each kind of connection:

    h1     kept connections without TLS, pipelined, a random domain in each request
    h2c    HTTP/2 without TLS, batches of streams, a random domain in each
    tls    a new connection over TLS for a random domain, HTTP/1.1 and HTTP/2 in
           turn, and a few requests on it

HTTP/2 is made and read by hand (harness/h2_wire.py would check more, and be too
slow here): the answer's fields are skipped, its body tells what is to be known."""
import json
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

RECORD = struct.Struct("<ddHHHHH")  # sent, answered, domain, installation, site, client, agency
TENANT = ("x-site-module-installation-id", "x-tenant-site-id", "x-tenant-client-id", "x-tenant-agency-id")


class TenantLoad:
    """`count` requests, and for at least `seconds`. `ids`: for each of TENANT the ids in
    order, so that answers are kept as numbers."""

    def __init__(self, kind, address, hosts, domain_ids, ids, count, ca_file=None, seed=1, seconds=0.0):
        self.kind = kind
        self._out = tempfile.NamedTemporaryFile(prefix="mq-tenants-")
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdin.write(json.dumps({
            "kind": kind, "address": address, "hosts": hosts, "domain_ids": domain_ids, "ids": ids, "count": count,
            "seconds": seconds, "ca": ca_file, "seed": seed, "out": self._out.name}))
        self._process.stdin.close()

    def wait(self, within):
        """(what went wrong, connections that were ended before all was answered, the answers)"""
        try:
            self._process.wait(within)
        finally:
            self._process.kill()
        result = json.loads(self._process.stdout.read() or '{"failed": ["the load broke"], "reopened": 0}')
        with self._out:
            return result["failed"], result["reopened"], list(RECORD.iter_unpack(self._out.read()))


class _Ended(Exception):
    pass


class _H1:
    def __init__(self, sock):
        self.sock, self.have = sock, b""

    def batch(self, hosts):
        self.sock.sendall(b"".join(b"GET /echo HTTP/1.1\r\nHost: " + h + b"\r\n\r\n" for h in hosts))
        for i in range(len(hosts)):
            status, body, last = self._answer()
            yield i, status, body
            if last and i + 1 < len(hosts):
                raise _Ended

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise _Ended
        self.have += data

    def _answer(self):
        while (end := self.have.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self.have[:end].lower()
        at = head.index(b"\r\ncontent-length:") + 17
        size = int(head[at:head.find(b"\r\n", at) if head.find(b"\r\n", at) >= 0 else None])
        while len(self.have) < end + 4 + size:
            self._more()
        body, self.have = self.have[end + 4:end + 4 + size], self.have[end + 4 + size:]
        return head[9:12], body, b"\r\nconnection: close" in head


class _H2:
    WINDOW = 1 << 30

    def __init__(self, sock):
        self.sock, self.have, self.next, self.seen, self.going = sock, b"", 1, 0, False
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, struct.pack("!HI", 4, 1 << 20))
                     + _frame(8, 0, 0, struct.pack("!I", self.WINDOW)))

    def batch(self, hosts):
        if self.going:
            raise _Ended
        first, out = self.next, b""
        for h in hosts:
            # :method GET, :scheme http, :path and :authority as literals (RFC 7541 6)
            out += _frame(1, 5, self.next, b"\x82\x86\x04\x05/echo\x01" + bytes([len(h)]) + h)
            self.next += 2
        self.sock.sendall(out)
        bodies, left = {}, len(hosts)
        while left:
            kind, flags, stream, payload = self._frame()
            if kind == 4 and not flags & 1:
                self.sock.sendall(_frame(4, 1, 0, b""))
            elif kind == 7:
                self.going = True  # GOAWAY: what is under way is still answered
            elif kind == 3:
                raise _Ended  # RST_STREAM
            elif kind == 1:
                bodies[stream] = b""
            elif kind == 0:
                bodies[stream] += payload
                self.seen += len(payload)
            if kind in (0, 1) and flags & 1:
                left -= 1
                yield (stream - first) // 2, b"200", bodies.pop(stream)
        if self.seen > self.WINDOW // 2:
            self.sock.sendall(_frame(8, 0, 0, struct.pack("!I", self.seen)))
            self.seen = 0

    def _frame(self):
        while len(self.have) < 9 or len(self.have) < 9 + int.from_bytes(self.have[:3], "big"):
            data = self.sock.recv(1 << 16)
            if not data:
                raise _Ended
            self.have += data
        size = int.from_bytes(self.have[:3], "big")
        kind, flags, stream = struct.unpack("!BBI", self.have[3:9])
        payload, self.have = self.have[9:9 + size], self.have[9 + size:]
        return kind, flags, stream, payload


def _frame(kind, flags, stream, payload):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


class _Load:
    def __init__(self, o):
        self.o, self.failed, self.reopened = o, [], 0
        self.random = random.Random(o["seed"])
        self.index = [{value: i for i, value in enumerate(values)} for values in o["ids"]]
        self.hosts = [h.encode() for h in o["hosts"]]
        self.contexts = []
        for alpn in ("http/1.1", "h2") if o["ca"] else ():
            self.contexts.append(ssl.create_default_context(cafile=o["ca"]))
            self.contexts[-1].set_alpn_protocols([alpn])

    def open(self, number, domain):
        sock = socket.create_connection(self.o["address"], 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        kind = self.o["kind"]
        if kind == "tls":
            sock = self.contexts[number % 2].wrap_socket(sock, server_hostname=self.o["hosts"][domain])
            kind = "h2c" if number % 2 else "h1"
        return (_H2 if kind == "h2c" else _H1)(sock)

    def run(self, out):
        o, done, number, connection = self.o, 0, 0, None
        kept = o["kind"] != "tls"
        todo = []
        begun = time.monotonic()
        while done < o["count"] or time.monotonic() < begun + o["seconds"]:
            if not todo:
                if kept:
                    todo = [self.random.randrange(len(self.hosts)) for _ in range(16)]
                else:
                    todo = [self.random.randrange(len(self.hosts))] * 4
                    connection = None
            if connection is None:
                number += 1
                connection = self.open(number, todo[0])
            # Over TLS one by one: a connection is ended after the answer that showed that its domain moved.
            asked = todo if kept else todo[:1]
            answered = set()
            sent = time.monotonic()
            try:
                for i, status, body in connection.batch([self.hosts[d] for d in asked]):
                    self.keep(out, asked[i], sent, time.monotonic(), status, body)
                    answered.add(i)
            except (_Ended, ConnectionError, ssl.SSLError):
                self.reopened += 1
                connection = None
            done += len(answered)
            todo = [d for i, d in enumerate(todo) if i not in answered]
            if self.reopened > 1000 + done // 4:
                self.failed.append("connections are ended all the time")
                return

    def keep(self, out, domain, sent, answered, status, body):
        try:
            fields = {n.lower(): v for n, v in json.loads(body)["fields"]}
            assert fields["x-domain-id"] == self.o["domain_ids"][domain], fields
            assert fields["x-custom-domain"] == self.o["hosts"][domain], fields
            tenant = [index[fields[name]] for index, name in zip(self.index, TENANT)]
            assert status == b"200"
        except (AssertionError, KeyError, ValueError) as error:
            if len(self.failed) < 20:
                self.failed.append(f"{self.o['hosts'][domain]}: {status!r} {error!r} {body[:300]!r}")
            return
        out.write(RECORD.pack(sent, answered, domain, *tenant))


def _main():
    o = json.loads(sys.stdin.read())
    load = _Load(o)
    with open(o["out"], "wb") as out:
        load.run(out)
    print(json.dumps({"failed": load.failed, "reopened": load.reopened}))


if __name__ == "__main__":
    _main()
