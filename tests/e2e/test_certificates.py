"""TLS from outside: which name gets which certificate, and who gets none."""
import re
import shutil
import ssl
import subprocess
import tempfile

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, pki
from harness.deadline import Deadline

UNRECOGNIZED = "(?i)unrecognized.name"


@pytest.mark.parametrize("name", ["unknown.test", "bakery.test.evil.test", "a.b.wild.test", "wild.test", "x.bakery.test"])
def test_unknown_name_gets_an_alert(proxy, origin, name):
    """RFC 6066 3: fatal unrecognized_name, and nobody's certificate."""
    with pytest.raises(ssl.SSLError, match=UNRECOGNIZED):
        proxy.tls_unverified(name)


def test_missing_name_gets_an_alert(proxy, origin):
    with pytest.raises(ssl.SSLError, match=UNRECOGNIZED):
        proxy.tls_unverified(None)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_versions(proxy, origin, version):
    context = pki.client_context(proxy.ca_file, minimum=version, maximum=version)
    with proxy.tls("bakery.test", context=context) as client:
        assert client.sock.version() == str(version.name).replace("_", ".")
        assert client.sock.selected_alpn_protocol() == "http/1.1"
        assert client.get("/").status == 200


def test_old_versions_are_refused(proxy, origin):
    context = pki.client_context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        proxy.tls("bakery.test", context=context)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-SHA"])
