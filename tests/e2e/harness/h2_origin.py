"""An upstream that speaks HTTP/2 (python3-h2). Each stream is served by
handler(stream) in a thread of its own; what it received is kept. Frames that
python3-h2 would not write go out raw (stream.connection.raw)."""
import contextlib
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from .deadline import Deadline

PATIENCE = 20.0


def echo(stream):
    """Says what came: the method, path and length in fields, the body as body."""
    body = stream.read_body()
    stream.respond(200, body, [("x-method", stream.field(":method")), ("x-path", stream.field(":path")),
                               ("x-length", str(len(body)))])


class H2Stream:
    def __init__(self, connection, number, fields):
        self.connection = connection
        self.number = number
        self.fields = fields
        self.body = bytearray()
        self.trailers = None
        self.complete = False
        self.reset_code = None    # the proxy's RST_STREAM
        self.window = True

    def __repr__(self):
        return f"<{self.field(':method')} {self.field(':path')} on stream {self.number}>"

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def field(self, name):
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None

    def wait(self, what, description):
        """Until `what()` holds of what has come."""
        deadline = Deadline(PATIENCE, description)
        with self.connection.changed:
            while not what():
                if not self.connection.open:
                    raise ConnectionError(f"the proxy let go while waiting for {description}")
                self.connection.changed.wait(deadline.remaining())

    def read_body(self):
        self.wait(lambda: self.complete or self.reset_code is not None, "a request body")
        return bytes(self.body)

    def read_some(self, size):
        self.wait(lambda: len(self.body) >= size or self.complete, f"{size} bytes")
        return bytes(self.body)

    def head(self, status, fields=(), end=False):
        self.connection.do(lambda h: h.send_headers(self.number, [(":status", str(status)), *fields], end_stream=end))

    def data(self, body, end=False):
        """All of it, as the proxy's windows allow."""
        body = bytes(body)
        deadline = Deadline(PATIENCE, "room in the proxy's window")
        while True:
            with self.connection.changed:
                h = self.connection.h2
                while body and h.local_flow_control_window(self.number) <= 0:
                    if not self.connection.open or self.reset_code is not None:
                        raise ConnectionError("the proxy gave the stream up")
                    self.connection.changed.wait(deadline.remaining())
                size = min(len(body), h.local_flow_control_window(self.number), h.max_outbound_frame_size)
                part, body = body[:size], body[size:]
                h.send_data(self.number, part, end_stream=end and not body)
                self.connection.flush()
            if not body:
                return

    def trailer(self, fields):
        self.connection.do(lambda h: h.send_headers(self.number, list(fields), end_stream=True))

    def respond(self, status, body=b"", fields=(), length=True):
        extra = [("content-length", str(len(body)))] if length else []
        self.head(status, [*fields, *extra], end=not body)
        if body:
            self.data(body, end=True)

    def reset(self, code=h2.errors.ErrorCodes.INTERNAL_ERROR):
        self.connection.do(lambda h: h.reset_stream(self.number, code))


class H2Connection:
    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number
        self.open = True
        self.deaf = threading.Event()  # set: reads no more, and answers nothing
        self.ended = threading.Event()
        self.streams = []
        self.pings = 0
        self.changed = threading.Condition(threading.RLock())
        self.goaway_code = None
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8",
                                           validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)

    def serve(self):
        try:
            with self.changed:
                self.h2.initiate_connection()
                if self.origin.settings:
                    self.h2.update_settings(self.origin.settings)
                self.flush()
            while self.open:
                data = self.sock.recv(65536)
                if not data or self.deaf.is_set():
                    break
                with self.changed:
                    for event in self.h2.receive_data(data):
                        self._on(event)
                    self.flush()
                    self.changed.notify_all()
        except OSError:
            pass
        except h2.exceptions.ProtocolError as error:
            self.origin.errors.append(f"{type(error).__name__}: {error}")
        finally:
            if not self.deaf.is_set():
                self.close()
            with self.changed:
                self.changed.notify_all()
            self.ended.set()

    def _on(self, event):
        if isinstance(event, h2.events.RequestReceived):
            stream = H2Stream(self, event.stream_id, list(event.headers))
            self.streams.append(stream)
            self.origin._record(stream)
            threading.Thread(target=self._handle, args=(stream,), daemon=True).start()
        elif isinstance(event, h2.events.DataReceived):
            self.stream(event.stream_id).body.extend(event.data)
            if self.origin.reading:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self.stream(event.stream_id).trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self.stream(event.stream_id).complete = True
        elif isinstance(event, h2.events.StreamReset):
            self.stream(event.stream_id).reset_code = event.error_code
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway_code = event.error_code

    def stream(self, number):
        return next(s for s in self.streams if s.number == number)

    def _handle(self, stream):
        try:
            self.origin.handler(stream)
        except (OSError, h2.exceptions.ProtocolError):
            pass  # the proxy gave it up, or the test broke the connection
        except BaseException as error:  # noqa: BLE001 - shown by the test that owns the origin
            self.origin.errors.append(f"{type(error).__name__}: {error}")

    def do(self, action):
        with self.changed:
            action(self.h2)
            self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def raw(self, data):
        with self.changed:
            self.sock.sendall(data)

    def goaway(self, last, code=0):
        """Without closing: streams up to `last` go on."""
        payload = struct.pack(">II", last, code)
        self.raw(struct.pack(">I", len(payload))[1:] + b"\x07\x00" + struct.pack(">I", 0) + payload)

    def close(self):
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self):
        self.open = False
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)
        self.sock.close()


class H2Origin:
    """Listens on port 0. `settings`: SETTINGS to announce. `tls`: an SSLContext
    (its ALPN is the test's affair)."""

    def __init__(self, handler=None, tls=None, settings=None):
        self.handler = handler or echo
        self.tls = tls
        self.settings = settings
        self.requests = []
        self.connections = []
        self.errors = []
        self.reading = True
        self._closed = False
        self._lock = threading.Condition()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(256)
        self.port = self._listener.getsockname()[1]
        self.endpoint = f"{'h2' if tls else 'h2c'}://127.0.0.1:{self.port}"
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
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return
        with self._lock:
            connection = H2Connection(self, sock, len(self.connections))
            self.connections.append(connection)
        connection.serve()

    def _record(self, stream):
        with self._lock:
            self.requests.append(stream)
            self._lock.notify_all()

    def wait_requests(self, count):
        deadline = Deadline(PATIENCE, f"{count} requests")
        with self._lock:
            while len(self.requests) < count:
                self._lock.wait(deadline.remaining())
        return self.requests

    @contextlib.contextmanager
    def answering(self, handler):
        before, self.handler = self.handler, handler
        try:
            yield self
        finally:
            self.handler = before

    def close(self):
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()
