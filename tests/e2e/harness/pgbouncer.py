"""A real PgBouncer in front of a private PostgreSQL cluster, pooling by
transaction: consecutive transactions of a client may meet different sessions."""
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

from .deadline import eventually

_USER = "postgres"


def program():
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class PgBouncer:
    """Starts on `with`; asks the cluster at `port` with the password of its clients.
    `mode` is PgBouncer's pool_mode."""

    def __init__(self, port, mode="transaction"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mqpb-", dir="/tmp"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # "any user, that password": what a client says is what the server is told.
        (self.folder / "users").write_text('"owner" "secret"\n"marquee_edge" "secret"\n')
        (self.folder / "ini").write_text(f"""[databases]
* = host=127.0.0.1 port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = plain
auth_file = {self.folder}/users
pool_mode = {mode}
default_pool_size = 4
server_round_robin = 1
admin_users = owner
ignore_startup_parameters = extra_float_digits,options
logfile = {self.folder}/log
""")
        self.process = None

    def __enter__(self):
        rights = {}
        if os.getuid() == 0:
            user = pwd.getpwnam(_USER)
            rights = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.process = subprocess.Popen([program(), "-q", self.folder / "ini"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **rights)
        eventually(self._answers, 20, "a PgBouncer that answers")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
