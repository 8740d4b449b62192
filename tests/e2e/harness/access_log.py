"""The access log, one JSON object a line, under the names the tests use."""
import json
import pathlib

from .deadline import eventually

# The test's name of a value -> its key in the record. "reason" is whichever of
# refusal and failure is there.
KEYS = {
    "time": "time", "request_id": "request_id", "trace_id": "trace_id", "client": "client",
    "host": "host", "sni": "sni", "alpn": "alpn", "tls": "tls", "resumed": "resumed",
    "method": "method", "target": "target", "status": "status", "bytes_in": "bytes_in",
    "bytes_out": "bytes_out", "upstream": "upstream", "installation": "installation_id",
    "site": "site_id", "agency": "agency_id", "retries": "retries", "refusal": "refusal",
    "failure": "failure",
}


class Record(dict):
    """A record; value("host") by the test's name."""

    def value(self, name):
        if name == "reason":
            return self.value("refusal") or self.value("failure")
        return self.get(KEYS[name])


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
