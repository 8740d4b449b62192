"""slowhttptest, a tool that others attack with: slow heads (-H), slow bodies (-B)
and slow reads (-X). Marquee closes all of its connections while it still
tries, and stays available to it throughout."""
import re
import shutil
import subprocess

import pytest
from harness import Domain, Listener, Marquee, Upstream, eventually
from harness.demo import DemoOrigin

LIMIT = 2.0
SLACK = 5.0
COUNT = 150
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not shutil.which("slowhttptest"), reason="needs slowhttptest")]


@pytest.fixture(scope="module")
def target():
    with DemoOrigin() as origin, Marquee(
            domains=[Domain("localhost")], listeners=[Listener("127.0.0.1:0", "http")],
            upstreams=[Upstream("main", [origin.endpoint], first_byte=30, read_idle=30)],
            timeouts={"head": LIMIT, "body": LIMIT, "idle": 60, "linger": 0.3}) as proxy:
        yield proxy


@pytest.mark.parametrize("path,options,counter,labels", [
    ("/", ["-H", "-i", "1", "-x", "24"], "marquee_refusals_total", {"cause": "slow_head"}),
    ("/upload", ["-B", "-i", "1", "-s", "100000", "-x", "10"], "marquee_refusals_total", {"cause": "slow_body"}),
    ("/bytes/5000000", ["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"],
     "marquee_client_losses_total", {"how": "too_slow"}),
], ids=["slow_heads", "slow_bodies", "slow_reads"])
def test_all_are_closed(target, path, options, counter, labels):
    """The tool may take long to notice a reset, so the count of the proxy decides."""
    before = target.metrics().sum(counter, **labels)
    _, port = target.address(protocol="http")
    tool = subprocess.Popen(
        ["slowhttptest", "-c", str(COUNT), "-r", str(COUNT), "-l", "30", "-p", "3", "-u", f"http://localhost:{port}{path}", *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        eventually(lambda: target.metrics().sum(counter, **labels) - before == COUNT, 2 + LIMIT + SLACK, "all of them counted")
        eventually(lambda: target.admin.status()["connections"] <= 1, SLACK, "all of them closed; one is the tool's probe")
    finally:
        tool.terminate()
        text = _COLOUR.sub("", tool.communicate(timeout=10)[0])
    assert "service available:   NO" not in text, text[-1500:]
