"""`marquee domains ...`, `cache flush` and `explain` against a running node: what an
operator types, sees, and gets as exit code."""
import json
import ssl
import subprocess
import time

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, eventually
from harness.marquee import BINARY
from harness.settings import Domain

SETTINGS = {"kind": "sqlite", "modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"}}


@pytest.fixture(scope="module")
def running():
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])], workers=2, directory=SETTINGS,
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")],
            domains=[Domain("bakery.test"), Domain("clinic.test")]) as proxy:
        eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
        yield proxy


def run(proxy, *arguments, code=0, **more):
    done = subprocess.run([BINARY, *map(str, arguments), "--socket", proxy.admin.path], capture_output=True,
                          text=True, timeout=120, check=False, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def read(proxy, *arguments):
    return json.loads(run(proxy, *arguments, "--json").stdout)


def status(proxy, host):
    """None: the handshake is refused."""
    try:
        with proxy.tls(host) as client:
            return client.get("/", host).status
    except ssl.SSLError:
        return None


def plain_status(proxy, host):
    with proxy.plain() as client:
        return client.get("/", host).status


def test_a_third_domain_answers_within_a_second(running):
    begun = time.monotonic()
    done = run(running, "domains", "add", "Florist.test")
    assert done.stdout.startswith("added: florist.test (serving, id "), done.stdout
    assert status(running, "florist.test") == 200
    assert time.monotonic() - begun < 1.5
    assert "already" in run(running, "domains", "add", "florist.test").stdout
    run(running, "domains", "disable", "florist.test")
    eventually(lambda: plain_status(running, "florist.test") == 503, 2)
    run(running, "domains", "enable", "www.florist.test", code=1)  # the row has another name
    shown = read(running, "domains", "show", "florist.test")
    assert shown["status"] == "disabled"
    run(running, "domains", "enable", shown["id"])
    eventually(lambda: status(running, "florist.test") == 200, 2)
    assert read(running, "domains", "remove", "florist.test") == {"removed": "florist.test"}
    assert "there is no domain" in run(running, "domains", "show", "florist.test", code=1).stderr


def test_list_shows_both_sources(running):
    run(running, "domains", "add", "listed.test", "--domain-config", '{"cache_ttl": 5}')
    table = run(running, "domains", "list").stdout.splitlines()
    assert table[0].split() == ["HOST", "STATE", "SOURCE", "AGENCY", "INSTALLATION", "ID"]
    assert any(row.startswith("bakery.test") and " settings " in row for row in table)
    assert any(row.startswith("listed.test") and " directory " in row for row in table)
    page = read(running, "domains", "list", "--limit", 1)
    assert len(page["domains"]) == 1 and page["next"]
    assert read(running, "domains", "list", "--all")["next"] is None
    assert read(running, "domains", "list", "--cursor", page["next"], "--limit", 1)["domains"] != page["domains"]
    assert [d["host"] for d in read(running, "domains", "list", "--contains", "LISTED")["domains"]] == ["listed.test"]


@pytest.mark.parametrize("arguments, code, words", [
    (("domains",), 2, "subcommand"), (("domains", "add"), 2, "name is required"),
    (("domains", "add", "a..b"), 1, "empty label"), (("domains", "add", "x.test", "--domain-config", "{"), 2, "JSON object"),
    (("domains", "add", "bakery.test"), 1, "marquee.yaml"), (("domains", "remove", "bakery.test"), 1, "marquee.yaml"),
    (("domains", "list", "--limit", "0"), 2, "not in range"), (("domains", "list", "--status", "on"), 1, "status is"),
    (("domains", "import", "/nonexistent"), 1, "cannot read"), (("cache", "flush", "a..b"), 1, "without a port"),
])
def test_mistakes_are_told(running, arguments, code, words):
    done = run(running, *arguments, code=code)
    assert words in done.stderr and not done.stdout, (done.stdout, done.stderr)


def test_vouching_for_what_is_there_is_told_the_way(running):
    run(running, "domains", "add", "again.test", "--domain-config", '{"cache_ttl": 5}')
    done = run(running, "domains", "add", "again.test", "--vouched", "--domain-config", '{"cache_ttl": 6}', code=1)
    assert "marquee domains vouch again.test" in done.stderr
    done = run(running, "domains", "add", "again.test", "--domain-config", '{"cache_ttl": 6}', code=1)
    assert "domains vouch" not in done.stderr
    done = run(running, "domains", "add", "bakery.test", "--vouched", code=1)  # stands in the settings
    assert "domains vouch" not in done.stderr


def test_help_shows_examples(running):
    for command in (("domains", "add"), ("domains", "import"), ("domains", "export"), ("domains", "list"), ("cache", "flush")):
        out = subprocess.run([BINARY, *command, "--help"], capture_output=True, text=True, check=True).stdout
        assert "Example" in out and "marquee " + " ".join(command) in out


def test_import_is_resumable_and_tells_errors_by_line(running, tmp_path):
    file = tmp_path / "domains.csv"
    file.write_text('host,agency,config,status\r\n'
                    'one.import.test,a1,"{""force_www"": true}",\n'
                    'a..b,a1,,\n'
                    'two.import.test,a1,,disabled\n'
                    'three.import.test,a1\n'
                    'four.import.test,a1,"{\n""cache_ttl"": 5}",\n'
                    'five.import.test,"a1,,\n', encoding="utf-8")
    done = run(running, "domains", "import", file, code=1)
    assert "3 added, 0 there already, 3 failed, up to line 8" in done.stdout, done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith(str(file))]
    assert sorted(line.split(":")[1] for line in lines) == ["3", "5", "8"], lines
    assert read(running, "domains", "show", "four.import.test")["config"]["cache_ttl"] == 5
    again = run(running, "domains", "import", file, code=1)
    assert "0 added, 3 there already, 3 failed" in again.stdout
    rest = run(running, "domains", "import", file, "--from", 4, code=1)
    assert "0 added, 2 there already, 2 failed" in rest.stdout, rest.stdout
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("hots\nx.test\n", encoding="utf-8")
    assert f"{wrong}:1: the header has the column `hots`" in run(running, "domains", "import", wrong, code=1).stderr


