"""Handshakes for random names, by a generator in C++ (native/sni_flood.cpp) that is
compiled when it is first needed."""
import json
import os
import pathlib
import subprocess

from .marquee import REPOSITORY

SOURCE = pathlib.Path(__file__).parent / "native/sni_flood.cpp"


def generator():
    binary = REPOSITORY / "build/native/sni_flood"
    if not binary.exists() or binary.stat().st_mtime < SOURCE.stat().st_mtime:
        binary.parent.mkdir(parents=True, exist_ok=True)
        made = binary.with_suffix(f".{os.getpid()}")
        subprocess.run(["c++", "-std=c++20", "-O2", "-o", made, SOURCE], check=True, timeout=120)
        made.rename(binary)  # at once: another test run may want it, too
    return binary


class SniFlood:
    """Runs for the length of `with`; then `counts` says what came of it. It takes
    what others leave of its processor (SCHED_IDLE: who wakes up there takes over at
    once): neither a customer's client nor the upstream waits for it."""

    def __init__(self, address, *, connections=64, networks=1, seed=1):
        self._command = ["chrt", "--idle", "0", str(generator()), address[0], str(address[1]), "0", str(connections),
                         str(networks), str(seed)]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert "running" in self._process.stdout.readline(), "the flood did not begin"
        return self

    def __exit__(self, *_):
        out, _ = self._process.communicate("", timeout=30)
        assert self._process.returncode == 0, "the flood broke"
        self.counts = json.loads(out)
        self.rate = self.counts["begun"] / self.counts["seconds"]
