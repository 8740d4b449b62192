"""An HTTP/2 client that sends any frame it is told to and forgives none: each
frame read is held against RFC 9113 before a test sees it."""
import dataclasses
import json
import re
import struct

import hpack

from . import h2_wire as h2
from . import pki, wire
from .client import RawClient
from .deadline import Deadline
from .wire import ConnectionEnded, WireError

_NAME = re.compile(rb"^:?[!#$%&'*+.^_`|~0-9a-z-]+$")
_VALUE = re.compile(rb"^$|^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$")
CONNECTION_FIELDS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
                     "te", "http2-settings"}
REFUSALS = range(400, 500)


@dataclasses.dataclass
class Stream:
    """What has come on one stream, and what may still come."""
    id: int
    method: str = "GET"
    window: int = h2.WINDOW     # what the peer may still send
    status: int = 0
    fields: list = dataclasses.field(default_factory=list)
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)  # (status, fields)
    body: bytearray = dataclasses.field(default_factory=bytearray)
    ended: bool = False
    reset: int = None           # the code of the peer's RST_STREAM
    left: bool = False          # this side has reset it

    @property
    def done(self):
        return self.ended or self.reset is not None

    def all(self, name):
        return wire.values(self.fields, name)

    def field(self, name):
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None

    def json(self):
        return json.loads(bytes(self.body))


