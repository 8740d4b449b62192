"""WebSocket between two independent ends (Debian's node-ws) through Marquee: over
ws, over wss by HTTP/1.1 Upgrade, and over an HTTP/2 stream (RFC 8441), which the
upstream sees as an HTTP/1.1 Upgrade."""
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually, reply
from harness.websocket import WebSocketServer, websocket_client

WAYS = ["ws", "wss", "h2"]


@pytest.fixture(scope="module")
def ends():
    with WebSocketServer(deflate=True) as server, Marquee(
            upstreams=[Upstream("main", [server.endpoint])],
            domains=[Domain("bakery.test", agency_name="flour"), Domain("clinic.test", agency_name="health")]) as proxy:
        yield proxy, server


@pytest.fixture
def opened(ends):
    """opened(way): a client with an open WebSocket, and a number that finds what
    the server said since then."""
    proxy, server = ends
    clients = []

    def open_one(way, **options):
        since = server.mark()
        client = websocket_client(proxy, way, **options)
        clients.append(client)
        client.wait("open")
        server.wait("open", since)
        return client, server, since
    yield open_one
    for client in clients:
        client.end()
    # The server hears of their ends a little later: that is not to be the next test's.
    eventually(lambda: len(server.of("close")) == len(server.of("open")), 10, "the server's end of each")
    assert proxy.alive(), proxy.tail()


def said_back(client, **message):
    """Sends a message and demands the same one back."""
    since = client.mark()
    client.order("send", **message)
    sent, back = client.wait("sent", since), client.wait("message", since, within=20)
    assert (back["size"], back["sha256"], back["binary"]) == (sent["size"], sent["sha256"], message.get("binary", False))


@pytest.mark.parametrize("way", WAYS)
def test_text_and_binary(opened, way):
    client, _, _ = opened(way)
    said_back(client, text="hello")
    said_back(client, text="Grüße, 世界 \U0001f680")
    said_back(client, text="")
    said_back(client, hex=bytes(range(256)).hex(), binary=True)
    # Where the length's encoding changes (RFC 6455 5.2), and the proxy's buffers end.
    for size in (125, 126, 127, 16383, 16384, 65535, 65536):
        said_back(client, size=size, binary=True)


@pytest.mark.parametrize("way", WAYS)
def test_messages_of_one_mebibyte(opened, way):
    client, _, _ = opened(way)
    said_back(client, size=1 << 20, binary=True)
    said_back(client, size=1 << 20, fill="m")
    since = client.mark()
    for _ in range(8):  # all on their way at once, in both directions
        client.order("send", size=1 << 20, binary=True)
    client.wait("message", since, count=8, within=30)
    assert ([e["sha256"] for e in client.of("message", since)] == [e["sha256"] for e in client.of("sent", since)])


@pytest.mark.parametrize("way", WAYS)
def test_fragmented(opened, way):
    client, server, since = opened(way)
    said_back(client, size=100_000, binary=True, fragments=7)
    said_back(client, text="one two three", fragments=13)
    server.wait("message", since, count=2)
    assert [e["size"] for e in server.of("message", since)] == [100_000, 13], "a fragment is no message"


@pytest.mark.parametrize("way", WAYS)
def test_ping_and_pong(opened, way):
    client, server, since = opened(way)
    client.order("ping", text="are you there")
    assert client.wait("pong")["text"] == "are you there"
    assert server.wait("ping", since)["text"] == "are you there"
    server.order("ping", text="and you")
    assert server.wait("pong", since)["text"] == "and you"
    assert client.wait("ping")["text"] == "and you"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("code,reason", [(1000, "done"), (1001, "away"), (4321, "ünser own" * 10), (1000, "")],
                         ids=["1000", "1001", "own", "no_reason"])
def test_close_codes_and_reasons(opened, way, who, code, reason):
    client, server, since = opened(way)
    (client if who == "client" else server).order("close", code=code, reason=reason)
    for end, seen in ((client, 0), (server, since)):
        closed = end.wait("close", seen)
        assert (closed["code"], closed["reason"]) == (code, reason)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["client", "server"])
def test_death_is_no_clean_close(opened, way, who):
    """1006: the other end is told that the connection is gone, by nothing else."""
    client, server, since = opened(way)
    (client if who == "client" else server).order("terminate")
    assert server.wait("close", since)["code"] == 1006
    assert client.wait("close")["code"] == 1006


@pytest.mark.parametrize("way", WAYS)
def test_permessage_deflate_is_negotiated_through(opened, way):
    client, server, since = opened(way, deflate=True)
    assert client.of("open")[0]["extensions"].startswith("permessage-deflate")
    assert server.of("open", since)[0]["extensions"].startswith("permessage-deflate")
    said_back(client, size=1 << 20, fill="m")
    said_back(client, size=100_000, binary=True)
    said_back(client, text="small")
    client.order("close", code=1000)
    written = server.wait("close", since)["written"]
    assert written < 200_000, f"{written} bytes back: a mebibyte of one letter was not compressed"