def test_import_that_is_broken_off_says_where_to_go_on(running, tmp_path):
    lines = [json.dumps({"host": f"n{i}.broken.test", "site": "s"}) for i in range(40)]
    done = subprocess.run([BINARY, "domains", "import", "-", "--socket", "/nonexistent.sock"], input="\n".join(lines),
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "go on with --from 1" in done.stderr, done.stderr


def test_export_and_import_are_each_other_s_inverse(running, tmp_path):
    run(running, "domains", "add", "round.export.test", "--domain-config",
        '{"custom_headers": {"X-Quote": "a,\\"b"}, "force_www": false, "redirect_to_https": false}', "--white-label",
        '{"brand_name": "Brot, \\"fein\\"", "custom_css": "a {\\n}"}')
    before = read(running, "domains", "show", "round.export.test")
    for name in ("all.csv", "all.jsonl"):
        file = tmp_path / name
        run(running, "domains", "export", "-o", file)
        count = len(read(running, "domains", "list", "--all", "--source", "directory")["domains"])
        done = run(running, "domains", "import", file)
        assert f"0 added, {count} there already, 0 failed" in done.stdout, done.stdout
        run(running, "domains", "remove", "round.export.test")
        assert "1 added" in run(running, "domains", "import", file).stdout
        after = read(running, "domains", "show", "round.export.test")
        assert {**after, "id": ""} == {**before, "id": ""}


def test_cache_flush_and_live_explain(running):
    run(running, "domains", "add", "told.test")
    url = f"https://told.test:{running.address(None, 'https')[1]}/x"
    eventually(lambda: read(running, "explain", url)["reaches_upstream"], 2)
    assert read(running, "explain", url)["directory"]["answer"] == "fresh"
    assert read(running, "cache", "flush", "told.test") == {"host": "told.test", "flushed": True}
    assert "from the cache" in run(running, "explain", url).stdout or "asked just now" in run(running, "explain", url).stdout
    offline = subprocess.run([BINARY, "explain", "-c", running.file, url], capture_output=True, text=True, check=True)
    assert "only the running Marquee knows" in offline.stdout
