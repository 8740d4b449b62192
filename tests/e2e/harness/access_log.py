"""The access log, one JSON object a line, under the names the tests use."""
import json
import pathlib

from .deadline import eventually

# The test's name of a value -> the path of keys in the record.
KEYS = {
    "time": "time", "request_id": "request_id", "trace_id": "trace_id", "client": "client",
    "host": "host", "sni": "sni", "alpn": "alpn", "tls": "tls", "resumed": "resumed",
    "method": "method", "target": "target", "status": "status", "bytes_in": "bytes_in",
    "bytes_out": "bytes_out", "upstream": "upstream", "installation": "installation",
    "site": "site", "agency": "agency", "retries": "retries", "reason": "reason",
}


class Record(dict):
    """A record; value("host") by the test's name."""

    def value(self, name):
        found = self
        for key in KEYS[name].split("."):
            found = (found or {}).get(key)
        return found


class AccessLog:
    def __init__(self, path):
        self.path = pathlib.Path(path)

    def records(self):
        """Whole lines only; each must be JSON."""
        if not self.path.exists():
            return []
        text = self.path.read_bytes()
        lines = text[:text.rfind(b"\n") + 1].splitlines()
        return [Record(json.loads(line)) for line in lines]

    def wait(self, predicate, within=5.0):
        """The records that satisfy predicate, once there is one (the writer
        may hold records for a second)."""
        return eventually(lambda: [r for r in self.records() if predicate(r)], within,
                          f"an access record in {self.path}")
