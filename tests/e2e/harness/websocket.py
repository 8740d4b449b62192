"""Both ends of a WebSocket, each a Node process with Debian's `ws` package."""
import json
import os
import pathlib
import subprocess
import threading

from .deadline import Deadline

_SCRIPT = pathlib.Path(__file__).parent / "node/websocket.js"


class WebSocketEnd:
    """What it says is kept as dicts in `events`; `order` tells it what to do."""

    def __init__(self, **options):
        self.events = []
        self._changed = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            ["node", str(_SCRIPT), json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env={**os.environ, "NODE_PATH": "/usr/share/nodejs"})
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _read(self):
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "stray", "text": line}  # a stack trace: shown when a wait fails
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def order(self, order, **more):
        self._process.stdin.write(json.dumps({"order": order, **more}) + "\n")
        self._process.stdin.flush()

    def mark(self):
        return len(self.events)

    def of(self, event, since=0, **wanted):
        return [e for e in self.events[since:]
                if e["event"] == event and all(e.get(k) == v for k, v in wanted.items())]

    def wait(self, event, since=0, count=1, within=10.0, **wanted):
        """The `count`th such event after `since`."""
        deadline = Deadline(within, f"{event} {wanted or ''}")
        with self._changed:
            while True:
                found = self.of(event, since, **wanted)
                if len(found) >= count:
                    return found[count - 1]
                assert not self._ended, f"node ended without {event}: {self.events[-8:]}"
                try:
                    self._changed.wait(deadline.remaining())
                except TimeoutError as late:
                    raise TimeoutError(f"{late}; it said: {self.events[-8:]}") from None

    def end(self):
        """Ends the process without a closing handshake."""
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class WebSocketServer(WebSocketEnd):
    """Echoes each message with its type; `endpoint` is for an Upstream."""

    def __init__(self, **options):
        super().__init__(role="server", **options)
        self.port = self.wait("listening")["port"]
        self.endpoint = f"http://127.0.0.1:{self.port}"


def websocket_client(proxy, way, path="/", host="bakery.test", **options):
    """way: "ws", "wss" or "h2" (extended CONNECT on an HTTP/2 connection)."""
    address = proxy.address(protocol="http" if way == "ws" else "https")
    return WebSocketEnd(
        role="client", url=f"{'ws' if way == 'ws' else 'wss'}://{host}:{address[1]}{path}", host=address[0],
        port=address[1], sni=host, ca=proxy.ca_file, http=2 if way == "h2" else 1, **options)
