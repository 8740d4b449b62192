"""TCP relays in front of a server on this machine, which change what it says."""
import contextlib
import socket
import struct
import threading
import time


def received(sock):
    while data := sock.recv(65536):
        yield data


class Relay:
    """Listens on `with`, at `port`."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._open = []

    def answers(self, server):
        """The pieces that the client gets of what the server says."""
        return received(server)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        for it in self._open:
            with contextlib.suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
            it.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for it in (client, server):
                    it.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [client, server]
                for pieces, target in ((received(client), server), (self.answers(server), client)):
                    threading.Thread(target=self._copy, args=(pieces, target), daemon=True).start()

    @staticmethod
    def _copy(pieces, target):
        with contextlib.suppress(OSError):
            for piece in pieces:
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


class Between(Relay):
    """Answers are late by `delay` seconds, or something else (`garbage`) comes in place of
    those that begin with `spoils`."""

    def __init__(self, port, delay=0.0):
        super().__init__(port)
        self.delay, self.garbage, self.spoils = delay, None, b""

    def answers(self, server):
        for data in received(server):
            time.sleep(self.delay)  # as far away as that
            spoilt = self.garbage is not None and data.startswith(self.spoils)
            yield self.garbage if spoilt else data


class DeafPooler(Relay):
    """Drops PostgreSQL's notifications, as a pooler that shares sessions does.
    Unencrypted connections only."""
    dropped = 0

    def answers(self, server):
        with server.makefile("rb") as stream:
            while head := stream.read(5):
                kind, size = struct.unpack("!cI", head)
                body = stream.read(size - 4)
                if kind == b"A":  # NotificationResponse
                    self.dropped += 1
                else:
                    yield head + body
