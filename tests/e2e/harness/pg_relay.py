"""A TCP relay in front of PostgreSQL that drops the server's notifications, as a
pooler that shares sessions does. Unencrypted connections only."""
import contextlib
import socket
import struct
import threading


class DeafPooler:
    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.dropped = 0
        self._open = []

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
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for it in (client, server):
                it.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
            threading.Thread(target=self._filter, args=(server, client), daemon=True).start()

    def _copy(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _filter(self, source, target):
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while head := stream.read(5):
                kind, size = struct.unpack("!cI", head)
                body = stream.read(size - 4)
                if kind == b"A":  # NotificationResponse
                    self.dropped += 1
                    continue
                target.sendall(head + body)
            target.shutdown(socket.SHUT_WR)
