"""HTTP/2 by the clients that people use: curl, nghttp and h2load. Full sizes
(1 GiB, 100,000 requests) under MARQUEE_FULL=1."""
import contextlib
import hashlib
import re
import signal
import subprocess
import threading
import time

import pytest
from harness import FULL, Domain, EchoOrigin, Listener, Marquee, Upstream, chunk, reply
from harness.commands import Load, curl, nghttp
from harness.h2_client import H2Client
from harness.marquee import BINARY

MIB = 1 << 20
SIZE = (1024 if FULL else 64) * MIB
GROWTH = 30 * MIB
REQUESTS = 100_000 if FULL else 10_000
PATIENCE = 600 if FULL else 60
# Not periodic in any buffer's size, so that a lost or doubled block shows.
BLOCK = hashlib.shake_256(b"h2").digest(MIB + 4099)
H2C = "127.0.0.6:0"


@pytest.fixture(scope="module")
def measured():
    """A process of its own: its memory is measured, and it has an h2c listener."""
    with EchoOrigin() as origin, Marquee(
            origin, domains=[Domain("bakery.test"), Domain("clinic.test")], timeouts={"body": 60, "linger": 0.5},
            listeners=[Listener("127.0.0.1:0", "https"), Listener(H2C, "http", h2c=True)]) as proxy:
        for _ in range(10):
            curl(proxy, "/", "--http2", "--data-binary", "x" * 100_000)
        yield proxy, origin
        assert not origin.errors, origin.errors


@contextlib.contextmanager
def bounded_memory(proxy):
    before, peak, done = proxy.resident(), [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], proxy.resident())
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    if not proxy.sanitized():
        assert peak[0] - before < GROWTH, f"grew by {(peak[0] - before) / MIB:.1f} MiB"


@pytest.fixture(scope="module")
def upload_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("h2") / "upload"
    left = SIZE
    with open(path, "wb") as out:
        while left:
            left -= out.write(BLOCK[:min(left, len(BLOCK))])
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while piece := data.read(MIB):
            digest.update(piece)
    return path, digest.hexdigest()


# curl
WAYS = {"tls": ("https", "--http2", None), "h2c": ("http", "--http2-prior-knowledge", H2C)}


@pytest.mark.parametrize("way", WAYS)
def test_curl(measured, way):
    scheme, flag, listener = WAYS[way]
    proxy, _ = measured
    out = curl(proxy, "/a?b", flag, "--write-out", "\n%{http_version} %{response_code}", scheme=scheme, listener=listener)
    body, _, last = out.rpartition(b"\n")
    assert last == b"2 200" and b'"target": "/a?b"' in body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("raw,flags,status", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", ["--head"], b"200"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", [], b"204"),
    (b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", [], b"304"),
], ids=["head", "204", "304"])
def test_curl_answers_without_body(measured, way, raw, flags, status):
    scheme, flag, listener = WAYS[way]
    proxy, origin = measured
    with origin.answering(reply(raw)):
        out = curl(proxy, "/", flag, *flags, "--output", "/dev/null", "--write-out", "%{http_version} %{response_code} %{size_download}",
                   scheme=scheme, listener=listener)
    assert out == b"2 " + status + b" 0"


def test_curl_sees_early_hints_and_trailers(measured):
    raw = (b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           + chunk(b"body") + b"0\r\nX-Sum: 42\r\n\r\n")
    proxy, origin = measured
    with origin.answering(reply(raw)):
        out = curl(proxy, "/", "--http2", "--include").replace(b"\r", b"")
    assert re.match(rb"HTTP/2 103 \nlink: </a.css>\n(.+\n)*\nHTTP/2 200 \n(.+\n)*\nbody", out), out
    assert b"x-sum: 42" in out