class H2Client:
    """One connection. settings: pairs for its SETTINGS. credit: windows are
    refilled as DATA comes. start=False sends and awaits nothing."""

    def __init__(self, raw, settings=(), credit=True, start=True):
        self.raw = raw
        self.link = h2.Link(raw.sock)
        self.credit = credit
        self.acknowledge = True       # the peer's SETTINGS
        self.streams = {}
        self.next_id = 1
        self.window = h2.WINDOW
        self.goaway = None            # (last stream, code, debug data)
        self.peer_settings = None
        self.settings_acks = 0
        self.pongs = []
        self.frames = []              # all that came
        self._initial = h2.WINDOW     # largest INITIAL_WINDOW_SIZE that may be in force
        self._max_frame = h2.FRAME
        self._unacked = []
        self._block = None            # (stream, flags, bytes) while CONTINUATION is due
        self._decoder = hpack.Decoder(max_header_list_size=1 << 20)
        if start:
            self.send(h2.PREFACE)
            self.settings(settings)
            self.until(lambda: self.peer_settings is not None and self.settings_acks == 1,
                       "SETTINGS and its acknowledgement")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.link.close()

    # sending
    def send(self, data, within=10.0):
        """Raw bytes; whether the peer took them all."""
        return self.link.send(data, within)

    def settings(self, pairs):
        pairs = list(pairs)
        for key, value in pairs:
            if key == h2.INITIAL_WINDOW_SIZE and h2.LARGEST >= value > self._initial:
                self._resize(value)
            if key == h2.MAX_FRAME_SIZE:
                self._max_frame = max(self._max_frame, value)
            if key == h2.HEADER_TABLE_SIZE:
                self._decoder.max_allowed_table_size = max(self._decoder.max_allowed_table_size, value)
        self._unacked.append(pairs)
        self.send(h2.settings(pairs))

    def expect_acks(self, count):
        """For SETTINGS that are sent as bytes."""
        self._unacked += [[]] * count

    def _resize(self, value):
        for stream in self.streams.values():
            stream.window += value - self._initial
        self._initial = value

    def open(self, stream=None, method="GET"):
        """A stream's id, known from now on."""
        stream = stream or self.next_id
        self.next_id = max(self.next_id, stream + 2)
        self.streams[stream] = Stream(stream, method, self._initial)
        return stream

    def headers(self, fields, end=True, stream=None, flags=0, before=b"", after=b"", first=b""):
        """One HEADERS frame: fields are pairs, or a block's bytes. before and
        after stand around the block in the payload; first is sent in front in
        the same write. Returns the stream's id."""
        pairs = [] if isinstance(fields, bytes) else fields
        if stream is None or stream not in self.streams:
            method = next((v for n, v in pairs if n == ":method"), "GET")
            stream = self.open(stream, method)
        payload = before + (fields if isinstance(fields, bytes) else h2.block(pairs)) + after
        flags |= h2.END_HEADERS | (h2.END_STREAM if end else 0)
        self.send(first + h2.frame(h2.HEADERS, flags, stream, payload))
        return stream

    def data(self, stream, payload=b"", end=False, flags=0, **more):
        self.send(h2.frame(h2.DATA, flags | (h2.END_STREAM if end else 0), stream, payload), **more)

    def update(self, stream, increment):
        if stream:
            self.streams[stream].window += increment
        else:
            self.window += increment
        self.send(h2.window_update(stream, increment))

    def rst(self, stream, code=h2.CANCEL):
        self.streams[stream].left = True
        self.send(h2.rst_stream(stream, code))

    def ping(self, payload=b"marquee?"):
        self.send(h2.ping(payload))

    def request(self, path="/", host="bakery.test", more=(), method="GET", end=True):
        return self.headers(h2.get(path, host, more, method), end)

    # receiving
    def read(self, deadline):
        """The next frame, judged and applied."""
        got = self.link.frame(deadline)
        self.frames.append(got)
        if len(got.payload) > self._max_frame:
            raise WireError(f"{got} is larger than SETTINGS_MAX_FRAME_SIZE {self._max_frame}")
        if self.peer_settings is None and (got.type != h2.SETTINGS or got.flags & h2.ACK):
            raise WireError(f"the server's preface is {got}")
        if self._block and (got.type != h2.CONTINUATION or got.stream != self._block[0]):
            raise WireError(f"{got} inside a field block")
        handler = getattr(self, "_on_" + h2.TYPES.get(got.type, "unknown").lower())
        handler(got)
        return got

    def until(self, condition, what, within=8.0):
        """Reads until condition(), and returns its value."""
        deadline = within if isinstance(within, Deadline) else Deadline(within, what)
        while True:
            value = condition()
            if value:
                return value
            self.read(deadline)

    def answer(self, stream, within=8.0):
        """The whole answer on a stream; a reset fails the test."""
        found = self.streams[stream]
        self.until(lambda: found.done, f"the answer on stream {stream}", within)
        assert found.reset is None, f"stream {stream} was reset: {h2.code_name(found.reset)}"
        return found

    def get(self, path="/", host="bakery.test", more=(), method="GET", body=None, within=8.0):
        stream = self.request(path, host, more, method, body is None)
        if body is not None:
            self.data(stream, body, end=True)
        return self.answer(stream, within)

    def barrier(self, within=8.0):
        """All frames that the peer sent before it saw this PING have been read."""
        token = struct.pack("!Q", len(self.frames) + 1)
        self.ping(token)
        self.until(lambda: token in self.pongs, "the answer to PING", within)

    def wait_end(self, within=8.0):
        """Reads to the connection's end; how it ended."""
        deadline = Deadline(within, "the connection's end")
        try:
            while True:
                self.read(deadline)
        except ConnectionEnded as end:
            return end.how

    # what came
    def _stream(self, got):
        """The stream of a frame that only an open one may get; None when this
        side has reset it."""
        stream = self.streams.get(got.stream)
        if stream is None:
            raise WireError(f"{got} on a stream that was never opened")
        if stream.done and not stream.left:
            raise WireError(f"{got} after the stream's end")
        return stream

    def _on_data(self, got):
        stream = self._stream(got)
        payload = got.payload
        self.window -= len(payload)
        stream.window -= len(payload)
        if self.window < 0 or stream.window < 0:
            raise WireError(f"{got} beyond the window ({self.window}, {stream.window})")
        if not stream.status and not stream.left:
            raise WireError(f"{got} before a final HEADERS")
        if stream.method == "HEAD" and payload or stream.status in (204, 304):
            raise WireError(f"{got} on an answer without a body")
        if self.credit and payload:
            self.update(0, len(payload))
            self.update(got.stream, len(payload))
        if got.flags & h2.PADDED:
            payload = payload[1:len(payload) - payload[0]]
        stream.body += payload
        self._end(stream, got)

    def _end(self, stream, got):
        if not got.flags & h2.END_STREAM:
            return
        stream.ended = True
        length = stream.field("content-length")
        if length is not None and stream.method != "HEAD" and stream.status != 304:
            if int(length) != len(stream.body):
                raise WireError(f"content-length {length}, and {len(stream.body)} bytes came")

    def _on_headers(self, got):
        payload = got.payload
        if got.flags & h2.PADDED:
            payload = payload[1:len(payload) - payload[0]]
        if got.flags & h2.PRIORITISED:
            payload = payload[5:]
        self._fragment(got.stream, got, payload)

    def _on_continuation(self, got):
        if not self._block:
            raise WireError(f"{got} without HEADERS")
        stream, head, payload = self._block
        self._block = None
        self._fragment(stream, dataclasses.replace(head, flags=head.flags | got.flags & h2.END_HEADERS),
                       payload + got.payload)

    def _fragment(self, number, got, payload):
        if not got.flags & h2.END_HEADERS:
            self._block = (number, got, payload)
            return
        stream = self._stream(got)
        pairs = self._decoder.decode(payload, raw=True)
        names = judge_names(pairs)
        fields = [(n.decode(), v.decode("latin-1")) for n, v in pairs if not n.startswith(b":")]
        if stream.status:
            if not got.flags & h2.END_STREAM or len(fields) < len(pairs):
                raise WireError(f"a second head or bad trailers: {pairs}")
            stream.trailers = fields
        else:
            if names.count(b":status") != 1 or names[0] != b":status":
                raise WireError(f"not one :status: {pairs}")
            status = int(pairs[0][1])
            if status < 200:
                if got.flags & h2.END_STREAM or status == 101:
                    raise WireError(f"{status} with flags {got.flags:#x}")
                stream.interim.append((status, fields))
                return
            stream.status, stream.fields = status, fields
        self._end(stream, got)

    def _on_rst_stream(self, got):
        if len(got.payload) != 4 or got.stream not in self.streams:
            raise WireError(f"{got} on an idle stream or of a wrong length")
        stream = self.streams[got.stream]
        if stream.reset is None:
            stream.reset = struct.unpack("!I", got.payload)[0]

    def _on_settings(self, got):
        if got.stream or len(got.payload) % 6 or got.flags & h2.ACK and got.payload:
            raise WireError(f"malformed {got}")
        if got.flags & h2.ACK:
            if not self._unacked:
                raise WireError("SETTINGS that are false, or were never sent, were acknowledged")
            self.settings_acks += 1
            for key, value in self._unacked.pop(0):
                if key == h2.INITIAL_WINDOW_SIZE and value < self._initial:
                    self._resize(value)
                if key == h2.HEADER_TABLE_SIZE:
                    self._decoder.max_allowed_table_size = value
            return
        pairs = [struct.unpack_from("!HI", got.payload, at) for at in range(0, len(got.payload), 6)]
        values = dict(pairs)
        if values.get(h2.ENABLE_PUSH, 0) or values.get(h2.INITIAL_WINDOW_SIZE, 0) > h2.LARGEST \
                or not h2.FRAME <= values.get(h2.MAX_FRAME_SIZE, h2.FRAME) < 1 << 24:
            raise WireError(f"settings a server may not send: {values}")
        self.peer_settings = {**(self.peer_settings or {}), **values}
        if self.acknowledge:
            self.send(h2.settings(flags=h2.ACK))

    def _on_ping(self, got):
        if got.stream or len(got.payload) != 8:
            raise WireError(f"malformed {got}")
        if got.flags & h2.ACK:
            self.pongs.append(got.payload)
        else:
            self.send(h2.ping(got.payload, h2.ACK))

    def _on_goaway(self, got):
        if got.stream or len(got.payload) < 8:
            raise WireError(f"malformed {got}")
        last, code = struct.unpack("!II", got.payload[:8])
        if self.goaway and last > self.goaway[0]:
            raise WireError(f"GOAWAY's last stream grew from {self.goaway[0]} to {last}")
        self.goaway = (last, code, got.payload[8:])

    def _on_window_update(self, got):
        if len(got.payload) != 4 or not struct.unpack("!I", got.payload)[0] & h2.LARGEST:
            raise WireError(f"malformed {got}")
        if got.stream and got.stream not in self.streams:
            raise WireError(f"{got} on an idle stream")

    def _on_priority(self, got):
        if len(got.payload) != 5 or not got.stream:
            raise WireError(f"malformed {got}")

    def _on_push_promise(self, got):
        raise WireError(f"{got}: push is off")

    def _on_unknown(self, got):
        pass

    _on_priority_update = _on_unknown

    # what must come
    def assert_open(self, host="bakery.test"):
        """The connection still serves: a new stream gets its own answer."""
        assert not self.goaway, f"GOAWAY {self.goaway}"
        path = f"/still-open-{self.next_id}"
        answer = self.get(path, host)
        assert answer.status == 200 and answer.json()["target"] == path, answer

    def expect_goaway(self, *codes, within=8.0):
        """A connection error (RFC 9113 5.4.1): GOAWAY with one of these codes,
        then the connection's end."""
        how = self.wait_end(within)
        wanted = " or ".join(map(h2.code_name, codes))
        assert self.goaway, f"ended ({how}) without GOAWAY, expected {wanted}; came: {self.frames[-6:]}"
        assert self.goaway[1] in codes, f"GOAWAY {h2.code_name(self.goaway[1])} " \
                                        f"{self.goaway[2]!r}, expected {wanted}"
        return self.goaway

    def expect_reset(self, stream, *codes, within=8.0):
        """A stream error (5.4.2): RST_STREAM with one of these codes, and the
        connection goes on; or a connection error with one of them."""
        found = self.streams[stream]
        wanted = " or ".join(map(h2.code_name, codes))
        try:
            self.until(lambda: found.reset is not None or self.goaway, "RST_STREAM or GOAWAY", within)
        except ConnectionEnded:
            raise AssertionError(f"ended without RST_STREAM or GOAWAY, expected {wanted}; "
                                 f"came: {self.frames[-6:]}") from None
        if found.reset is None:
            return self.expect_goaway(*codes)
        assert found.reset in codes, f"RST_STREAM {h2.code_name(found.reset)}, expected {wanted}"
        self.barrier()
        assert not self.goaway, f"RST_STREAM and GOAWAY {self.goaway}"

    def expect_malformed(self, stream, within=8.0):
        """A malformed request (8.1.1): a stream error PROTOCOL_ERROR, in front
        of which a 4xx or 501 answer may stand. Returns its status, or 0."""
        found = self.streams[stream]
        try:
            self.until(lambda: found.done or self.goaway, "an end to a malformed request", within)
        except ConnectionEnded:
            raise AssertionError(f"ended without a word; came: {self.frames[-6:]}") from None
        assert found.status in (0, 501) or found.status in REFUSALS, f"answered: {found}"
        if found.reset is not None:
            good = (h2.PROTOCOL_ERROR, h2.NO_ERROR) if found.status else (h2.PROTOCOL_ERROR,)
            assert found.reset in good, f"RST_STREAM {h2.code_name(found.reset)}"
        elif self.goaway:
            self.expect_goaway(h2.PROTOCOL_ERROR)
        return found.status


