"""One Marquee process under test."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from . import pki, process, settings, yaml
from .access_log import AccessLog
from .admin import Admin
from .client import RawClient
from .deadline import eventually
from .h2_client import H2Client
from .notify import NotifySocket

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("MARQUEE_BINARY") or REPOSITORY / "build/release/marquee")
FULL = os.environ.get("MARQUEE_FULL", "") not in ("", "0")
START_WITHIN = 30.0
_SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|MemorySanitizer"
                        r"|runtime error:|Assertion .* failed|terminate called)")
# Becomes the binary, with the socket as descriptor 3 (sd_listen_fds(3)).
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Marquee:
    """Starts on `with`, ends on leaving it, and fails the test if the process
    did not exit with 0 or if its stderr holds a sanitizer's report.

    Keyword sections are those of settings.document; `main` is the origin of
    the pool "main" when `upstreams` is not given. `inherited` is a listening
    socket to pass on as systemd does (LISTEN_FDS)."""

    def __init__(self, main=None, *, domains=None, upstreams=None, listeners=None, inherited=None,
                 **sections):
        # Short: a Unix socket's path has 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mq-", dir="/tmp"))
        self.file = self.folder / "marquee.yaml"
        self.access_file = self.folder / "access.log"
        self.stderr_file = self.folder / "stderr"
        self.listeners = listeners or [settings.Listener("127.0.0.1:0", "https"),
                                       settings.Listener("127.0.0.2:0", "http")]
        self.upstreams = upstreams or [settings.Upstream("main", [main.endpoint])]
        self.domains = domains or [settings.Domain("bakery.test")]
        self.inherited = inherited
        self.sections = sections
        self.access = AccessLog(self.access_file)
        self.admin = Admin(self.folder / "admin.sock")
        self.process = None
        self.expected_exit = 0
        self._verified = self._verified_h2 = None  # made once: reading the CA for each client is slow

    # settings
    def document(self):
        return settings.document(
            state_dir=str(self.folder / "state"), admin_socket=self.admin.path,
            access_log=str(self.access_file), listeners=self.listeners, upstreams=self.upstreams,
            domains=self.domains, **self.sections)

    def write_settings(self):
        self.file.write_text(yaml.dump(self.document()))

    # life
    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            self.stop()
        except BaseException:
            if kind is None:
                raise
        finally:
            self.forget()

    def start(self):
        if not BINARY.exists():
            raise FileNotFoundError(f"no binary at {BINARY}; build it or set MARQUEE_BINARY")
        self.write_settings()
        (self.folder / "notify").unlink(missing_ok=True)  # of the process before
        self.notify = NotifySocket(self.folder / "notify")
        environment = {**os.environ, "NOTIFY_SOCKET": self.notify.path}
        with open(self.stderr_file, "ab") as stderr:
            command = [str(BINARY), "run", "-c", str(self.file)]
            passed = ()
            if self.inherited:
                passed = (self.inherited.fileno(),)
                command = [sys.executable, "-c", _ACTIVATE, str(passed[0]), *command]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment,
                cwd=self.folder, pass_fds=passed)
        try:
            self.notify.wait("READY=1", within=START_WITHIN, alive=self.alive)
            self.find_addresses()
        except BaseException as error:
            self.kill()
            raise AssertionError(f"did not start: {error}\n{self.stderr()}\n{self.file.read_text()}") from error
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, within=20.0):
        return self.process.wait(timeout=within)

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def stop(self, within=20.0):
        """SIGTERM and the checks of a process's end. No connection need be
        closed before: idle ones must not hold up the exit."""
        if self.alive():
            self.signal(signal.SIGTERM)
        try:
            code = self.wait_exit(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {within} s after SIGTERM\n{self.tail()}") from None
        self.check_stderr()
        assert code == self.expected_exit, f"exit code {code}\n{self.tail()}"

    def check_stderr(self):
        report = _SANITIZER.search(self.stderr())
        assert not report, f"report on stderr:\n{self.stderr()[max(0, report.start() - 200):][:6000]}"

    def tail(self, size=4000):
        return self.stderr()[-size:]

    def forget(self):
        self.kill()
        if self.process:
            self.notify.close()
        if os.environ.get("MARQUEE_KEEP", "") in ("", "0"):
            shutil.rmtree(self.folder, ignore_errors=True)

    # reload
    def reload(self, within=15.0):
        """Writes the settings and reloads by the admin API; must succeed."""
        self.write_settings()
        answer = self.admin.call("/v1/reload", "POST", b"", within)
        assert answer.status == 200 and answer.json()["ok"] is True, f"{answer.status} {answer.body!r}"
        self.find_addresses()

    def hangup(self, within=15.0):
        """SIGHUP; returns once it has said RELOADING=1 and READY=1."""
        since = len(self.notify.poll())
        self.signal(signal.SIGHUP)
        reloading = self.notify.wait("RELOADING=1", since, within, self.alive)
        self.notify.wait("READY=1", reloading, within, self.alive)

    def wait_one_snapshot(self, within=5.0):
        eventually(lambda: self.admin.status()["snapshots_alive"] == 1, within,
                   "snapshots_alive back at 1")

    # addresses and clients
    def find_addresses(self):
        addresses, protocols = {}, {}
        for item in self.admin.status()["listeners"]:
            host, _, port = item["address"].rpartition(":")
            addresses.setdefault(item["configured"], (host, int(port)))
            protocols.setdefault(item["protocol"], (host, int(port)))
        # At once: other threads open connections meanwhile.
        self.addresses, self.protocols = addresses, protocols

    def address(self, listener=None, protocol="http"):
        return self.addresses[listener] if listener else self.protocols[protocol]

    @property
    def ca_file(self):
        return str(self.folder / "state/internal-ca/ca.pem")

    def plain(self, listener=None, **more):
        return RawClient(self.address(listener, "http"), **more)

    def tls(self, name, listener=None, context=None, **more):
        """Verified against the internal CA and `name`."""
        if context is None:
            context = self._verified = self._verified or pki.client_context(self.ca_file)
        return RawClient(self.address(listener, "https"), tls=context, sni=name, **more)

    def h2(self, name="bakery.test", listener=None, context=None, **more):
        """HTTP/2 over TLS, verified against the internal CA and `name`."""
        if context is None:
            context = self._verified_h2 = self._verified_h2 or pki.client_context(self.ca_file, alpn=("h2",))
        return H2Client(self.address(listener, "https"), tls=context, sni=name, **more)

    def tls_unverified(self, name=None, listener=None, **more):
        return RawClient(self.address(listener, "https"), tls=pki.client_context(), sni=name, **more)

    # measures
    def resident(self):
        return process.resident_bytes(self.process.pid)

    def descriptors(self):
        return process.descriptors(self.process.pid)

    def sanitized(self):
        return process.is_sanitized(BINARY)

    def metrics(self):
        return self.admin.metrics()
