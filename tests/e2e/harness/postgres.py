"""A private PostgreSQL cluster in a scratch folder, run as a user without rights
where the tests are root."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from .deadline import eventually

_USER = "postgres"


def binaries():
    """The folder of the newest server's programs, or None."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                   key=lambda p: int(p.parent.parent.name))
    return found[-1].parent if found else None


class Postgres:
    """Starts on `with`. Clients come by TCP on 127.0.0.1 as superuser `owner`,
    or as any other role with the password `secret`. In a `folder` of the caller's
    the cluster is kept, and found again."""

    def __init__(self, folder=None, **settings):
        self.bin = binaries()
        self.kept = folder is not None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="mqpg-", dir="/tmp"))
        self.folder.mkdir(exist_ok=True)
        self.data = self.folder / "data"
        self.settings = settings
        self.port = _free_port()
        self.process = None
        self._as = {}
        if os.getuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def __enter__(self):
        password = self.folder / "password"
        password.write_text("secret\n")
        os.chmod(password, 0o644)
        if not (self.data / "PG_VERSION").exists():
            self._program("initdb", "-D", self.data, "-U", "owner", "--auth-host=scram-sha-256",
                      "--auth-local=trust", f"--pwfile={password}", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        values = {"fsync": "off", "unix_socket_directories": str(self.folder),
                  "listen_addresses": "127.0.0.1", "max_connections": "50", "shared_buffers": "32MB",
                  "timezone": "UTC", **self.settings}
        with open(self.folder / "extra.conf", "w", encoding="ascii") as out:
            out.writelines(f"{key} = '{value}'\n" for key, value in values.items())
        self.start()
        return self

    def __exit__(self, *_):
        if self.kept:
            self.resume()
            self.stop()
            return
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, "-p", str(self.port),
                 "-c", f"config_file={self.data}/postgresql.conf",
                 *(part for key, value in self._values() for part in ("-c", f"{key}={value}"))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as)
        eventually(self._answers, 60, "a PostgreSQL that answers")

    def _values(self):
        for line in (self.folder / "extra.conf").read_text().splitlines():
            key, _, value = line.partition(" = ")
            yield key, value.strip("'")

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        return subprocess.run([self.bin / "pg_isready", "-h", self.folder, "-p", str(self.port), "-d",
                               "postgres"], capture_output=True, check=False).returncode == 0

    def install(self, name, content):
        """A file of the cluster's, for its own eyes."""
        path = self.data / name
        path.write_bytes(content)
        os.chmod(path, 0o600)
        if self._as:
            os.chown(path, self._as["user"], self._as["group"])

    def settings_now(self, **values):
        """In force from the next start."""
        with open(self.folder / "extra.conf", "a", encoding="ascii") as out:
            out.writelines(f"{key} = '{value}'\n" for key, value in values.items())

    def stop(self, how="fast"):
        """As pg_ctl stop -m HOW does: smart, fast or immediate."""
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how]
        self.process.send_signal(number)
        self.process.wait(timeout=60)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.resume()
            self.stop("immediate")

    def _signal_all(self, number):
        """The server and its children: the whole session that it leads."""
        os.killpg(self.process.pid, number)
        for child in subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
                                    capture_output=True, text=True, check=False).stdout.split():
            try:
                os.kill(int(child), number)
            except ProcessLookupError:
                pass

    def pause(self):
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    def url(self, database="postgres", user="owner", port=None, more=""):
        return f"postgresql://{user}:secret@127.0.0.1:{port or self.port}/{database}?sslmode=disable{more}"

    def create(self, database):
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def sql(self, text, database="postgres", user=None, check=True):
        """Rows as psql prints them unaligned."""
        done = subprocess.run(
            [self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p",
             str(self.port), "-U", user or "owner", "-d", database, "-f", "-"],
            input=text, capture_output=True, text=True, check=False, timeout=120)
        if check:
            assert done.returncode == 0, f"{done.stderr}\n{text[:2000]}"
        return done.stdout.strip() if check else done

    @contextlib.contextmanager
    def session(self, database):
        """A function that runs one statement and returns when it is committed; always
        in the same session, so that it costs no connection."""
        command = [self.bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder,
                   "-p", str(self.port), "-U", "owner", "-d", database]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as psql:
            def run(sql):
                psql.stdin.write(sql + ";\n\\echo done\n")
                line = psql.stdout.readline()
                assert line == "done\n", f"{line!r} after {sql[:500]}"
            yield run
            psql.stdin.close()

    def _program(self, name, *args):
        done = subprocess.run([self.bin / name, *map(str, args)], capture_output=True, text=True,
                              check=False, timeout=120, cwd=self.folder, **self._as)
        assert done.returncode == 0, done.stdout + done.stderr


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
