"""The commands that need no running process, and those that ask one."""
import json
import re
import socket
import subprocess

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually
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


@pytest.mark.parametrize("arguments, words", [
    (["florist.localhost"], "is not a URL"), (["ftp://bakery.test/"], "is not a URL"),
    (["-X", "G ET", "https://bakery.test/"], "is not a method"), (["-X", "", "https://bakery.test/"], "is not a method")])
def test_explain_of_no_request_is_wrong_use(settled, arguments, words):
    for more in (["-c", str(settled.file)], []):
        done = marquee("explain", *arguments, *more)
        assert done.returncode == 2 and words in done.stderr and not done.stdout, done


@pytest.mark.parametrize("arguments, words", [
    (["no-such-command"], ["`no-such-command`", "demo-upstream"]), (["domans"], ["`domans`", "`domains`"]),
    (["limit", "show"], ["`limit`", "`limits`"]), (["certs", "lst", "--json"], ["`lst`", "`marquee certs`", "`list`"]),
    (["domains", "ad", "shop.test"], ["`ad`", "`add`"])])
def test_unknown_command(arguments, words):
    done = marquee(*arguments)
    assert done.returncode == 2 and not done.stdout
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("command", ["domains", "certs", "limits", "cache", "db", "access"])
def test_help_of_a_group_shows_its_own_examples(command):
    done = marquee(command, "--help")
    examples = [line.split()[:2] for line in done.stdout.split("Example")[1].splitlines() if "marquee " in line]
    assert done.returncode == 0 and examples and all(e == ["marquee", command] for e in examples), done.stdout


def test_state_is_for_its_owner_alone(tmp_path):
    with EchoOrigin() as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint])],
                                         directory={"kind": "sqlite", "modules": {"upstream": "main"}}) as proxy:
        state = proxy.folder / "state"
        eventually(lambda: len(list(state.glob("directory.sqlite*"))) == 3, 10, "the directory's files")
        for file in state.glob("directory.sqlite*"):
            assert file.stat().st_mode & 0o777 == 0o600, file
        assert state.stat().st_mode & 0o777 == 0o700
    made = tmp_path / "made.sqlite"
    assert marquee("db", "migrate", "--url", f"sqlite:{made}").returncode == 0
    assert made.stat().st_mode & 0o777 == 0o600


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