def judge_names(pairs):
    """The names of a field block, which must be ones that RFC 9113 8.2 allows."""
    names = [n for n, _ in pairs]
    for name, value in pairs:
        if not _NAME.match(name) or not _VALUE.match(value):
            raise WireError(f"field {name!r}: {value!r}")
        if name.decode() in CONNECTION_FIELDS:
            raise WireError(f"connection-specific field {name!r}: {value!r}")
        if name.startswith(b":") and name != b":status":
            raise WireError(f"pseudo-field {name!r} in an answer")
    if any(n.startswith(b":") for n in names[1:]):
        raise WireError(f"pseudo-field behind another field: {names}")
    return names


def connect(proxy, name="bakery.test", settings=(), credit=True, start=True, **more):
    """A connection over TLS with ALPN h2 to a Marquee, or to (host, port)."""
    address = proxy if isinstance(proxy, tuple) else proxy.address(None, "https")
    raw = RawClient(address, tls=_context(), sni=name, **more)
    chosen = raw.sock.selected_alpn_protocol()
    assert chosen == "h2", f"ALPN chose {chosen}"
    return H2Client(raw, settings, credit, start)


_contexts = []


def _context():
    if not _contexts:  # made once: reading the system's authorities is slow
        _contexts.append(pki.client_context(alpn=("h2",)))
    return _contexts[0]
