"""Upstreams of the tests. Every byte they receive is read strictly and kept;
what they send is scripted by a handler that is looked up per request, so that
a pooled connection follows the test that runs, not the one that opened it."""
import contextlib
import hashlib
import json
import re
import socket
import struct
import threading

from . import wire
from .deadline import Deadline
from .wire import ByteReader, ConnectionEnded, WireError

_REQUEST_LINE = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP/(1\.[01])$")
PATIENCE = 20.0  # of an origin waiting for the proxy


class OriginRequest:
    """One request as it came."""

    def __init__(self, connection, line, fields):
        match = _REQUEST_LINE.match(line)
        if not match:
            raise WireError(f"request line {line!r}")
        self.connection = connection
        self.line = line
        self.method = match[1].decode()
        self.target = match[2].decode("latin-1")
        self.version = match[3].decode()
        self.fields = fields
        self.body = None  # bytes once read, unless a sink took them
        self.trailers = []

    def all(self, name):
        return wire.values(self.fields, name)

    def field(self, name):
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None

    def __repr__(self):
        return f"<{self.line.decode('latin-1')} on connection {self.connection.number}>"


class OriginConnection:
    """One connection from the proxy, in the hands of a handler."""

    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number
        self.reader = ByteReader(sock)
        self.request = None
        self.open = True
        self.ended = threading.Event()  # set when the proxy's end was seen
        self.served = 0

    def read_head(self):
        deadline = Deadline(3600, "the next request")  # ended by the peer or by close()
        line = self.reader.line(deadline)
        fields = wire.fields(self.reader, Deadline(PATIENCE, "a request head"))
        wire.framing(fields)
        self.request = OriginRequest(self, line, fields)
        return self.request

    def read_body(self, sink=None, within=PATIENCE):
        """The whole body of the current request."""
        collected = bytearray()
        sink = sink or collected.extend
        deadline = Deadline(within, "a request body")
        kind, length = wire.framing(self.request.fields)
        if kind == "length":
            self.reader.exactly(length, deadline, sink)
        elif kind == "chunked":
            self.request.trailers = wire.chunked(self.reader, deadline, sink)
        self.request.body = bytes(collected)
        return self.request.body

    def read_some(self, count, within=PATIENCE):
        """The next `count` raw bytes, framing included."""
        out = bytearray()
        self.reader.exactly(count, Deadline(within, f"{count} bytes"), out.extend)
        return bytes(out)

    def send(self, data, split=0):
        self.sock.settimeout(PATIENCE)
        if not split:
            self.sock.sendall(data)
            return
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), split):
            self.sock.sendall(data[at:at + split])

    def wait_end(self, within=PATIENCE):
        """Reads and drops until the proxy ends the connection; how it did."""
        how = self.reader.to_end(Deadline(within, "the proxy to let go"), lambda _: None)
        self.ended.set()
        return how

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self):
        self.open = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def serve(self):
        try:
            while self.open:
                request = self.read_head()
                self.origin._record(request)
                self.origin.handler(self)
                self.served += 1
                if self.open and request.body is None and wire.framing(request.fields)[0] != "none":
                    self.close()  # an unread body stands between us and the next head
        except (ConnectionEnded, OSError):
            pass  # the proxy let go, also in the middle: a client may have left
        except BaseException as error:  # noqa: BLE001 - shown by the test that owns the origin
            self.origin.errors.append(f"{type(error).__name__}: {error}")
        finally:
            self.ended.set()
            self.close()


class ScriptedOrigin:
    """Listens on port 0 (or a Unix path). handler(connection) answers one
    request whose head has been read; it may do anything to the connection."""

    def __init__(self, handler=None, tls=None, unix_path=None, address=("127.0.0.1", 0)):
        self.handler = handler or echo
        self.requests = []
        self.connections = []
        self.errors = []  # what this origin found malformed: tests fail on it
        self._tls = tls
        self._lock = threading.Condition()
        self._closed = False
        if unix_path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(unix_path))
            self.endpoint = f"unix:{unix_path}"
        else:
            self._listener = socket.socket(socket.AF_INET)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(address)
            self.address = self._listener.getsockname()
            self.endpoint = f"{'https' if tls else 'http'}://{self.address[0]}:{self.address[1]}"
        self._listener.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while not self._closed:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        if self._tls:
            try:
                sock.settimeout(PATIENCE)
                sock = self._tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
            except OSError:
                sock.close()
                return
        with self._lock:
            connection = OriginConnection(self, sock, len(self.connections))
            self.connections.append(connection)
            self._lock.notify_all()
        connection.serve()

    def _record(self, request):
        with self._lock:
            self.requests.append(request)
            self._lock.notify_all()

    @contextlib.contextmanager
    def answering(self, handler):
        """The handler for the length of one test."""
        before, self.handler = self.handler, handler
        try:
            yield self
        finally:
            self.handler = before

    def mark(self):
        return len(self.requests)

    def wait_requests(self, count, since=0, within=5.0):
        """At least `count` requests after `since`, in order of arrival."""
        deadline = Deadline(within, f"{count} requests at the origin (came: "
                                    f"{len(self.requests) - since})")
        with self._lock:
            while len(self.requests) - since < count:
                self._lock.wait(deadline.remaining())
            return self.requests[since:]

    def wait_connections(self, count, within=5.0):
        deadline = Deadline(within, f"{count} connections at the origin")
        with self._lock:
            while len(self.connections) < count:
                self._lock.wait(deadline.remaining())
            return list(self.connections)

    def drop_connections(self, how="close"):
        """Ends every open connection; the listener stays."""
        for connection in list(self.connections):
            if connection.open:
                with contextlib.suppress(OSError):
                    getattr(connection, how)()

    def stop_listening(self):
        """Further connects are refused; open connections live on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self):
        self._closed = True
        self.stop_listening()
        self.drop_connections()


# Handlers.
def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def reply(raw, split=0, read_body=True, then=None):
    """Answers every request with these bytes; then: "close", "reset",
    "half_close", or nothing (the connection is kept)."""
    def handler(connection):
        if read_body:
            connection.read_body()
        connection.send(raw, split)
        if then:
            getattr(connection, then)()
    return handler


def described(connection):
    """What the origin saw, as a JSON body."""
    request = connection.request
    digest, size = hashlib.sha256(), 0

    def sink(data):
        nonlocal size
        size += len(data)
        digest.update(data)
    connection.read_body(sink)
    return json.dumps({
        "method": request.method, "target": request.target, "version": request.version,
        "fields": request.fields, "trailers": request.trailers, "body_length": size,
        "body_sha256": digest.hexdigest(), "connection": connection.number,
    }).encode()


def echo(connection):
    """Answers with what came; HEAD and bodies are framed as they should be."""
    body = described(connection)
    head = (f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    connection.send(head if connection.request.method == "HEAD" else head + body)


class EchoOrigin(ScriptedOrigin):
    """A ScriptedOrigin that echoes unless a test says otherwise."""
