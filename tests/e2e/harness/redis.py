"""A private redis-server in a scratch folder, and a relay that makes it far away."""
import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .deadline import eventually


def available():
    return shutil.which("redis-server") is not None


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Redis:
    """Starts on `with`; nothing is kept on disk, so a restart finds it empty.
    `tls`: files of the authority, certificate and key."""

    def __init__(self, *arguments, tls=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mqrd-", dir="/tmp"))
        self.port = _free_port()
        self.path = str(self.folder / "s")
        self.arguments = [str(a) for a in arguments]
        self.process = None
        if tls:
            ca, cert, key = tls
            self.tls_port = _free_port()
            self.arguments += ["--tls-port", str(self.tls_port), "--tls-cert-file", str(cert), "--tls-key-file", str(key),
                               "--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no"]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def tls_address(self):
        return f"127.0.0.1:{self.tls_port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--unixsocket", self.path,
                 "--save", "", "--appendonly", "no", "--dir", str(self.folder), *self.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._answers, 20, "a Redis that answers")
        return self

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(OSError):
            return self.command("PING")[:1] in (b"+", b"-")
        return False

    def command(self, *words, within=5.0):
        """The raw reply to one command, up to its first 64 KiB."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=within) as sock:
            raw = b"*%d\r\n" % len(words)
            for word in words:
                data = str(word).encode()
                raw += b"$%d\r\n%s\r\n" % (len(data), data)
            sock.sendall(raw)
            return sock.recv(65536)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class Between:
    """A TCP relay in front of `port`: replies are late by `delay` seconds, or
    something else (`garbage`) comes in place of those that begin with `spoils`."""

    def __init__(self, port, delay=0.0):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.delay = delay
        self.garbage = None
        self.spoils = b""
        self._open = []

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

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
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [client, server]
            threading.Thread(target=self._copy, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(server, client, True), daemon=True).start()

    def _copy(self, source, target, replies):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if replies and self.delay:
                    time.sleep(self.delay)  # as far away as that
                if replies and self.garbage is not None and data.startswith(self.spoils):
                    data = self.garbage
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
