"""A client that sends the bytes it is told and reads answers strictly."""
import contextlib
import dataclasses
import json
import re
import socket
import ssl
import struct

from . import wire
from .wire import ByteReader, ConnectionEnded, Truncated, WireError

_STATUS = re.compile(rb"^HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$")


@dataclasses.dataclass
class Response:
    version: str
    status: int
    reason: str
    fields: list
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    interim: list = dataclasses.field(default_factory=list)  # Responses, 1xx
    framing: str = "none"  # none | length | chunked | close
    end: str = ""          # how a close-delimited body ended

    def all(self, name):
        return wire.values(self.fields, name)

    def field(self, name):
        """The one value of a field, or None; two of them fail the test."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)


def request(method="GET", target="/", host="bakery.test", fields=(), body=None, version="1.1"):
    """A well-formed request as bytes; content-length is set when a body is."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{n}: {v}" for n, v in fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class RawClient:
    """One connection, plain or TLS. Closed by the test or by `with`."""

    def __init__(self, address, tls=None, sni=None, session=None, before_tls=b"", source=None,
                 receive_buffer=0, handshake_within=10.0):
        self.sock = socket.socket(socket.AF_INET)
        self.sock.settimeout(handshake_within)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.sock.bind((source, 0))
        try:
            self.sock.connect(address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.local = self.sock.getsockname()
            if before_tls:
                self.sock.sendall(before_tls)
            if tls:
                # Ragged ends stay visible: an aborted answer must not look clean.
                self.sock = tls.wrap_socket(self.sock, server_hostname=sni, session=session,
                                            suppress_ragged_eofs=False)
        except BaseException:
            self.sock.close()
            raise
        self.reader = ByteReader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # sending
    def send(self, data, split=0, within=10.0):
        """Sends all; with split, in writes of that many bytes. A peer that has
        already refused and closed is not an error here: its answer is read next."""
        self.sock.settimeout(within)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            if not split:
                self.sock.sendall(data)
            for at in range(0, len(data) if split else 0, max(split, 1)):
                self.sock.sendall(data[at:at + split])

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    # receiving
    def head(self, within=10.0):
        """The next head, interim ones too."""
        deadline = wire.deadline(within, "a response head")
        line = self.reader.line(deadline)
        match = _STATUS.match(line)
        if not match:
            raise WireError(f"status line {line!r}")
        fields = wire.fields(self.reader, deadline)
        return Response(f"1.{match[1].decode()}", int(match[2]), match[3].decode("latin-1"), fields)

    def response(self, method="GET", within=10.0, sink=None):
        """The next final answer with its interim ones. sink takes the body in
        pieces instead of `body`. Raises Truncated, ConnectionEnded, WireError."""
        deadline = wire.deadline(within, f"the response to {method}")
        interim = []
        while True:
            answer = self.head(deadline)
            if answer.status >= 200 or answer.status == 101:
                break
            interim.append(answer)
        answer.interim = interim
        collected = bytearray()
        self.body(answer, method, deadline, sink or collected.extend, collected)
        answer.body = bytes(collected)
        return answer

    def body(self, answer, method, deadline, sink, collected=b""):
        kind, length = wire.framing(answer.fields)
        bodiless = method == "HEAD" or answer.status in (204, 304) or answer.status < 200
        if answer.status < 200 or answer.status == 204:
            if kind != "none":
                raise WireError(f"{answer.status} with framing {answer.fields}")
        if bodiless:
            return
        answer.framing = kind if kind != "none" else "close"
        try:
            if kind == "length":
                self.reader.exactly(length, deadline, sink)
            elif kind == "chunked":
                answer.trailers = wire.chunked(self.reader, deadline, sink)
            else:
                answer.end = self.reader.to_end(deadline, sink)
        except ConnectionEnded as end:
            raise Truncated(end.how, collected, answer) from None

    def get(self, target="/", host="bakery.test", fields=(), method="GET", body=None, within=10.0,
            version="1.1", **more):
        """A well-formed request and its answer."""
        self.send(request(method, target, host, fields, body, version))
        return self.response(method, within, **more)

    def bytes_until_end(self, within=5.0):
        """Everything up to the connection's end, and how it ended."""
        collected = bytearray()
        how = self.reader.to_end(wire.deadline(within, "the connection's end"), collected.extend)
        return bytes(collected), how

    def assert_closed(self, within=5.0):
        """Nothing more comes and the peer ends the connection; returns how."""
        rest, how = self.bytes_until_end(within)
        assert not rest, f"unexpected bytes before the end: {rest[:400]!r}"
        return how

    def assert_open(self, host="bakery.test"):
        """The connection still serves: its next request gets its own answer."""
        answer = self.get("/still-open", host)
        assert answer.status == 200 and answer.json()["target"].endswith("/still-open")

    # TLS
    @property
    def certificate_names(self):
        return [v for _, v in self.sock.getpeercert().get("subjectAltName", ())]
