"""The admin socket: JSON and Prometheus text over HTTP on a Unix socket."""
import re
import socket

from .client import RawClient, request
from .wire import ByteReader

_SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One scrape. sum("name", label="value") adds all series that match."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SAMPLE.match(line)
            assert match, f"not Prometheus text: {line!r}"
            self.samples.append((match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))

    def names(self):
        return {name for name, _, _ in self.samples}

    def sum(self, name, **labels):
        return sum(v for n, found, v in self.samples
                   if n == name and all(found.get(k) == w for k, w in labels.items()))

    def changed(self, before):
        """Series whose value grew since `before`: {(name, labels...): growth}."""
        old = {(n, tuple(sorted(la.items()))): v for n, la, v in before.samples}
        grown = {}
        for n, la, v in self.samples:
            key = (n, tuple(sorted(la.items())))
            if v > old.get(key, 0):
                grown[key] = v - old.get(key, 0)
        return grown


class Admin:
    def __init__(self, path):
        self.path = str(path)

    def call(self, target, method="GET", body=None, within=15.0, fields=()):
        client = RawClient.__new__(RawClient)
        client.sock = socket.socket(socket.AF_UNIX)
        with client.sock:
            client.sock.settimeout(within)
            client.sock.connect(self.path)
            client.reader = ByteReader(client.sock)
            client.send(request(method, target, "admin", [("Connection", "close"), *fields], body))
            return client.response(method, within)

    def json(self, target, method="GET", status=200):
        answer = self.call(target, method)
        assert answer.status == status, f"{method} {target}: {answer.status} {answer.body!r}"
        return answer.json()

    def status(self):
        return self.json("/v1/status")

    def metrics(self):
        answer = self.call("/metrics")
        assert answer.status == 200
        return Metrics(answer.body.decode())
