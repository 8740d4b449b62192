"""HTTP/1.1 as bytes, read strictly: what a lenient peer would forgive is an
error here, so that Marquee cannot pass by being read kindly."""
import re
import ssl
import string

from .deadline import Deadline

TOKEN = re.compile(rb"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
VALUE = re.compile(rb"^[\t\x20-\x7e\x80-\xff]*$")
_HEX = set(string.hexdigits.encode())
MAX_LINE = 1 << 20


class WireError(AssertionError):
    """The peer's bytes break RFC 9112."""


class ConnectionEnded(Exception):
    """No further byte comes. how: "eof" (clean: FIN, under TLS after
    close_notify), "ragged" (TLS without close_notify), "reset", "alert"."""

    def __init__(self, how, detail=""):
        super().__init__(f"{how} {detail}".strip())
        self.how = how


class Truncated(Exception):
    """The connection ended inside a message. `how` as above, `partial` holds
    the body bytes that did come."""

    def __init__(self, how, partial, head=None):
        super().__init__(f"message cut by {how} after {len(partial)} body bytes")
        self.how = how
        self.partial = bytes(partial)
        self.head = head


class ByteReader:
    """Buffered reading with a deadline from a socket, plain or TLS."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.ended = None  # how, once it has

    def fill(self, deadline):
        """Reads once; raises ConnectionEnded at the end, TimeoutError late."""
        if self.ended:
            raise ConnectionEnded(self.ended)
        self.sock.settimeout(deadline.remaining())
        detail = ""
        try:
            data = self.sock.recv(262144)
        except TimeoutError:
            raise TimeoutError(f"{deadline.what}: nothing came for {deadline.seconds} s; "
                               f"unread so far: {bytes(self.buffer[:200])!r}") from None
        except ssl.SSLZeroReturnError:
            data = b""
        except ssl.SSLEOFError:
            data, self.ended = b"", "ragged"
        except ssl.SSLError as error:
            data, self.ended, detail = b"", "alert", str(error)
        except (ConnectionResetError, BrokenPipeError):
            data, self.ended = b"", "reset"
        if not data:
            self.ended = self.ended or "eof"
            raise ConnectionEnded(self.ended, detail)
        self.buffer += data

    def take(self, count):
        out = bytes(self.buffer[:count])
        del self.buffer[:count]
        return out

    def line(self, deadline):
        """One line without its CRLF; a CR or LF by itself is an error."""
        searched = 0
        while True:
            at = self.buffer.find(b"\n", searched)
            if at >= 0:
                break
            searched = len(self.buffer)
            if searched > MAX_LINE:
                raise WireError("line without an end")
            self.fill(deadline)
        raw = self.take(at + 1)
        if not raw.endswith(b"\r\n"):
            raise WireError(f"line ended by a bare LF: {raw!r}")
        if b"\r" in raw[:-2]:
            raise WireError(f"bare CR in a line: {raw!r}")
        return raw[:-2]

    def exactly(self, count, deadline, sink):
        while count:
            if not self.buffer:
                self.fill(deadline)
            data = self.take(min(count, len(self.buffer)))
            count -= len(data)
            sink(data)

    def to_end(self, deadline, sink):
        while True:
            if self.buffer:
                sink(self.take(len(self.buffer)))
            try:
                self.fill(deadline)
            except ConnectionEnded as end:
                return end.how


def fields(reader, deadline):
    """Field lines up to the empty line: [(name, value)] as they stood, text."""
    out = []
    while True:
        line = reader.line(deadline)
        if not line:
            return out
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise WireError(f"not a field line: {line!r}")
        value = value.strip(b" \t")
        if not VALUE.match(value):
            raise WireError(f"control bytes in a value: {line!r}")
        out.append((name.decode(), value.decode("latin-1")))


def values(pairs, name):
    return [v for n, v in pairs if n.lower() == name.lower()]


def framing(pairs):
    """("chunked" | "length" | "none", length). Ambiguity is an error."""
    coding = values(pairs, "transfer-encoding")
    length = values(pairs, "content-length")
    if coding and length:
        raise WireError(f"both framings: {pairs}")
    if coding:
        if coding != ["chunked"]:
            raise WireError(f"transfer-encoding {coding}")
        return "chunked", 0
    if length:
        if len(length) > 1 or not re.fullmatch(r"[0-9]+", length[0]):
            raise WireError(f"content-length {length}")
        return "length", int(length[0])
    return "none", 0


def chunked(reader, deadline, sink):
    """A chunked body; returns its trailer fields."""
    while True:
        line = reader.line(deadline)
        size = line.partition(b";")[0].rstrip(b" \t")
        if not size or not set(size) <= _HEX:
            raise WireError(f"chunk size {line!r}")
        count = int(size, 16)
        if count == 0:
            return fields(reader, deadline)
        reader.exactly(count, deadline, sink)
        if reader.line(deadline):
            raise WireError("chunk without CRLF after it")


def deadline(within, what):
    return within if isinstance(within, Deadline) else Deadline(within, what)
