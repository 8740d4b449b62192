"""HTTP/2 as bytes (RFC 9113 4, RFC 7541): frames and field blocks made by hand,
so that a broken one can be made as easily, and a socket that is written and
read at once, so that neither side's full buffers can stop a flood."""
import dataclasses
import select
import ssl
import struct

from .deadline import Deadline
from .wire import ConnectionEnded

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
PRIORITY_UPDATE = 0x10
TYPES = {0: "DATA", 1: "HEADERS", 2: "PRIORITY", 3: "RST_STREAM", 4: "SETTINGS", 5: "PUSH_PROMISE",
         6: "PING", 7: "GOAWAY", 8: "WINDOW_UPDATE", 9: "CONTINUATION", 16: "PRIORITY_UPDATE"}

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITISED = 0x20

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM,
 INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
CODES = ("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED "
         "FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM "
         "INADEQUATE_SECURITY HTTP_1_1_REQUIRED").split()

(HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE,
 MAX_HEADER_LIST_SIZE) = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
NO_RFC7540_PRIORITIES = 9

WINDOW = 65535          # of RFC 9113 6.9.2, before any SETTINGS
FRAME = 16384           # the largest payload that everyone must take
LARGEST = (1 << 31) - 1


def code_name(code):
    return CODES[code] if code < len(CODES) else hex(code)


# Frames.
@dataclasses.dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes

    def __repr__(self):
        name = TYPES.get(self.type, hex(self.type))
        more = ""
        if self.type == RST_STREAM:
            more = " " + code_name(struct.unpack("!I", self.payload)[0])
        elif self.type == GOAWAY:
            last, code = struct.unpack("!II", self.payload[:8])
            more = f" {code_name(code)} last={last} {self.payload[8:]!r}"
        return f"<{name} flags={self.flags:#x} stream={self.stream} {len(self.payload)} bytes{more}>"


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """length: what the header says, where that is not the truth."""
    said = len(payload) if length is None else length
    return struct.pack("!I", said)[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def settings(pairs=(), flags=0):
    return frame(SETTINGS, flags, 0, b"".join(struct.pack("!HI", k, v) for k, v in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", increment))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack("!I", code))


def ping(payload=b"marquee?", flags=0):
    return frame(PING, flags, 0, payload)


def dependency(on, weight=15, exclusive=False):
    return struct.pack("!IB", on | (0x80000000 if exclusive else 0), weight)


def priority(stream, on, weight=15):
    return frame(PRIORITY, 0, stream, dependency(on, weight))


# Field blocks: literals without indexing and without Huffman unless asked.
def integer(value, bits, first=0):
    """RFC 7541 5.1."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def string(text):
    text = _bytes(text)
    return integer(len(text), 7) + text


def literal(name, value, first=0x00):
    """first: 0x00 without indexing, 0x10 never indexed, 0x40 incremental."""
    return bytes([first]) + string(name) + string(value)


def block(fields):
    return b"".join(literal(n, v) for n, v in fields)


def indexed(index):
    return integer(index, 7, 0x80)


def table_size(size):
    return integer(size, 5, 0x20)


def get(path="/", host="bakery.test", more=(), method="GET", scheme="https"):
    """The fields of a well-formed request."""
    return [(":method", method), (":scheme", scheme), (":authority", host), (":path", path), *more]


class Link:
    """A socket, plain or TLS, that takes what the peer sends while it sends.
    `ended` says how the peer let go: "eof", "ragged", "reset", "alert"."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock
        self.buffer = bytearray()
        self.ended = None

    def take_in(self):
        """Reads what is there; whether anything came."""
        before = len(self.buffer)
        while not self.ended:
            try:
                data = self.sock.recv(262144)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLEOFError:
                data, self.ended = b"", "ragged"
            except ssl.SSLError:
                data, self.ended = b"", "alert"
            except (ConnectionResetError, BrokenPipeError):
                data, self.ended = b"", "reset"
            if not data:
                self.ended = self.ended or "eof"
            self.buffer += data
        return len(self.buffer) > before

    def send(self, data, within=10.0):
        """Sends all, unless the peer lets go first: then what it said is in
        the buffer. Whether all was sent."""
        deadline = Deadline(within, "sending")
        view = memoryview(bytes(data))
        while view:
            try:
                sent = self.sock.send(view[:65536])
                view = view[sent:]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self.take_in()
                if self.ended:
                    return False
                select.select([self.sock], [self.sock], [], deadline.remaining())
            except OSError:  # the peer has let go
                self.take_in()
                self.ended = self.ended or "reset"
                return False
        self.take_in()
        return True

    def fill(self, deadline):
        """Waits for bytes; raises ConnectionEnded, TimeoutError."""
        while not self.take_in():
            if self.ended:
                raise ConnectionEnded(self.ended)
            if not select.select([self.sock], [], [], min(deadline.remaining(), 1))[0]:
                deadline.remaining()

    def frame(self, deadline):
        """The next frame as it came, CONTINUATION apart."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            self.fill(deadline)
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack("!BBI", self.buffer[3:9])
        payload = bytes(self.buffer[9:9 + size])
        del self.buffer[:9 + size]
        return Frame(kind, flags, stream & LARGEST, payload)

    def close(self):
        self.sock.close()