def test_no_cbc_and_no_static_rsa(proxy, origin, ciphers):
    context = pki.client_context(maximum=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        proxy.tls("bakery.test", context=context)


def test_alpn_without_common_protocol(proxy, origin):
    """RFC 7301 3.2: no_application_protocol; without ALPN it is HTTP/1.1."""
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        proxy.tls("bakery.test", context=pki.client_context(alpn=["ftp"]))
    with proxy.tls("bakery.test", context=pki.client_context(alpn=[])) as client:
        assert client.sock.selected_alpn_protocol() is None and client.get("/").status == 200


def test_renegotiation_is_off(proxy, origin):
    """TLS 1.2, asked for by the client (openssl s_client's `R`)."""
    host, port = proxy.address(protocol="https")
    process = subprocess.Popen(
        ["openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}", "-servername", "bakery.test", "-alpn", "http/1.1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        seen = b""
        deadline = Deadline(15, "the handshake")
        while b"Verify return code" not in seen and b"Extended master secret" not in seen:
            seen += process.stdout.read1(65536)
            deadline.remaining()
        process.stdin.write(b"R\n")
        process.stdin.flush()
        while b"RENEGOTIATING" not in seen:
            seen += process.stdout.read1(65536)
            deadline.remaining()
        process.stdin.write(b"GET / HTTP/1.1\r\nHost: bakery.test\r\nConnection: close\r\n\r\n")
        process.stdin.flush()
        rest, _ = process.communicate(timeout=15)
    except BrokenPipeError:
        rest = process.stdout.read()
    finally:
        process.kill()
        process.wait()
    after = (seen + rest).split(b"RENEGOTIATING", 1)[1]
    assert b"HTTP/1.1 200" not in after and re.search(rb"(?i)no.renegotiation|error|closed|reset", after), after[-500:]


def test_handshake_in_single_bytes(proxy, origin):
    """A ClientHello split at every byte is one ClientHello."""
    import socket
    context = pki.client_context(proxy.ca_file)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="bakery.test")
    with socket.create_connection(proxy.address(protocol="https"), 10) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                incoming.write(sock.recv(65536))
        tls.write(b"GET /bytewise HTTP/1.1\r\nHost: bakery.test\r\nConnection: close\r\n\r\n")
        for byte in outgoing.read():
            sock.sendall(bytes([byte]))
        answer = b""
        while b"/bytewise" not in answer:
            data = sock.recv(65536)
            assert data
            incoming.write(data)
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                pass
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\nHost: bakery.test\r\n\r\n", b"\x00" * 600, b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
                                  b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x80\x2e\x01\x03\x01" + b"\x00" * 43],
                         ids=["http", "zeros", "oversized", "short_hello", "ssl2"])
def test_junk_for_a_client_hello(proxy, origin, junk):
    with proxy.plain(listener="127.0.0.1:0") as client:
        client.send(junk)
        data, _ = client.bytes_until_end(15)
    assert not data.startswith(b"HTTP") and len(data) < 100  # an alert, no page
    with proxy.tls("bakery.test") as client:
        assert client.get("/").status == 200


# The authority against the connection's name (design 2).
def authority(proxy, sni, host, context=None):
    with proxy.tls(sni, context=context) as client:
        return client.get("/", host)


@pytest.mark.parametrize("sni,host,status", [
    ("bakery.test", "bakery.test", 200), ("bakery.test", "www.bakery.test", 200), ("www.bakery.test", "bakery.test", 200),
    ("bakery.test", "BAKERY.test.", 200), ("one.wild.test", "one.wild.test", 200),
    ("bakery.test", "clinic.test", 421), ("clinic.test", "bakery.test", 421),
    ("bakery.test", "cakes.test", 421),   # same agency, but the certificate does not cover it
], ids=lambda v: str(v))
def test_misdirected(proxy, origin, sni, host, status):
    before = origin.mark()
    answer = authority(proxy, sni, host)
    assert answer.status == status
    assert origin.mark() - before == (1 if status == 200 else 0)


def test_unknown_authority_over_tls(proxy, origin):
    before = origin.mark()
    assert authority(proxy, "bakery.test", "unknown.test").status in (404, 421)
    assert origin.mark() == before


def test_misdirected_by_absolute_form(proxy, origin):
    before = origin.mark()
    with proxy.tls("bakery.test") as client:
        assert client.get("http://clinic.test/", "clinic.test").status in (400, 421)
    assert origin.mark() == before


# With certificates from files and fallbacks.
@pytest.fixture(scope="module")
def filed():
    folder = tempfile.mkdtemp(prefix="mq-pki-")
    ca = pki.Authority(folder)
    both = [ca.issue("a.test", "www.a.test", "b.test", "www.b.test", "c.test", "www.c.test"),
            ca.issue("a.test", "www.a.test", "b.test", "www.b.test", "c.test", "www.c.test", kind="rsa")]
    with EchoOrigin() as origin, Marquee(
            origin,
            domains=[Domain("a.test", agency_name="one", certificate=both), Domain("b.test", agency_name="one", certificate=both),
                     Domain("c.test", agency_name="two", certificate=both)],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.3:0", "https", fallback="a.test")]) as proxy:
        yield proxy, pki.client_context(str(ca.cert)), ca
    shutil.rmtree(folder)


def test_certificate_from_file(filed):
    proxy, context, _ = filed
    with proxy.tls("a.test", context=context) as client:
        assert "a.test" in client.certificate_names and client.get("/", "a.test").status == 200


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_ec_and_rsa_beside_each_other(filed, kind):
    proxy, _, ca = filed
    context = pki.client_context(str(ca.cert), maximum=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"ECDHE-{kind.upper()}-AES128-GCM-SHA256")
    with proxy.tls("a.test", context=context) as client:
        assert kind.upper() in client.sock.cipher()[0] and client.get("/", "a.test").status == 200


@pytest.mark.parametrize("host,status", [("b.test", 200), ("www.b.test", 200), ("c.test", 421)],
                         ids=["same_agency", "same_agency_pair", "other_agency"])
def test_shared_certificate_joins_one_agency_only(filed, host, status):
    proxy, context, _ = filed
    assert authority(proxy, "a.test", host, context).status == status


@pytest.mark.parametrize("sni", [None, "unknown.test"], ids=["missing", "unknown"])
def test_fallback(filed, sni):
    proxy, _, _ = filed
    with proxy.tls_unverified(sni, listener="127.0.0.3:0") as client:
        assert client.get("/", "a.test").status == 200
    with proxy.tls_unverified(sni, listener="127.0.0.3:0") as client:
        assert client.get("/", "c.test").status == 421
    with pytest.raises(ssl.SSLError, match=UNRECOGNIZED):
        proxy.tls_unverified(sni, listener="127.0.0.1:0")


def test_no_answer_ends_without_close_notify(proxy, origin):
    """The end of a kept answer is told in TLS: close_notify, then FIN."""
    with proxy.tls("bakery.test") as client:
        client.get("/", fields=[("Connection", "close")])
        assert client.assert_closed() == "eof"


def test_failed_handshakes_of_one_network_are_bounded():
    """A token bucket per /24: who fails again and again is refused before any
    crypto; neighbours in another network are not."""
    with EchoOrigin() as origin, Marquee(origin, tls={"failed_handshake_burst": 10, "failed_handshake_rate": 0.01}) as proxy:
        # The bucket is each worker's own, and the kernel chooses the worker: so many
        # that both are over their ten.
        for _ in range(100):
            with pytest.raises((ssl.SSLError, OSError)):
                proxy.tls_unverified("unknown.test", source="127.0.0.9")
        with pytest.raises((ssl.SSLError, OSError)):
            proxy.tls("bakery.test", source="127.0.0.10")
        with proxy.tls("bakery.test", source="127.0.1.9") as client:
            assert client.get("/").status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_returning_client_resumes_every_time(proxy, version):
    """Not every other time: a TLS 1.3 ticket is for one use, so each resumed
    handshake has to bring the next one (RFC 8446 C.4)."""
    context = pki.client_context(proxy.ca_file, minimum=version, maximum=version)
    session = None
    for _ in range(5):
        with proxy.tls("bakery.test", context=context, session=session) as client:
            assert client.get("/", "bakery.test").status == 200
            assert client.sock.session_reused == (session is not None)
            session = client.sock.session


def test_client_sites_share_a_leaf_but_no_session():
    """Labels are whatever a stranger sends: no leaf is minted for each. Yet a
    ticket of one site is none of another."""
    with EchoOrigin() as origin, Marquee(origin, host_classes={
            "app": {"hosts": ["app.test"], "upstream": "main"},
            "sites": {"base": "sites.test", "upstream": "main"}}) as proxy:
        context = pki.client_context(proxy.ca_file, maximum=ssl.TLSVersion.TLSv1_2)
        serials = set()
        for label in ("one", "two", "three"):
            with proxy.tls(f"{label}.sites.test", context=context) as client:
                assert client.get("/", f"{label}.sites.test").status == 200
                assert client.certificate_names == ["*.sites.test"]
                serials.add(client.sock.getpeercert()["serialNumber"])
                session = client.sock.session
        assert len(serials) == 1
        assert proxy.metrics().sum("marquee_certificates_loaded") == 1
        with proxy.tls("one.sites.test", context=context, session=session) as client:
            assert not client.sock.session_reused
        with proxy.tls("three.sites.test", context=context, session=session) as client:
            assert client.sock.session_reused, "the control"
