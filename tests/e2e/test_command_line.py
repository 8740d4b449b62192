"""The commands that need no running process, and those that ask one."""
import json
import re
import socket
import subprocess

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream
from harness.marquee import BINARY


def marquee(*args, timeout=20, **more):
    return subprocess.run([str(BINARY), *args], capture_output=True, text=True, timeout=timeout, **more)


@pytest.fixture
def settled():
    """Settings on disk, nothing running."""
    proxy = Marquee(upstreams=[Upstream("main", ["http://127.0.0.1:9"])],
                    domains=[Domain("bakery.test", redirect_to_https=True, path="/render/{installation_id}{path}")])
    proxy.write_settings()
    yield proxy
    proxy.forget()


def test_version():
    done = marquee("version")
    assert done.returncode == 0 and re.search(r"marquee \d+\.\d+", done.stdout.lower())


def test_check_good(settled):
    done = marquee("check", "-c", str(settled.file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_broken_says_all_and_ends_with_78(settled):
    text = settled.file.read_text()
    settled.file.write_text(text.replace('protocol: "http"', 'protocol: "htp"') + "limitz: {}\n")
    done = marquee("check", "-c", str(settled.file))
    out = done.stdout + done.stderr
    assert done.returncode == 78
    assert len(re.findall(r"marquee\.yaml:\d+:\d+: ", out)) == 2, out
    assert "limits" in out, "did you mean"


def test_run_with_broken_settings_ends_with_78(settled):
    settled.file.write_text(settled.file.read_text() + "limitz: {}\n")
    done = marquee("run", "-c", str(settled.file))
    assert done.returncode == 78 and "marquee.yaml:" in done.stdout + done.stderr


def test_check_prints_a_schema():
    done = marquee("check", "--print-schema")
    schema = json.loads(done.stdout)
    assert "listeners" in schema["properties"] and schema["$schema"]


def test_run_without_a_file():
    done = marquee("run", "-c", "/nonexistent/marquee.yaml")
    assert done.returncode not in (0, -6, -11) and "/nonexistent/marquee.yaml" in done.stdout + done.stderr


def test_run_on_a_taken_port(settled):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settled.listeners[0].address = f"127.0.0.1:{port}"
        settled.write_settings()
        done = marquee("run", "-c", str(settled.file))
    assert done.returncode not in (0, -6, -11) and str(port) in done.stdout + done.stderr


@pytest.mark.parametrize("url,expected", [
    ("https://bakery.test/a?b", ["bakery.test", "main", "/render/"]), ("http://bakery.test/", ["https"]),
    ("https://www.bakery.test/", ["bakery.test", "main"]), ("https://unknown.test/", ["unknown.test"]),
])
def test_explain_offline(settled, url, expected):
    done = marquee("explain", url, "-c", str(settled.file))
    assert done.returncode in (0, 1), done.stderr
    for word in expected:
        assert word in done.stdout, done.stdout


def test_unknown_command():
    done = marquee("no-such-command")
    assert done.returncode in (1, 2, 64, 109) and done.stdout + done.stderr


def test_status_of_a_running_process():
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        done = marquee("status", "-c", str(proxy.file))
        assert done.returncode == 0, done.stderr
        assert "127.0.0.1" in done.stdout and str(proxy.address(protocol="https")[1]) in done.stdout


def test_status_without_a_process(settled):
    done = marquee("status", "-c", str(settled.file))
    assert done.returncode != 0 and settled.admin.path in done.stdout + done.stderr


def test_reload_command_says_why():
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        proxy.file.write_text(proxy.file.read_text() + "limitz: {}\n")
        done = marquee("reload", "-c", str(proxy.file))
        assert done.returncode != 0 and re.search(r"marquee\.yaml:\d+:\d+:", done.stdout + done.stderr)
