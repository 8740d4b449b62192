"""An HTTP/2 client on Debian's python3-h2, which refuses what RFC 9113 forbids a
server to send. One thread: whoever waits reads the socket for all streams."""
import contextlib
import dataclasses
import select
import socket
import ssl

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from . import wire
from .client import Response
from .deadline import Deadline
from .wire import ConnectionEnded, Truncated, WireError

Errors = h2.errors.ErrorCodes
Settings = h2.settings.SettingCodes


class _Connection(h2.connection.H2Connection):
    """Goes on after a GOAWAY: the library takes it for the connection's end, but
    streams up to the last one are still to be answered (RFC 9113 6.8)."""

    def _receive_goaway_frame(self, frame):
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = Errors(frame.error_code), frame.last_stream_id
        event.additional_data = frame.additional_data or None
        return [], [event]


@dataclasses.dataclass
class Stream:
    id: int
    method: str = "GET"
    status: int = 0
    fields: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)
    body: bytearray = dataclasses.field(default_factory=bytearray)
    size: int = 0
    trailers: list = dataclasses.field(default_factory=list)
    ended: bool = False        # by END_STREAM
    reset_code: object = None  # by RST_STREAM from the server
    paused: bool = False       # its credit is not given back
    unacknowledged: int = 0
    sink: object = None        # takes the body instead of `body`
    order: int = 0             # of its end among all ends of the connection

    def over(self):
        return self.ended or self.reset_code is not None

    def field(self, name):
        found = wire.values(self.fields, name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None


class H2Client:
    """One connection; closed by the test or by `with`. settings: SettingCodes to
    values, sent in the first SETTINGS. window: extra credit of the connection.
    With strict=False it sends what it is told, also what is forbidden."""

    def __init__(self, address, tls=None, sni=None, settings=None, window=1 << 24, source=None, strict=True):
        self.sock = socket.socket(socket.AF_INET)
        self.sock.settimeout(10)
        if source:
            self.sock.bind((source, 0))
        try:
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_hostname=sni, suppress_ragged_eofs=False)
                assert self.sock.selected_alpn_protocol() == "h2", self.sock.selected_alpn_protocol()
        except BaseException:
            self.sock.close()
            raise
        self.scheme = "https" if tls else "http"
        self.h2 = _Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="latin-1", validate_outbound_headers=strict))
        if settings:
            initial = {**dict(self.h2.local_settings.items()), **settings}
            self.h2.local_settings = h2.settings.Settings(client=True, initial_values=initial)
        self.h2.initiate_connection()
        if window:
            self.h2.increment_flow_control_window(window)
        self.streams = {}
        self.goaways = []       # (error code, last stream id)
        self.ended = ""         # "eof", "ragged", "reset": how the connection ended
        self.settings_seen = 0  # of the server
        self.pongs = []
        self.hold_credit = False  # of the connection: what was received is not given back
        self._owed = 0
        self._ends = 0
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    # sending
    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.settimeout(10)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
                self.sock.sendall(data)

    def start(self, method="GET", target="/", host="bakery.test", fields=(), end=True, authority=None, sink=None,
              paused=False, protocol=None):
        """Sends a head and returns its stream."""
        pseudo = [(":method", method), (":scheme", self.scheme), (":path", target), (":authority", authority or host)]
        if protocol:
            pseudo.insert(1, (":protocol", protocol))
        stream = Stream(self.h2.get_next_available_stream_id(), method, sink=sink, paused=paused)
        self.streams[stream.id] = stream
        self.h2.send_headers(stream.id, _encoded([*pseudo, *fields]), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False, within=20.0):
        """Sends all of the data as the server gives credit; stops early, and says
        so by False, when the server resets the stream."""
        deadline = Deadline(within, f"credit on stream {stream.id}")
        view = memoryview(data)
        while True:
            if stream.reset_code is not None:
                return False
            room = min(self.h2.local_flow_control_window(stream.id), self.h2.max_outbound_frame_size)
            if len(view) > 0 and room <= 0:
                self.pump(deadline)
                continue
            piece, view = view[:room], view[room:]
            self.h2.send_data(stream.id, piece.tobytes(), end_stream=end and not len(view))
            self.flush()
            if not len(view):
                return True
            self.pump_ready()

    def send_trailers(self, stream, fields):
        self.h2.send_headers(stream.id, _encoded(fields), end_stream=True)
        self.flush()

    def cancel(self, stream, code=Errors.CANCEL):
        self.h2.reset_stream(stream.id, code)
        self.flush()

    def resume(self, stream):
        """Gives a paused stream its credit back, now and from now on."""
        stream.paused = False
        if stream.unacknowledged and not stream.over():
            inside = self.h2._get_stream_by_id(stream.id)  # the public way would count for the connection again
            self.h2._prepare_for_sending(inside.acknowledge_received_data(stream.unacknowledged))
        stream.unacknowledged = 0
        self.flush()

    def release_credit(self):
        """Ends hold_credit, and gives the connection what it is owed."""
        self.hold_credit, owed, self._owed = False, self._owed, 0
        if owed:
            self.h2.increment_flow_control_window(owed)
        self.flush()

    # receiving
    def pump(self, deadline):
        """Reads once and handles it; raises ConnectionEnded after the end."""
        if self.ended:
            raise ConnectionEnded(self.ended, f"GOAWAY {self.goaways}")
        self.sock.settimeout(deadline.remaining())
        try:
            data = self.sock.recv(262144)
            how = "eof"
        except TimeoutError:
            raise TimeoutError(f"{deadline.what}: nothing came for {deadline.seconds} s; open: "
                               f"{[s for s in self.streams.values() if not s.over()][:3]}") from None
        except ssl.SSLZeroReturnError:
            data, how = b"", "eof"
        except ssl.SSLEOFError:
            data, how = b"", "ragged"
        except (ConnectionResetError, BrokenPipeError):
            data, how = b"", "reset"
        if not data:
            self.ended = how
            raise ConnectionEnded(how, f"GOAWAY {self.goaways}")
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            raise WireError(f"against RFC 9113: {type(error).__name__} {error}") from error
        for event in events:
            self._handle(event)
        self.flush()

    def pump_ready(self):
        """Handles what has come already."""
        while (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()) or select.select([self.sock], [], [], 0)[0]:
            try:
                self.pump(Deadline(0.05, "what has come"))
            except TimeoutError:
                return  # a part of a TLS record

    def _handle(self, event):
        e = h2.events
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, e.InformationalResponseReceived):
            status, fields = _split(event.headers)
            stream.interim.append(Response("2", status, "", fields))
        elif isinstance(event, e.ResponseReceived):
            stream.status, stream.fields = _split(event.headers)
        elif isinstance(event, e.DataReceived):
            stream.size += len(event.data)
            (stream.sink or stream.body.extend)(event.data)
            length = event.flow_controlled_length
            if self.hold_credit:
                self._owed += length
            elif stream.paused:  # the connection's credit only
                stream.unacknowledged += length
                if length:
                    self.h2.increment_flow_control_window(length)
            elif length:
                self.h2.acknowledge_received_data(length, stream.id)
        elif isinstance(event, e.TrailersReceived):
            stream.trailers = [(n, v) for n, v in event.headers]
        elif isinstance(event, e.StreamEnded):
            stream.ended = True
            self._ends += 1
            stream.order = self._ends
        elif isinstance(event, e.StreamReset):
            if event.remote_reset and stream:
                stream.reset_code = event.error_code
        elif isinstance(event, e.ConnectionTerminated):
            self.goaways.append((event.error_code, event.last_stream_id))
        elif isinstance(event, e.RemoteSettingsChanged):
            self.settings_seen += 1
        elif isinstance(event, e.PingAckReceived):
            self.pongs.append(event.ping_data)
        elif isinstance(event, e.PushedStreamReceived):
            raise WireError("a pushed stream")

    def wait(self, condition, within=10.0, what="the condition"):
        deadline = Deadline(within, what)
        while not condition():
            self.pump(deadline)

    def wait_settings(self):
        self.wait(lambda: self.settings_seen, 5, "the server's SETTINGS")

    def round_trip(self):
        """What the server sent before its answer to a PING has been handled."""
        data = (len(self.pongs) + 1).to_bytes(8, "big")
        self.h2.ping(data)
        self.flush()
        self.wait(lambda: data in self.pongs, 5, "the answer to a PING")

    def wait_end(self, within=5.0):
        """The connection's end; how it came."""
        with contextlib.suppress(ConnectionEnded):
            self.wait(lambda: False, within, "the connection's end")
        return self.ended

    def head(self, stream, within=10.0):
        self.wait(lambda: stream.status or stream.over(), within, f"a head on stream {stream.id}")
        return stream

    def response(self, stream, within=10.0):
        """The whole answer. Raises Truncated when its stream is reset."""
        try:
            self.wait(stream.over, within, f"the answer on stream {stream.id}")
        except ConnectionEnded as end:
            raise Truncated(end.how, stream.body, stream if stream.status else None) from None
        if stream.reset_code is not None and not stream.ended:
            raise Truncated(f"RST_STREAM {stream.reset_code!r}", stream.body, stream if stream.status else None)
        length = stream.field("content-length")
        if length is not None and stream.method != "HEAD" and stream.status != 304:
            assert int(length) == stream.size, f"content-length {length}, but {stream.size} bytes came"
        answer = Response("2", stream.status, "", stream.fields, bytes(stream.body), stream.trailers, stream.interim)
        return answer

    def get(self, target="/", host="bakery.test", fields=(), method="GET", body=None, trailers=None, within=10.0, **more):
        stream = self.start(method, target, host, fields, end=body is None and not trailers, **more)
        if body is not None:
            self.send(stream, body, end=not trailers, within=within)
        if trailers:
            self.send_trailers(stream, trailers)
        return self.response(stream, within)


def _encoded(fields):
    """As bytes: of a str the library would make UTF-8."""
    return [(n.encode("latin-1"), v.encode("latin-1")) for n, v in fields]


def _split(headers):
    """Status and fields; the library has judged the pseudo-fields."""
    fields = [(n, v) for n, v in headers if not n.startswith(":")]
    return int(dict(headers)[":status"]), fields