@pytest.mark.parametrize("way", WAYS)
def test_curl_upload(measured, upload_file, way):
    scheme, flag, listener = WAYS[way]
    proxy, _ = measured
    path, digest = upload_file
    with bounded_memory(proxy):
        out = curl(proxy, "/up", flag, "--upload-file", str(path), scheme=scheme, listener=listener, within=PATIENCE)
    assert f'"body_length": {SIZE}, "body_sha256": "{digest}"'.encode() in out


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_curl_download(measured, upload_file, tmp_path, way, framing):
    scheme, flag, listener = WAYS[way]
    proxy, origin = measured
    path, _ = upload_file

    def handler(connection):
        connection.read_body()
        line = {"length": b"Content-Length: %d\r\n" % SIZE, "chunked": b"Transfer-Encoding: chunked\r\n", "close": b""}[framing]
        connection.send(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n")
        with open(path, "rb") as data:
            while piece := data.read(len(BLOCK)):
                connection.send(chunk(piece) if framing == "chunked" else piece)
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")
        if framing == "close":
            connection.close()
    with origin.answering(handler), bounded_memory(proxy):
        curl(proxy, "/down", flag, "--output", str(tmp_path / "got"), scheme=scheme, listener=listener, within=PATIENCE)
    same = subprocess.run(["cmp", str(path), str(tmp_path / "got")], capture_output=True, text=True)
    assert same.returncode == 0, same.stdout + same.stderr


def test_curl_many_at_once_over_one_connection(measured, tmp_path):
    """curl --parallel multiplexes; each file must be the answer to its own path."""
    proxy, _ = measured
    address, port = proxy.address(protocol="https")
    count = 60
    lines = []
    for n in range(count):
        lines += [f'url = "https://bakery.test:{port}/{n}"', f'output = "{tmp_path}/{n}"']
    (tmp_path / "list").write_text("\n".join(lines))
    before = proxy.metrics()
    done = subprocess.run(["curl", "--silent", "--show-error", "--http2", "--parallel", "--parallel-max", str(count),
                           "--cacert", proxy.ca_file, "--resolve", f"bakery.test:{port}:{address}", "--config", str(tmp_path / "list")],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for n in range(count):
        assert f'"target": "/{n}"' in (tmp_path / str(n)).read_text()
    opened = proxy.metrics().sum("marquee_connections_accepted_total") - before.sum("marquee_connections_accepted_total")
    assert opened <= 4, f"{opened} connections for {count} requests"


def test_curl_keeps_speaking_http_1(measured):
    proxy, _ = measured
    out = curl(proxy, "/", "--http1.1", "--output", "/dev/null", "--write-out", "%{http_version}")
    assert out == b"1.1"


def test_curl_is_refused_h2c_where_it_is_not_asked_for():
    """A plain listener without h2c takes the preface for a broken request."""
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        done = curl(proxy, "/", "--http2-prior-knowledge", scheme="http", check=False)
        assert done.returncode != 0 and not origin.requests
        out = curl(proxy, "/", "--http2", "--output", "/dev/null", "--write-out", "%{http_version} %{response_code}", scheme="http")
        assert out == b"1.1 200", "Upgrade: h2c is never taken up"


def test_h2c_listener_still_speaks_http_1(measured):
    proxy, _ = measured
    with proxy.plain(listener=H2C) as client:
        assert client.get("/old").json()["target"] == "/old"
    out = curl(proxy, "/", "--http2", "--output", "/dev/null", "--write-out", "%{http_version}", scheme="http", listener=H2C)
    assert out == b"1.1"
    with H2Client(proxy.address(H2C)) as client:
        seen = client.get("/new").json()
        assert seen["target"] == "/new" and ["X-Forwarded-Proto", "http"] in [[n.title(), v] for n, v in seen["fields"]]


# nghttp
def test_nghttp_frames(measured):
    proxy, _ = measured
    out = nghttp(proxy, "--null-out", "--verbose")
    received = re.findall(r"recv (?:\(stream_id=\d+\) )?([A-Z_]+) frame", out)
    assert received[0] == "SETTINGS", "the server's preface comes first (RFC 9113 3.4)"
    assert re.search(r"SETTINGS_MAX_CONCURRENT_STREAMS\(0x03\):100", out)
    assert re.search(r"SETTINGS_ENABLE_CONNECT_PROTOCOL\(0x08\):1|UNKNOWN\(0x08\):1", out)
    assert "GOAWAY" not in received and "RST_STREAM" not in received
    assert re.search(r"recv \(stream_id=\d+\) :status: 200", out)
    # END_STREAM on the last frame, not on an empty one behind it.
    data = re.findall(r"recv DATA frame <length=(\d+), flags=0x(\d\d)", out)
    assert len(data) == 1 and data[0][1] == "01", data


def test_nghttp_trailers(measured, tmp_path):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body") + b"0\r\nX-Sum: 42\r\n\r\n"
    proxy, origin = measured
    (tmp_path / "body").write_bytes(b"hello")
    before = origin.mark()
    with origin.answering(reply(raw)):
        out = nghttp(proxy, "--verbose", "--null-out", "--data", str(tmp_path / "body"), "--trailer", "x-check: 7",
                     "--no-content-length")  # a length leaves no room for trailers in HTTP/1.1
    assert re.search(r"recv \(stream_id=\d+\) x-sum: 42", out)
    assert ("x-check", "7") in [(n.lower(), v) for n, v in origin.requests[before].trailers]


def test_nghttp_priorities(measured):
    """RFC 7540's priority frames, which nghttp sends unless told not to, do no
    harm (RFC 9113 5.3.2)."""
    proxy, _ = measured
    out = nghttp(proxy, "--verbose", "--null-out", "--weight=200", "--weight=1", target=["/a", "/b"])
    assert "send PRIORITY frame" in out and len(re.findall(r":status: 200", out)) == 2
    assert "recv GOAWAY" not in out and "recv RST_STREAM" not in out


@pytest.mark.parametrize("scheme", ["tls", "h2c"])
def test_nghttp_many_of_one(measured, scheme):
    proxy, _ = measured
    way = WAYS[scheme]
    out = nghttp(proxy, "--null-out", "--stat", "--multiply=90", scheme=way[0], listener=way[2])
    assert len(re.findall(r"(?m)^ *\d+ .* 200 ", out)) == 90, out


# h2load
@pytest.fixture(scope="module")
def loaded():
    """In front of the sample upstream: the origin of the tests is too slow."""
    upstream = subprocess.Popen([str(BINARY), "demo-upstream", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        port = re.search(r":(\d+)$", upstream.stdout.readline().strip())[1]
        with Marquee(upstreams=[Upstream("main", [f"http://127.0.0.1:{port}"])],
                     domains=[Domain("bakery.test"), Domain("clinic.test")],
                     listeners=[Listener("127.0.0.1:0", "https"), Listener(H2C, "http", h2c=True)],
                     timeouts={"drain": 20}) as proxy:
            yield proxy
    finally:
        upstream.send_signal(signal.SIGTERM)
        upstream.wait(10)


@pytest.mark.parametrize("way", WAYS)
def test_h2load(loaded, way):
    scheme, _, listener = WAYS[way]
    with Load(loaded, REQUESTS, target="/bytes/1024", scheme=scheme, listener=listener) as load:
        out = load.finish()
    assert re.search(r"Application protocol: h2c?", out)


@pytest.mark.parametrize("connections,streams", [(1, 100), (1, 1), (64, 4)])
def test_h2load_in_other_shapes(loaded, connections, streams):
    count = REQUESTS // 10
    with Load(loaded, count, connections=connections, streams=streams, target="/bytes/64") as load:
        load.finish()


def test_h2load_posts(loaded, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 16384)
    with Load(loaded, REQUESTS // 10, "--data", str(tmp_path / "body"), target="/upload") as load:
        load.finish()


def test_h2load_large_answers_through_small_windows(loaded):
    """64 KiB answers through 64 KiB windows, sixteen at a time on a connection."""
    with Load(loaded, REQUESTS // 20, "-w", "16", "-W", "16", target="/bytes/65536") as load:
        load.finish()


def test_more_streams_than_allowed_are_only_refused(loaded):
    """A client that knows no limit opens more than 100: none fails for ever, and
    h2load, which honours the setting, sees no failure."""
    with Load(loaded, 2000, connections=2, streams=250, target="/bytes/64") as load:
        load.finish()


def test_reloads_under_h2load(loaded):
    """50 SIGHUPs, each with a change, and no request fails; connections live on."""
    before = loaded.metrics()
    with Load(loaded, 400_000 if FULL else 60_000, connections=8, streams=8, target="/bytes/256") as load:
        done = 0
        while done < 50 and (load.running() or done == 0):
            loaded.domains = [Domain("bakery.test"), Domain("clinic.test"), Domain(f"n{done}.test")]
            loaded.write_settings()
            loaded.hangup()
            done += 1
            time.sleep(0.03)  # the pace of the reloads
        load.finish()
    # On a slow machine the rest comes after the load; under it came enough.
    assert done >= 20, f"only {done} reloads while the load ran"
    loaded.wait_one_snapshot()
    opened = loaded.metrics().sum("marquee_connections_accepted_total") - before.sum("marquee_connections_accepted_total")
    assert opened <= 8 + 1, f"{opened} connections for 8: a reload must not close them"
