"""A PostgreSQL server of one test's own: its cluster in a scratch folder, run by a
user that is not root, on a Unix socket and a free port of 127.0.0.1. Data is not
made durable (fsync off), so that it starts in two seconds.

As a program, for tests that are not Python (a line of JSON says where it is):
    cluster.py start FOLDER [--tls] | stop | kill | pause | resume | restart FOLDER
    cluster.py sql FOLDER [FILE...]     # statements from files or standard input
"""
import argparse
import glob
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

QUICK = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{socket}'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 40
log_min_messages = warning
autovacuum = off
"""
DATABASE = "marquee"
USER = "marquee_test"  # a superuser of this cluster


def binaries():
    """The folder of initdb and pg_ctl, newest release first; None: not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"),
                   key=lambda p: int(p.split("/")[4].split(".")[0]), reverse=True)
    path = found[0] if found else shutil.which("initdb")
    return pathlib.Path(path).parent if path else None


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _account():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("PostgreSQL does not run as root, and there is neither a user postgres "
                         "nor nobody")


class Postgres:
    """`folder` is made if it does not exist, and holds the cluster `data`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.state = self.folder / "where.json"
        if self.state.exists():
            where = json.loads(self.state.read_text())
            self.port, self.socket = where["port"], where["socket"]

    def _run(self, command, **options):
        account = _account()
        if account:
            options.update(user=account.pw_uid, group=account.pw_gid, extra_groups=[])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False,
                              timeout=60, cwd="/", env={**environment, "LC_ALL": "C"}, **options)
        if done.returncode != 0:
            log = self.folder / "log"
            raise AssertionError(f"{command[0]} failed: {done.stdout}{done.stderr}"
                                 f"{log.read_text()[-2000:] if log.exists() else ''}")
        return done.stdout

    def create(self, tls=False):
        assert binaries(), "PostgreSQL is not installed; apt-get install postgresql"
        self.folder.mkdir(parents=True, exist_ok=True)
        account = _account()
        # A Unix socket's path may be 107 bytes long, a test's folder is often longer.
        self.socket = tempfile.mkdtemp(prefix="marquee-pg-", dir="/tmp")
        if account:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            os.chown(self.socket, account.pw_uid, account.pw_gid)
        self._run([binaries() / "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-N",
                   "-E", "UTF8", "--locale=C"])
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as out:
            out.write(QUICK.format(socket=self.socket))
        if tls:
            self._make_tls(account)
        self.start()
        self._run(["psql", "-qX", "-h", self.socket, "-p", self.port, "-U", USER, "-d", "postgres",
                   "-c", f"CREATE DATABASE {DATABASE}"])
        return self

    def _make_tls(self, account):
        """A self-signed certificate for localhost, which is its own root."""
        key, certificate = self.data / "server.key", self.data / "server.crt"
        self._run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                   "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        os.chmod(key, 0o600)
        shutil.copy(certificate, self.folder / "root.crt")
        os.chmod(self.folder / "root.crt", 0o644)
        if account:
            os.chmod(self.folder, 0o755)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as out:
            out.write("ssl = on\n")
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 trust\n")

    def start(self):
        """On the same port as before, if it ran before."""
        for attempt in range(5):
            if not self.state.exists():
                self.port = _free_port()
            try:
                self._run([binaries() / "pg_ctl", "-D", self.data, "-w", "-t", "30", "-s", "-l",
                           self.folder / "log", "-o", f"-p {self.port}", "start"])
                break
            except AssertionError:
                if self.state.exists() or attempt == 4:
                    raise
        self.state.write_text(json.dumps({
            "port": self.port, "socket": self.socket, "user": USER, "database": DATABASE,
            "root": str(self.folder / "root.crt")}))

    def stop(self, mode="fast"):
        self._run([binaries() / "pg_ctl", "-D", self.data, "-w", "-s", "-m", mode, "stop"])

    def restart(self):
        self.stop()
        self.start()

    def pids(self):
        """The postmaster and all of its processes."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first] + [int(pid) for pid in children]

    def pause(self):
        """As a machine that hangs: sockets stay open, nothing answers."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)

    def remove(self):
        try:
            self.resume()
            self.stop("immediate")
        except (AssertionError, OSError):
            pass  # was stopped before
        shutil.rmtree(self.socket, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, **parameters):
        query = "&".join(f"{k}={v}" for k, v in parameters.items())
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}" + (f"?{query}" if query else "")

    def sql(self, text):
        """Runs statements, each of them for itself; returns what they print."""
        return self._run(["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p", self.port,
                          "-U", USER, "-d", DATABASE, "-f", "-"], input=text)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("what", choices=["start", "stop", "kill", "pause", "resume", "restart",
                                          "remove", "sql", "up"])
    options.add_argument("folder")
    options.add_argument("files", nargs="*")
    options.add_argument("--tls", action="store_true")
    given = options.parse_args()
    server = Postgres(given.folder)
    if given.what == "start":
        if not binaries():
            sys.exit(77)
        server.create(given.tls)
        print(server.state.read_text())
    elif given.what == "up":
        server.start()
    elif given.what == "kill":
        server.stop("immediate")
    elif given.what == "sql":
        text = "".join(pathlib.Path(f).read_text() for f in given.files) or sys.stdin.read()
        print(server.sql(text), end="")
    else:
        getattr(server, given.what)()


if __name__ == "__main__":
    main()
