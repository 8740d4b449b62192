"""`marquee demo-upstream` as an origin: fast, and not of the test's process."""
import re
import subprocess

from . import marquee


class DemoOrigin:
    def __enter__(self):
        self._process = subprocess.Popen([str(marquee.BINARY), "demo-upstream", "--listen", "127.0.0.1:0"],
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", line)
        assert found, f"demo-upstream said {line!r}"
        self.endpoint = found[0]
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()