@pytest.mark.parametrize("way", WAYS)
def test_subprotocol_and_request_fields(opened, way, ends):
    proxy, _ = ends
    client, server, since = opened(way, path="/room/7?x=1", protocols=["chat.v1", "chat.v2"],
                                   fields={"x-asked": "yes", "x-tenant-agency-id": "forged"})
    assert client.of("open")[0]["protocol"] == "chat.v2"
    seen = server.of("open", since)[0]
    fields = {n.lower(): v for n, v in zip(seen["fields"][::2], seen["fields"][1::2])}
    assert seen["name"] == "/room/7?x=1" and seen["version"] == "1.1"
    assert fields["x-asked"] == "yes" and fields["upgrade"].lower() == "websocket"
    assert fields["x-tenant-agency-id"] == proxy.domains[0].agency
    assert fields["x-forwarded-proto"] == ("http" if way == "ws" else "https")
    assert fields["host"].startswith("bakery.test")


@pytest.mark.parametrize("way", WAYS)
def test_access_record(opened, way, ends):
    proxy, _ = ends
    path = f"/recorded/{way}"
    client, _, _ = opened(way, path=path)
    said_back(client, size=50_000, binary=True)
    client.order("close", code=1000)
    client.wait("close")
    record = proxy.access.wait(lambda r: r.value("target") == path)[0]
    # Each version says yes in its own words (RFC 9110 15.2.2, RFC 8441 5).
    assert record.value("status") in ((101,) if way != "h2" else (200, 101)), record
    assert record.value("bytes_in") >= 50_000 and record.value("bytes_out") >= 50_000, record
    assert record.value("method") == ("CONNECT" if way == "h2" else "GET") or way == "h2", record


@pytest.mark.parametrize("way", ["wss", "h2"])
def test_upstream_that_refuses(way):
    """No WebSocket there: the client gets the refusal as an answer."""
    with EchoOrigin(reply(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")) as origin, Marquee(origin) as proxy:
        with websocket_client(proxy, way) as client:
            assert client.wait("refused")["status"] == 403


@pytest.mark.parametrize("way", WAYS)
def test_survives_reloads(way):
    """Messages flow while the settings change under them, also where the change
    takes the tunnel's own domain away from new clients."""
    with WebSocketServer() as server, Marquee(
            upstreams=[Upstream("main", [server.endpoint])],
            domains=[Domain("bakery.test"), Domain("clinic.test")]) as proxy:
        with websocket_client(proxy, way) as client:
            client.wait("open")
            for n in range(5):
                since = client.mark()
                client.order("send", size=300_000, binary=True)
                proxy.domains = [Domain("bakery.test"), Domain("clinic.test"), Domain(f"n{n}.test")]
                proxy.sections["timeouts"] = {"tunnel_idle": 60.0 + n}
                proxy.write_settings()
                proxy.hangup()
                back = client.wait("message", since)
                assert back["sha256"] == client.wait("sent", since)["sha256"]
                said_back(client, text=f"after reload {n}")
            proxy.wait_one_snapshot()
            with websocket_client(proxy, way, host="n4.test") as newcomer:
                newcomer.wait("open")
                said_back(newcomer, text="the new settings are in force")
                newcomer.order("close", code=1000)
                newcomer.wait("close", code=1000)
            assert not client.of("close") and not client.of("error"), client.events
            client.order("close", code=4000, reason="at last")
            assert client.wait("close")["code"] == 4000


@pytest.mark.parametrize("way", WAYS)
def test_idle_limit(way):
    with WebSocketServer() as server, Marquee(
            upstreams=[Upstream("main", [server.endpoint])], timeouts={"tunnel_idle": 1.0}) as proxy:
        with websocket_client(proxy, way) as client:
            client.wait("open")
            end = time.monotonic() + 2.5  # more than two limits long
            while time.monotonic() < end:
                said_back(client, text="still here")
                time.sleep(0.2)  # the pace of the traffic
            begun = time.monotonic()
            assert client.wait("close", within=6)["code"] == 1006
            assert time.monotonic() - begun > 0.5
            server.wait("close", within=6)


def test_many_tunnels_on_one_process(ends):
    """Tunnels of all three kinds and two tenants at once, each with its own answers."""
    proxy, server = ends
    clients = [(websocket_client(proxy, way, path=f"/{way}/{n}", host=host), f"{way} {n} {host}")
               for way in WAYS for n, host in enumerate(("bakery.test", "clinic.test", "bakery.test"))]
    try:
        for client, _ in clients:
            client.wait("open", within=20)
        for _ in range(5):
            for client, name in clients:
                client.order("send", text=name)
        for client, name in clients:
            client.wait("message", count=5)
            assert {e["text"] for e in client.of("message")} == {name}
    finally:
        for client, _ in clients:
            client.end()
    eventually(lambda: proxy.alive() and len(server.of("close")) >= len(server.of("open")), 10, "all tunnels to end")
