"""https upstreams: verified, with SNI; a wrong peer sees no request."""
import shutil
import socket
import tempfile

import pytest
from harness import ConnectionEnded, EchoOrigin, Marquee, Truncated, Upstream, pki


@pytest.fixture(scope="module")
def authorities():
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    yield pki.Authority(f"{folder}/right"), pki.Authority(f"{folder}/wrong", "Other CA")
    shutil.rmtree(folder)


def ask(origin, **tls):
    with Marquee(upstreams=[Upstream("main", [origin.endpoint], tls=tls)]) as proxy, proxy.plain() as client:
        return client.get("/", method="POST", body=b"x" * 100_000), client.get("/second")


def test_verified_by_address(authorities):
    right, _ = authorities
    with EchoOrigin(tls=right.server_context("127.0.0.1")) as origin:
        first, second = ask(origin, ca_file=str(right.cert))
        assert first.status == second.status == 200 and first.json()["body_length"] == 100_000
        assert first.json()["connection"] == second.json()["connection"]  # reused


def test_server_name_is_sent_and_verified(authorities):
    right, _ = authorities
    context = right.server_context("origin.test")
    names = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    with EchoOrigin(tls=context) as origin:
        first, _ = ask(origin, ca_file=str(right.cert), server_name="origin.test")
        assert first.status == 200 and set(names) == {"origin.test"}


@pytest.mark.parametrize("case", ["wrong_ca", "wrong_name", "system_roots", "address_not_named"])
def test_wrong_peer_sees_no_request(authorities, case):
    right, wrong = authorities
    context = right.server_context("127.0.0.1" if case != "address_not_named" else "origin.test")
    tls = {"wrong_ca": {"ca_file": str(wrong.cert)}, "wrong_name": {"ca_file": str(right.cert), "server_name": "other.test"},
           "system_roots": {}, "address_not_named": {"ca_file": str(right.cert)}}[case]
    with EchoOrigin(tls=context) as origin:
        first, _ = ask(origin, **tls)
        assert first.status == 502 and not origin.requests


def test_verification_can_be_turned_off(authorities):
    _, wrong = authorities
    with EchoOrigin(tls=wrong.server_context("whoever.test")) as origin:
        first, _ = ask(origin, verify=False)
        assert first.status == 200


def test_plain_peer_of_a_tls_endpoint(authorities):
    right, _ = authorities
    with EchoOrigin() as origin:
        origin.endpoint = origin.endpoint.replace("http://", "https://")
        first, _ = ask(origin, ca_file=str(right.cert))
        assert first.status == 502 and not origin.requests


def test_truncation_by_fin_without_close_notify(authorities):
    """A body that ends with the connection, cut without close_notify (RFC 8446
    6.1): an attacker may have cut it, so it is not passed on as complete."""
    right, _ = authorities

    def cut(connection):
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # below TLS: no close_notify
    with EchoOrigin(cut, tls=right.server_context("127.0.0.1")) as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint], tls={"ca_file": str(right.cert)})]) as proxy, proxy.plain() as client:
        try:
            answer = client.get("/")
        except (Truncated, ConnectionEnded):
            return
        assert answer.status == 502, f"a cut answer came complete: {answer}"


def test_connections_do_not_outlive_their_tls_settings(authorities):
    """Over a reload: whom the old settings let in is asked for its papers again,
    also when only the content of the CA file is another."""
    right, wrong = authorities
    with EchoOrigin(tls=right.server_context("127.0.0.1")) as origin, tempfile.TemporaryDirectory() as folder:
        ca_file = f"{folder}/ca.pem"
        shutil.copy(right.cert, ca_file)

        def pool(**tls):
            return [Upstream("main", [origin.endpoint], tls=tls)]
        with Marquee(upstreams=pool(ca_file=ca_file)) as proxy, proxy.plain() as client:
            first = client.get("/").json()["connection"]
            proxy.reload()
            assert client.get("/").json()["connection"] == first, "the control"
            proxy.upstreams = pool(ca_file=str(wrong.cert))
            proxy.reload()
            assert client.get("/").status == 502
            proxy.upstreams = pool(ca_file=ca_file)
            proxy.reload()
            assert client.get("/").status == 200
            shutil.copy(wrong.cert, ca_file)
            proxy.reload()
            assert client.get("/").status == 502
