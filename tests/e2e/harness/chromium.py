"""Headless Chromium on pages that the origin serves. A page tells its result by
POST to /report, and its load event waits for that (an image that the origin holds),
so that `--dump-dom` ends when all is told; the net log is complete then."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import threading

# Held open by /hold until the report has come.
HOLD = '<img src="/hold" alt="">'


def key_pin(address, name):
    """Chromium's name for the server's key: base64 of the SHA-256 of its SPKI."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    import socket
    with socket.create_connection(address, 5) as sock, context.wrap_socket(sock, server_hostname=name) as tls:
        der = tls.getpeercert(binary_form=True)
    run = lambda *argv, data: subprocess.run(argv, input=data, capture_output=True, check=True).stdout  # noqa: E731
    key = run("openssl", "x509", "-inform", "DER", "-pubkey", "-noout", data=der)
    spki = run("openssl", "pkey", "-pubin", "-outform", "DER", data=key)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Site:
    """The handler of an origin: `pages` by target, each (content type, bytes);
    other targets go to `otherwise`. Keeps the report."""

    def __init__(self, pages, otherwise=None):
        self.pages, self.otherwise = pages, otherwise
        self.report = None
        self._told = threading.Event()

    def __call__(self, connection):
        request = connection.request
        if request.target == "/report":
            body = connection.read_body()
            self.report = json.loads(body)
            self._told.set()
            return answer(connection, "text/plain", b"")
        connection.read_body()
        if request.target == "/hold":
            self._told.wait(60)
            return answer(connection, "image/gif", b"")
        if request.target in self.pages:
            return answer(connection, *self.pages[request.target])
        if self.otherwise:
            return self.otherwise(connection)
        return answer(connection, "text/plain", b"", "404 Not Found")


def answer(connection, kind, body, status="200 OK", fields=""):
    connection.send(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                    f"Cache-Control: no-store\r\n{fields}\r\n".encode() + body)


class NetLog:
    """What Chromium wrote about its network (chrome://net-export's format)."""

    def __init__(self, path):
        log = json.loads(pathlib.Path(path).read_text())
        kinds = {number: name for name, number in log["constants"]["logEventTypes"].items()}
        self.errors = {number: name for name, number in log["constants"]["netError"].items()}
        self.sources = {number: name for name, number in log["constants"]["logSourceType"].items()}
        self.events = [(kinds[e["type"]], e["source"], e.get("params", {})) for e in log["events"]]

    def of(self, kind):
        return [params for name, _, params in self.events if name == kind]

    def failures(self, name):
        """net_error of requests, sessions and sockets that have to do with `name`."""
        urls = {}
        for _, source, params in self.events:
            text = params.get("url") or params.get("host") or params.get("group_id")
            if isinstance(text, str):
                urls.setdefault(source["id"], text)
        return [(kind, self.errors.get(params["net_error"], params["net_error"]), urls.get(source["id"], ""))
                for kind, source, params in self.events
                if params.get("net_error") and name in str(urls.get(source["id"], "") or params)]


def visit(url, pins, within=60, net_log=None, picture=None, scheme="light", language="en"):
    """Loads the page; every name ending in .test is 127.0.0.1. Returns (DOM, NetLog).
    `picture`: where a PNG of 800 by 600 pixels goes, for which there is a second load.
    `scheme`, `language`: what the visitor prefers."""
    folder = tempfile.mkdtemp(prefix="mq-chromium-")
    log = os.path.join(folder, "net.json")
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
        "--disable-features=OptimizationHints,MediaRouter,Translate", "--no-proxy-server", "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}", f"--accept-lang={language}",
        f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND",
        f"--ignore-certificate-errors-spki-list={','.join(pins)}", f"--log-net-log={log}", "--dump-dom", url]
    if picture:
        shot = [a for a in command if a != "--dump-dom" and not a.startswith("--log-net-log")]
        subprocess.run([*shot[:-1], f"--screenshot={picture}", "--window-size=800,600", "--hide-scrollbars", url], check=True,
                       timeout=within, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": folder})
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                               env={**os.environ, "HOME": folder})
    try:
        out, errors = process.communicate(timeout=within)
        assert process.returncode == 0, f"chromium ended with {process.returncode}: {errors[-3000:]}"
        return out, NetLog(log)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, 9)
        _, errors = process.communicate()
        raise AssertionError(f"chromium did not finish {url} within {within} s: {errors[-3000:]}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
