"""Many slow clients at once, from one thread. Each sends one byte (or reads a
few) in every `pace` seconds; when Marquee ends it, its life is noted and, while
`again` holds, another takes its place."""
import contextlib
import dataclasses
import select
import socket
import ssl
import threading
import time

from . import pki

HEAD, BODY, READ, IDLE = "head", "body", "read", "idle"
_BEGIN = {
    HEAD: b"GET /slow-head HTTP/1.1\r\nHost: bakery.test\r\nX-Slow: ",
    BODY: b"POST /upload HTTP/1.1\r\nHost: bakery.test\r\nContent-Length: 1000000\r\n\r\n",
    READ: b"GET /bytes/4000000 HTTP/1.1\r\nHost: bakery.test\r\n\r\n",
    IDLE: b"",
}


@dataclasses.dataclass
class _Client:
    kind: str
    sock: object
    opened: float
    due: float


class SlowClients:
    """`counts` by kind. Closed by `with`, or by stop()."""

    def __init__(self, proxy, counts, *, secure=True, pace=1.0, again=True, source=None):
        self.lives = {kind: [] for kind in counts}  # seconds, of those that Marquee ended
        self.refused = 0  # could not even connect or shake hands
        self.again = again
        self._counts = dict(counts)
        self._pace = pace
        self._source = source
        self._address = proxy.address(protocol="https" if secure else "http")
        self._context = pki.client_context(proxy.ca_file) if secure else None
        self._poll = select.poll()
        self._clients = {}
        self._error = None
        self._stopped = threading.Event()
        self._all_open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._all_open.wait(60), "the slow clients did not come in"
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopped.set()
        self._thread.join(30)
        if self._error:
            raise self._error

    @property
    def open(self):
        return len(self._clients)

    def _run(self):
        try:
            self._fill()
            self._all_open.set()
            while not self._stopped.is_set():
                self._turn()
                if self.again:
                    self._fill()
        except BaseException as error:  # noqa: BLE001 - raised by stop()
            self._error = error
            self._all_open.set()
        finally:
            for client in self._clients.values():
                client.sock.close()

    def _fill(self):
        for kind, count in self._counts.items():
            missing = count - sum(c.kind == kind for c in self._clients.values())
            for _ in range(missing):
                if self._stopped.is_set():
                    return
                self._open(kind)

    def _open(self, kind):
        sock = socket.socket(socket.AF_INET)
        sock.settimeout(10)
        try:
            if kind == READ:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            if self._source:
                sock.bind((self._source, 0))
            sock.connect(self._address)
            if self._context:
                sock = self._context.wrap_socket(sock, server_hostname="bakery.test")
            sock.sendall(_BEGIN[kind])
        except OSError:
            self.refused += 1
            sock.close()
            return
        sock.setblocking(False)
        now = time.monotonic()
        # One that reads slowly must not be told of what it does not read.
        self._poll.register(sock, 0 if kind == READ else select.POLLIN)
        self._clients[sock.fileno()] = _Client(kind, sock, now, now + self._pace)

    def _turn(self):
        for fd, event in self._poll.poll(50):
            client = self._clients[fd]
            if event & (select.POLLHUP | select.POLLERR) or self._ended(client):
                self._gone(fd)
        now = time.monotonic()
        for fd in [fd for fd, c in self._clients.items() if c.due <= now]:
            client = self._clients[fd]
            client.due = now + self._pace
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                try:
                    if client.kind == READ:
                        if not client.sock.recv(4):
                            self._gone(fd)
                    elif client.kind != IDLE:
                        client.sock.send(b"a")
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    raise
                except OSError:
                    self._gone(fd)

    def _ended(self, client):
        """Reads an answer (408) away; true at the connection's end."""
        try:
            while client.sock.recv(65536):
                pass
            return True
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True

    def _gone(self, fd):
        client = self._clients.pop(fd)
        self._poll.unregister(fd)
        self.lives[client.kind].append(time.monotonic() - client.opened)
        client.sock.close()
