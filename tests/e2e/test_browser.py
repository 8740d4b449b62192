"""A real browser in front of Marquee: Chromium, headless, and its net log."""
import contextlib
import shutil
import socket
import tempfile
import threading

import pytest
from harness import Deadline, Domain, EchoOrigin, Marquee, eventually, pki
from harness.chromium import HOLD, Site, answer, key_pin, visit
from harness.websocket import WebSocketServer

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")

RESOURCES = 200
# All at once and each read to its end; then what the browser itself measured.
MANY = """<!doctype html><title>many</title><link rel=icon href="data:,">""" + HOLD + """<script>
performance.setResourceTimingBufferSize(1000);
const wanted = [...Array(%d).keys()];
Promise.allSettled(wanted.map(async n => {
  const answer = await fetch(`/r/${n}`);
  const text = await answer.text();
  if (answer.status !== 200 || text !== `resource ${n}`) throw new Error(`${n}: ${answer.status} ${text}`);
})).then(results => {
  const entries = performance.getEntriesByType('resource').filter(e => e.name.includes('/r/'));
  fetch('/report', {method: 'POST', body: JSON.stringify({
    right: results.filter(r => r.status === 'fulfilled').length,
    wrong: results.filter(r => r.status === 'rejected').map(r => String(r.reason)),
    page: performance.getEntriesByType('navigation')[0].nextHopProtocol,
    protocols: [...new Set(entries.map(e => e.nextHopProtocol))],
    entries: entries.length})});
});
</script>""" % RESOURCES


def small_resource(connection):
    target = connection.request.target
    if not target.startswith("/r/"):
        return answer(connection, "text/plain", b"", "404 Not Found")
    return answer(connection, "text/plain", f"resource {target[3:]}".encode())


def url(proxy, host, path="/"):
    return f"https://{host}:{proxy.address(protocol='https')[1]}{path}"


def test_page_of_200_resources():
    site = Site({"/": ("text/html", MANY.encode())}, small_resource)
    with EchoOrigin(site) as origin, Marquee(origin) as proxy:
        _, log = visit(url(proxy, "bakery.test"), [key_pin(proxy.address(protocol="https"), "bakery.test")])
        assert not origin.errors, origin.errors
        records = [r for r in proxy.access.wait(lambda r: (r.value("target") or "").startswith("/r/")) if r.value("status") == 200]
        asked = {r.target for r in origin.requests}
    report = site.report
    assert report["right"] == RESOURCES and not report["wrong"], report
    assert report["page"] == "h2" and report["protocols"] == ["h2"] and report["entries"] == RESOURCES, report
    assert {f"/r/{n}" for n in range(RESOURCES)} <= asked and records
    assert all(r.value("alpn") == "h2" for r in records)
    # At its end the browser drops the connection: its own doing.
    failures = [f for f in log.failures("bakery.test") if f[:2] != ("HTTP2_SESSION_CLOSE", "ERR_ABORTED")]
    assert not failures, failures
    sessions = log.of("HTTP2_SESSION")
    assert len([s for s in sessions if "bakery.test" in s.get("host", "")]) == 1, "one connection carries all"
    for bad in ("HTTP2_SESSION_RECV_RST_STREAM", "HTTP2_SESSION_RECV_INVALID_HEADER", "HTTP2_SESSION_RECV_GOAWAY",
                "HTTP2_SESSION_SEND_RST_STREAM", "HTTP2_STREAM_ERROR"):
        assert not log.of(bad), f"{bad}: {log.of(bad)[:3]}"


FOREIGN = """<!doctype html><title>foreign</title><link rel=icon href="data:,">""" + HOLD + """<script>
(async () => {
  const seen = [];
  for (let round = 0; round < 3; round++)
    for (const host of HOSTS)
      try {
        const answer = await fetch(`https://${host}:${location.port}/who/${round}`, {cache: 'no-store'});
        seen.push([host, answer.status, await answer.text()]);
      } catch (error) { seen.push([host, 0, String(error)]); }
  fetch('/report', {method: 'POST', body: JSON.stringify(seen)});
})();
</script>"""


