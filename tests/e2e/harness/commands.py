"""curl, nghttp and h2load against a Marquee. None of the tests' names resolves:
curl and h2load are told the address, nghttp takes the name from :authority."""
import re
import subprocess


def curl(proxy, target="/", *arguments, host="bakery.test", scheme="https", within=30, listener=None, check=True):
    """curl's stdout as bytes; the process with check=False."""
    address, port = proxy.address(listener, "http" if scheme == "http" else "https")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", proxy.ca_file, "--resolve", f"{host}:{port}:{address}",
         "--max-time", str(within), *arguments, f"{scheme}://{host}:{port}{target}"],
        capture_output=True, timeout=within + 10)
    if not check:
        return done
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode()}"
    return done.stdout


def nghttp(proxy, *arguments, target="/", host="bakery.test", scheme="https", listener=None, within=30):
    """nghttp's own words (-v makes them frames); `target` may be several."""
    address, port = proxy.address(listener, "http" if scheme == "http" else "https")
    targets = [target] if isinstance(target, str) else target
    done = subprocess.run(["nghttp", "-H", f":authority: {host}", *arguments,
                           *(f"{scheme}://{address}:{port}{t}" for t in targets)],
                          capture_output=True, timeout=within)
    out = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0 and "not processed" not in out, f"nghttp ended with {done.returncode}: {out[-2000:]}"
    return re.sub(r"\x1b\[[0-9;]*m", "", out)


class Load:
    """h2load, started at once; `finish` demands that every request succeeded."""

    def __init__(self, proxy, requests, *arguments, connections=8, streams=16, target="/", host="bakery.test",
                 scheme="https", listener=None):
        address, port = proxy.address(listener, "http" if scheme == "http" else "https")
        self.requests = requests
        self._process = subprocess.Popen(
            ["h2load", "-n", str(requests), "-c", str(connections), "-m", str(streams), "-t", "1",
             f"--connect-to={address}:{port}", *arguments, f"{scheme}://{host}:{port}{target}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def running(self):
        return self._process.poll() is None

    def finish(self, within=120):
        out, _ = self._process.communicate(timeout=within)
        found = re.search(r"requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, "
                          r"(\d+) failed, (\d+) errored, (\d+) timeout", out)
        assert found, out
        total, _, done, succeeded, failed, errored, timeout = map(int, found.groups())
        assert (total, done, succeeded, failed, errored, timeout) == (self.requests,) * 3 + (0,) * 3, out
        statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
        assert int(statuses[1]) == self.requests, out
        return out
