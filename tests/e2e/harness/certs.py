"""`marquee certs` against a node with a directory, and what its handshakes give."""
import pathlib
import sqlite3
import subprocess

from . import pki
from .client import RawClient
from .deadline import eventually
from .marquee import BINARY

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
PLATFORM = (pathlib.Path(__file__).parent / "platform_schema.sql").read_text(encoding="ascii")


def settings(**more):
    return {"encryption_key": KEY, "modules": {"upstream": "main", "path": "{path}"},
            "sites": {"upstream": "main"}, **more}


class Lite:
    """Another process's hand on the SQLite file."""

    def __init__(self, proxy):
        self.path = proxy.folder / "state/directory.sqlite"
        eventually(self.path.exists, 10, "the directory's file")
        eventually(lambda: plain(proxy, "nobody.test") == 404, 10, "an open directory")

    def run(self, sql):
        with sqlite3.connect(self.path, timeout=10) as db:
            db.executescript("PRAGMA foreign_keys = ON; BEGIN;" + sql + "COMMIT;")
        db.close()

    def value(self, sql):
        db = sqlite3.connect(self.path, timeout=10)
        try:
            return db.execute(sql).fetchone()[0]
        finally:
            db.close()


def plain(proxy, host):
    with proxy.plain() as client:
        return client.get("/", host).status


def served(proxy, authority, host, **more):
    """The certificate that a handshake gets, verified against our own CA."""
    context = pki.client_context(str(authority.cert), **more)
    with RawClient(proxy.address(protocol="https"), tls=context, sni=host) as client:
        assert client.get("/", host).status == 200
        return client.sock.getpeercert()


def certs(proxy, *arguments, code=0):
    done = subprocess.run([BINARY, "certs", arguments[0], "--socket", proxy.admin.path, *map(str, arguments[1:])],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code, f"{done.returncode}: {done.stdout} {done.stderr}"
    return done.stdout if code == 0 else done.stderr
