"""slowhttptest, a tool that others attack with: slow heads (-H), slow bodies (-B)
and slow reads (-X). All of its connections are closed by Marquee while it still
tries, and the proxy stays available to it throughout."""
import re
import shutil
import subprocess

import pytest
from harness import Domain, Marquee, Upstream
from harness.demo import DemoOrigin

LIMIT = 2.0
COUNT = 150
_COUNTER = re.compile(r"^(initializing|pending|connected|error|closed|service available):\s*(\w+)", re.M)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

pytestmark = pytest.mark.skipif(not shutil.which("slowhttptest"), reason="needs slowhttptest")


@pytest.fixture(scope="module")
def target():
    with DemoOrigin() as origin, Marquee(
            domains=[Domain("localhost")], upstreams=[Upstream("main", [origin.endpoint], first_byte=30, read_idle=30)],
            timeouts={"head": LIMIT, "body": LIMIT, "idle": 60, "linger": 0.3}) as proxy:
        yield proxy


def attack(proxy, path, *options):
    _, port = proxy.address(protocol="http")
    seconds = 20
    done = subprocess.run(
        ["slowhttptest", "-c", str(COUNT), "-r", str(COUNT), "-l", str(seconds), "-p", "3",
         "-u", f"http://localhost:{port}{path}", *options], capture_output=True, text=True, timeout=seconds + 60)
    text = _COLOUR.sub("", done.stdout + done.stderr)
    reports = [dict(_COUNTER.findall(part)) for part in text.split("slow HTTP test status")[1:]]
    assert reports, text
    return reports, text


@pytest.mark.parametrize("path,options,counter,labels", [
    ("/", ["-H", "-i", "1", "-x", "24"], "marquee_refusals_total", {"cause": "slow_head"}),
    ("/upload", ["-B", "-i", "1", "-s", "100000", "-x", "10"], "marquee_refusals_total", {"cause": "slow_body"}),
    ("/bytes/5000000", ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
     "marquee_client_losses_total", {"how": "too_slow"}),
], ids=["slow_heads", "slow_bodies", "slow_reads"])
def test_all_are_closed(target, path, options, counter, labels):
    before = target.metrics().sum(counter, **labels)
    reports, text = attack(target, path, *options)
    assert any(int(r["closed"]) + int(r["error"]) == COUNT for r in reports), text[-1500:]
    assert all(r["service available"] == "YES" for r in reports), text[-1500:]
    assert target.metrics().sum(counter, **labels) - before == COUNT