def test_coalesced_requests_reach_their_own_tenant():
    """One certificate and one address for four names: Chromium sends requests for
    all of them on one connection. Of the same agency they are answered there; of
    another the answer is 421, and Chromium asks again on a connection of its own."""
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    ca = pki.Authority(folder)
    # Foreign requests go without credentials, on connections of their own: that of
    # b.test is the first of them, and the later names join it.
    names = ("a.test", "b.test", "c.test", "d.test")
    shared = [ca.issue(*(n for name in names for n in (name, f"www.{name}")))]

    def who(connection):
        request = connection.request
        answer(connection, "text/plain", (request.field("x-custom-domain") + " " + request.field("x-tenant-site-id")).encode(),
               fields="Access-Control-Allow-Origin: *\r\n")
    page = FOREIGN.replace("HOSTS", str(list(names)))
    site = Site({"/": ("text/html", page.encode())}, who)
    domains = [Domain("a.test", agency_name="one", certificate=shared), Domain("b.test", agency_name="one", certificate=shared),
               Domain("c.test", agency_name="two", certificate=shared), Domain("d.test", agency_name="one", certificate=shared)]
    try:
        with EchoOrigin(site) as origin, Marquee(origin, domains=domains) as proxy:
            _, log = visit(url(proxy, "a.test"), [key_pin(proxy.address(protocol="https"), "a.test")])
            records = eventually(lambda: [found for found in [[r for r in proxy.access.records() if r.value("target").startswith("/who/")]]
                                          if len(found) >= 13], 5, "12 records, and that of a 421")[0]
            assert not origin.errors, origin.errors
    finally:
        shutil.rmtree(folder)
    sites = {d.host: d.site for d in domains}
    assert site.report == [[host, 200, f"{host} {sites[host]}"] for _ in range(3) for host in names]
    # It did coalesce: what the test is about has happened.
    seen = [(r.value("host").partition(":")[0], r.value("sni"), r.value("status")) for r in records]
    assert ("d.test", "b.test", 200) in seen, seen
    assert ("c.test", "b.test", 421) in seen and ("c.test", "c.test", 200) in seen, seen
    assert not [s for s in seen if s[0] == "c.test" and s[1] != "c.test" and s[2] == 200], seen


SOCKET = """<!doctype html><title>socket</title><link rel=icon href="data:,">""" + HOLD + """<script>
const big = new Uint8Array(1 << 20).map((_, n) => n * 31 % 251);
const ws = new WebSocket(`wss://${location.host}/socket`);
const seen = [];
ws.binaryType = 'arraybuffer';
ws.onopen = () => { ws.send('hello'); ws.send(big); };
ws.onmessage = (event) => {
  seen.push(typeof event.data === 'string' ? event.data
    : event.data.byteLength === big.length && new Uint8Array(event.data).every((v, n) => v === big[n]) ? 'same' : 'differs');
  if (seen.length === 2) ws.close(3001, 'enough');
};
ws.onclose = (event) => fetch('/report', {method: 'POST', body: JSON.stringify(
  {seen, code: event.code, reason: event.reason, clean: event.wasClean, extensions: ws.extensions})});
</script>"""


def test_websocket_on_the_page_connection():
    """Chromium uses extended CONNECT on the connection it has."""
    with WebSocketServer(deflate=True) as server:
        site = Site({"/": ("text/html", SOCKET.encode())}, lambda connection: splice(connection, server.port))
        with EchoOrigin(site) as origin, Marquee(origin) as proxy:
            visit(url(proxy, "bakery.test"), [key_pin(proxy.address(protocol="https"), "bakery.test")])
            record = proxy.access.wait(lambda r: r.value("target") == "/socket")[0]
            assert not origin.errors, origin.errors
        seen = server.of("open")[0]
    assert site.report == {"seen": ["hello", "same"], "code": 3001, "reason": "enough", "clean": True,
                           "extensions": site.report["extensions"]}, site.report
    assert site.report["extensions"].startswith("permessage-deflate") and seen["extensions"].startswith("permessage-deflate")
    assert record.value("alpn") == "h2" and record.value("bytes_out") > 0
    assert seen["version"] == "1.1"


def splice(connection, port):
    """Hands an upgrade on to another server, head and all."""
    with socket.create_connection(("127.0.0.1", port), 10) as server:
        request = connection.request
        server.sendall(request.line + b"\r\n" + b"".join(f"{n}: {v}\r\n".encode() for n, v in request.fields) + b"\r\n")

        def back():
            with contextlib.suppress(OSError):
                while data := server.recv(65536):
                    connection.send(data)
                connection.half_close()
        other_way = threading.Thread(target=back, daemon=True)
        other_way.start()
        # Chromium's Close frame ends its half of the stream (RFC 8441 5); the server's is still to come.
        connection.reader.to_end(Deadline(60, "the tunnel's end"), server.sendall)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        other_way.join(10)
        connection.open = False
