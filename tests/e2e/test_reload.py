"""Reload (design 3): new settings without a lost request, or the old ones and
the reason."""
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest
from harness import (FULL, ConnectionEnded, Deadline, Domain, EchoOrigin, Listener, Marquee, RawClient, Truncated, Upstream, eventually, pki)
from harness.access_log import AccessLog
from harness.client import request
from harness.marquee import BINARY
from harness.tunnel import exactly, mirror, opened

HTTPS, HTTP = Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")


@pytest.fixture
def running():
    with EchoOrigin() as origin, Marquee(origin, domains=[Domain("bakery.test"), Domain("clinic.test")]) as proxy:
        yield proxy, origin


def by_api(proxy):
    proxy.reload()


def by_signal(proxy):
    proxy.write_settings()
    proxy.hangup()
    proxy.find_addresses()


def by_command(proxy):
    proxy.write_settings()
    done = subprocess.run([str(BINARY), "reload", "-c", str(proxy.file)], capture_output=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    proxy.find_addresses()


@pytest.mark.parametrize("way", [by_api, by_signal, by_command], ids=["api", "sighup", "command"])
def test_domain_comes_and_goes(running, way):
    proxy, origin = running
    proxy.domains.append(Domain("new.test"))
    way(proxy)
    with proxy.tls("new.test") as client:
        assert client.get("/", "new.test").status == 200
        assert set(client.certificate_names) == {"new.test", "www.new.test"}
    proxy.domains.pop()
    way(proxy)
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        proxy.tls_unverified("new.test")
    with proxy.plain() as client:
        assert client.get("/", "new.test").status in (404, 421)
    with proxy.tls("bakery.test") as client:
        assert client.get("/").status == 200
    proxy.wait_one_snapshot()


def test_kept_listener_keeps_its_sockets(running):
    proxy, _ = running
    addresses = dict(proxy.addresses)
    with proxy.plain() as client:
        assert client.get("/before").status == 200
        proxy.domains.append(Domain("new.test"))
        proxy.reload()
        assert client.get("/after").status == 200, "an old connection lives on"
        assert client.get("/", "new.test").status == 200, "and its next request runs under the new settings"
    assert proxy.addresses == addresses


def test_listener_comes_and_goes(running):
    proxy, _ = running
    proxy.listeners = [HTTPS, HTTP, Listener("127.0.0.4:0", "http")]
    proxy.reload()
    address = proxy.address("127.0.0.4:0")
    held = proxy.plain(listener="127.0.0.4:0")
    assert held.get("/").status == 200
    proxy.listeners = [HTTPS, HTTP]
    proxy.reload()
    assert "127.0.0.4:0" not in proxy.addresses

    def refused():
        try:
            socket.create_connection(address, 1).close()
        except ConnectionRefusedError:
            return True
        return False
    eventually(refused, 5, "the removed listener to close")
    try:  # its connections drain: a last answer, or an orderly end
        held.get("/")
    except ConnectionEnded:
        pass
    held.close()
    with proxy.plain() as client:
        assert client.get("/").status == 200


def test_removed_listener_is_accepted_empty(running):
    """Connections made before it closes are served, none is reset."""
    proxy, origin = running
    proxy.listeners = [HTTPS, HTTP, Listener("127.0.0.4:0", "http")]
    proxy.reload()
    waiting = [proxy.plain(listener="127.0.0.4:0") for _ in range(50)]
    for client in waiting:
        client.send(request())
    proxy.listeners = [HTTPS, HTTP]
    proxy.reload()
    for client in waiting:
        assert client.response().status == 200
        client.close()


def bound(proxy):
    """[(configured, port, protocol)] in the order that status has them."""
    return [(li["configured"], int(li["address"].rpartition(":")[2]), li["protocol"])
            for li in proxy.admin.status()["listeners"]]


def test_listeners_that_share_an_address_are_apart(running):
    """Port 0 is no identity: each keeps its own protocol, and one may leave."""
    proxy, _ = running
    proxy.listeners = [HTTPS, HTTP, Listener("127.0.0.4:0", "http"), Listener("127.0.0.4:0", "https")]
    proxy.reload()
    before = bound(proxy)
    proxy.domains.append(Domain("new.test"))
    proxy.reload()
    assert bound(proxy) == before
    plain, secure = (("127.0.0.4", port) for _, port, _ in before[2:])

    def both_serve():
        with RawClient(plain) as client:
            assert client.get("/", "new.test").json()["target"] == "/"
        with RawClient(secure, tls=pki.client_context(proxy.ca_file), sni="new.test") as client:
            sent = {n.lower(): v for n, v in client.get("/", "new.test").json()["fields"]}
        assert sent["x-forwarded-port"] == str(secure[1]) and sent["x-forwarded-proto"] == "https"
    both_serve()
    # The second goes; the first one's sockets stay.
    proxy.listeners = [Listener("127.0.0.4:0", "http"), HTTP, HTTPS]
    proxy.reload()
    assert bound(proxy) == [before[2], before[1], before[0]]
    with RawClient(plain) as client:
        assert client.get("/").status == 200
    with pytest.raises(OSError):
        RawClient(secure)


def test_upstream_moves(running):
    proxy, origin = running
    with EchoOrigin() as other, proxy.plain() as client:
        client.get("/")
        proxy.upstreams = [Upstream("main", [other.endpoint])]
        proxy.reload()
        client.get("/moved")
        assert [r.target for r in other.requests] == ["/moved"]
        eventually(lambda: all(c.ended.is_set() for c in origin.connections), 5, "the old pool's connections to close")


def test_pool_survives_an_unrelated_change(running):
    proxy, origin = running
    with proxy.plain() as client:
        first = client.get("/").json()["connection"]
        proxy.domains.append(Domain("new.test"))
        proxy.reload()
        assert client.get("/").json()["connection"] == first


def test_request_in_flight_ends_under_its_own_settings(running):
    proxy, origin = running
    let_go = threading.Event()

    def slow(connection):
        connection.read_body()
        assert let_go.wait(10)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with origin.answering(slow), proxy.plain() as client:
        before = origin.mark()
        client.send(request())
        origin.wait_requests(1, before)
        proxy.domains = [Domain("clinic.test")]
        proxy.reload()
        let_go.set()
        assert client.response().body == b"ok"
        assert client.get("/").status in (404, 421)
    proxy.wait_one_snapshot()


def test_tunnel_survives_and_pins_no_snapshot(running):
    proxy, origin = running
    with origin.answering(mirror), proxy.plain() as client:
        opened(client)
        for n in range(3):
            proxy.domains.append(Domain(f"new{n}.test"))
            proxy.reload()
            client.send(b"still here")
            assert exactly(client, 10) == b"still here"
        proxy.wait_one_snapshot()
        client.send(b"and now")
        assert exactly(client, 7) == b"and now"


def test_long_body_pins_no_snapshot(running):
    proxy, origin = running
    let_go = threading.Event()

    def slow(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        assert let_go.wait(20)
        connection.send(b"lf")
    with origin.answering(slow), proxy.plain() as client:
        client.send(request())
        head = client.head()
        for n in range(3):
            proxy.domains.append(Domain(f"new{n}.test"))
            proxy.reload()
        eventually(lambda: proxy.admin.status()["snapshots_alive"] <= 2, 3, "at most two snapshots alive")
        let_go.set()
        out = bytearray()
        client.body(head, "GET", Deadline(5), out.extend)
        assert out == b"half"


def test_agency_change_closes_the_names_connections(running):
    """Design 2: what was joined under one agency does not outlive it."""
    proxy, _ = running
    with proxy.tls("bakery.test") as bakery, proxy.tls("clinic.test") as clinic:
        assert bakery.get("/", "bakery.test").status == clinic.get("/", "clinic.test").status == 200
        proxy.domains = [Domain("bakery.test", agency_name="sold"), Domain("clinic.test")]
        proxy.reload()
        bakery.assert_closed(5)
        assert clinic.get("/", "clinic.test").status == 200
    with proxy.tls("bakery.test") as client:
        sent = {n.lower(): v for n, v in client.get("/").json()["fields"]}
    assert sent["x-tenant-agency-id"] == Domain("bakery.test", agency_name="sold").agency


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_ticket_of_a_removed_domain(running, version):
    proxy, _ = running
    context = pki.client_context(proxy.ca_file, minimum=version, maximum=version)
    with proxy.tls("bakery.test", context=context) as client:
        client.get("/")
        session = client.sock.session
    with proxy.tls("bakery.test", context=context, session=session) as client:
        assert client.sock.session_reused, "the control"
        client.get("/")
        session = client.sock.session or session
    proxy.domains = [Domain("clinic.test")]
    proxy.reload()
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        proxy.tls("bakery.test", context=context, session=session)


def test_tickets_and_certificates_survive_a_reload(running):
    proxy, _ = running
    context = pki.client_context(proxy.ca_file, maximum=ssl.TLSVersion.TLSv1_2)
    with proxy.tls("bakery.test", context=context) as client:
        client.get("/")
        session, serial = client.sock.session, client.sock.getpeercert()["serialNumber"]
    proxy.domains.append(Domain("new.test"))
    proxy.reload()
    with proxy.tls("bakery.test", context=context, session=session) as client:
        assert client.sock.session_reused
    with proxy.tls("bakery.test") as client:
        assert client.sock.getpeercert()["serialNumber"] == serial


BROKEN = {
    "syntax": "listeners: [\n",
    "unknown_key": "no_such_key: 1\n",
    "wrong_type": "workers: many\n",
    "empty": "",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_changes_nothing(running, case):
    proxy, _ = running
    good = proxy.file.read_text()
    text = "" if case == "empty" else (good.replace("workers: 2\n", "") if case == "wrong_type" else good) + BROKEN[case]
    proxy.file.write_text(text)
    answer = proxy.admin.call("/v1/reload", "POST", b"")
    assert answer.status == 422
    problems = answer.json()
    assert problems["ok"] is False and problems["problems"]
    if case != "empty":
        line = text.count("\n")
        match = re.search(r"marquee\.yaml:([0-9]+):([0-9]+): \S", problems["problems"][0])
        assert match, problems["problems"]
        assert int(match[1]) in (line, line + 1), problems["problems"]
    # By signal the same, said in the log.
    since = len(proxy.stderr())
    proxy.hangup()
    eventually(lambda: "marquee.yaml" in proxy.stderr()[since:], 5, "the problem in the log")
    with proxy.tls("bakery.test") as client:
        assert client.get("/").status == 200
    proxy.file.write_text(good)
    assert proxy.admin.call("/v1/reload", "POST", b"").status == 200


@pytest.mark.parametrize("case", ["listener_taken", "certificate_gone"])
def test_what_cannot_start_changes_nothing(running, case):
    """Decoded without fault, but it cannot be put in force."""
    proxy, _ = running
    with socket.socket() as taken:
        taken.bind(("127.0.0.5", 0))
        taken.listen()
        if case == "listener_taken":
            proxy.listeners = [HTTPS, HTTP, Listener(f"127.0.0.5:{taken.getsockname()[1]}", "http")]
        else:
            proxy.domains = [Domain("bakery.test", certificate=[("/nonexistent.pem", "/nonexistent.key")])]
        proxy.domains = [*proxy.domains, Domain("new.test")]
        proxy.write_settings()
        answer = proxy.admin.call("/v1/reload", "POST", b"")
    assert answer.status == 422 and answer.json()["problems"]
    with proxy.plain() as client:
        assert client.get("/").status == 200
        assert client.get("/", "new.test").status in (404, 421)


def test_workers_need_a_restart_and_it_says_so(running):
    proxy, _ = running
    proxy.sections["workers"] = 1
    proxy.write_settings()
    answer = proxy.admin.call("/v1/reload", "POST", b"")
    assert "restart" in (answer.body.decode() + proxy.stderr()).lower()
    with proxy.plain() as client:
        assert client.get("/").status == 200


def amended(proxy, **log):
    """The log section with other values, for this and later reloads."""
    document = proxy.document

    def changed():
        out = document()
        out["log"].update(log)
        return out
    proxy.document = changed


def test_logs_move(running):
    proxy, _ = running
    access, operational = proxy.folder / "other.log", proxy.folder / "words.log"
    amended(proxy, access={"file": str(access), "format": "json"}, file=str(operational))
    proxy.reload()
    with proxy.plain() as client:
        client.get("/moved")
    AccessLog(access).wait(lambda r: r.value("target") == "/moved")
    assert not [r for r in proxy.access.records() if r.value("target") == "/moved"]
    eventually(lambda: "reloaded" in operational.read_text(), 5, "the reload in the moved log")
    # One that cannot be opened: the old ones stay.
    amended(proxy, access={"file": "/nonexistent/access.log", "format": "json"}, file=str(proxy.folder / "third.log"))
    proxy.write_settings()
    answer = proxy.admin.call("/v1/reload", "POST", b"")
    assert answer.status == 422 and "/nonexistent/access.log" in answer.json()["problems"][0]
    with proxy.plain() as client:
        client.get("/stays")
    AccessLog(access).wait(lambda r: r.value("target") == "/stays")
    eventually(lambda: "reload refused" in operational.read_text(), 5, "the refusal in the moved log")


def test_access_log_is_turned_on():
    with EchoOrigin() as origin, Marquee(origin, access_format="off") as proxy:
        with proxy.plain() as client:
            client.get("/unseen")
            proxy.sections["access_format"] = "json"
            proxy.reload()
            client.get("/seen")
        proxy.access.wait(lambda r: r.value("target") == "/seen")
        assert not [r for r in proxy.access.records() if r.value("target") == "/unseen"]


def test_tls_numbers_of_the_process_wait_for_a_restart(running):
    proxy, _ = running
    proxy.sections["tls"] = {"failed_handshake_burst": 5, "ticket_rotation": 3600, "certificate_cache": 1 << 20}
    proxy.write_settings()
    for _ in range(2):  # what is in force stays, and is compared with again
        answer = proxy.admin.call("/v1/reload", "POST", b"").json()
        assert answer["ok"] is True
        for key in ("failed_handshake_burst", "ticket_rotation", "certificate_cache"):
            assert any(f"tls.{key} changed" in p and "restart" in p for p in answer["problems"]), answer


def reloads_during(proxy, count, length):
    """`count` reloads spread over `length` seconds, each with a change."""
    for n in range(count):
        proxy.domains = [Domain("bakery.test"), Domain("clinic.test"), Domain(f"n{n}.test")]
        proxy.reload()
        time.sleep(max(0.0, length / count - 0.02))  # the pace of the reloads


def test_under_load_no_request_fails(running):
    """Four clients, keep-alive and one-shot, plain and TLS, each checking that
    its answer is its own; 10 reloads (50 in full size)."""
    proxy, _ = running
    done, failures, served = threading.Event(), [], [0]

    def client_loop(number):
        host = ("bakery.test", "clinic.test")[number % 2]
        count = 0
        while not done.is_set():
            try:
                with (proxy.tls(host) if number >= 2 else proxy.plain()) as client:
                    for _ in range(1 if number == 1 else 50):
                        count += 1
                        answer = client.get(f"/{number}/{count}", host)
                        if answer.status != 200 or answer.json()["target"] != f"/{number}/{count}":
                            failures.append(f"{number}/{count}: {answer.status}")
                        served[0] += 1
                        if (answer.field("connection") or "").lower() == "close" or done.is_set():
                            break
            except (OSError, ConnectionEnded, Truncated) as error:
                failures.append(f"{number}/{count}: {type(error).__name__} {error}")
    threads = [threading.Thread(target=client_loop, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    reloads_during(proxy, *((50, 60) if FULL else (10, 3)))
    done.set()
    for thread in threads:
        thread.join(20)
    assert not failures, failures[:10]
    assert served[0] > 200
    proxy.wait_one_snapshot()


def test_under_wrk_no_request_fails(running):
    proxy, _ = running
    length = 60 if FULL else 4
    host, port = proxy.address(protocol="http")
    wrk = subprocess.Popen(["wrk", "-t2", "-c16", f"-d{length}s", "-H", "Host: bakery.test", f"http://{host}:{port}/"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        reloads_during(proxy, 50 if FULL else 8, length - 1.5)
        out, _ = wrk.communicate(timeout=length + 20)
    finally:
        wrk.kill()
        wrk.wait()
    assert "Requests/sec" in out, out
    assert "Socket errors" not in out and "Non-2xx" not in out, out


def test_descriptors_and_memory_stay_flat(running):
    """Many reloads: what the first ones cost is not paid again."""
    proxy, _ = running

    def rounds(count):
        for n in range(count):
            proxy.domains = [Domain("bakery.test"), Domain("clinic.test"), Domain(f"n{n}.test")]
            proxy.reload()
        proxy.wait_one_snapshot()
        return proxy.descriptors(), proxy.resident()
    descriptors, memory = rounds(20)
    after_descriptors, after_memory = rounds(200 if FULL else 40)
    assert after_descriptors <= descriptors + 2
    if not proxy.sanitized():
        assert after_memory - memory < max(memory * 0.02, 2 << 20)
