"""Certificates of the directory: imported while it runs, listed, exported, two kinds
of key for one host, and rows that hold nonsense."""
import json
import pathlib
import socket
import ssl
import subprocess
import time

import pytest
from harness import EchoOrigin, Marquee, directory, eventually, pki
from harness.certs import KEY, PLATFORM, Lite, certs, plain, served, settings
from harness.client import RawClient
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.settings import Domain

@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return pki.Authority(tmp_path_factory.mktemp("pki"), "Directory Test CA")


@pytest.fixture(scope="module")
def node(origin):
    with Marquee(origin, directory=settings(kind="sqlite")) as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        yield proxy, rows


def add(rows, host):
    rows.run(directory.module_domain(host, "flour"))


def test_an_imported_certificate_is_served_at_the_next_handshake(node, authority):
    proxy, rows = node
    add(rows, "shop.test")
    eventually(lambda: plain(proxy, "shop.test") == 200, 5, "the domain")
    with proxy.tls("shop.test") as client:  # of the internal CA until then
        assert client.get("/", "shop.test").status == 200
    out = certs(proxy, "import", "shop.test", "--cert", authority.issue("shop.test", "www.shop.test")[0],
                "--key", authority.folder / "shop.test-ec.key")
    assert "next handshake" in out
    first = served(proxy, authority, "shop.test")
    assert served(proxy, authority, "www.shop.test")["serialNumber"] == first["serialNumber"]
    assert ("DNS", "shop.test") in first["subjectAltName"]
    # A renewal takes the place of the first.
    certs(proxy, "import", "shop.test", "--cert", authority.issue("shop.test")[0],
          "--key", authority.folder / "shop.test-ec.key")
    assert served(proxy, authority, "shop.test")["serialNumber"] != first["serialNumber"]


def test_a_domain_that_is_not_served_shows_its_page_over_https_too(node, authority):
    """A new connection gets the domain's own certificate and the page of its state."""
    proxy, rows = node
    host, site = "closed.test", "closed-bakery"
    rows.run(directory.tenant(site) + directory.module_domain(host, site))
    eventually(lambda: plain(proxy, host) == 200, 5, "the domain")
    pair = authority.issue(host, "www." + host)
    certs(proxy, "import", host, "--cert", pair[0], "--key", pair[1])
    serial = served(proxy, authority, host)["serialNumber"]
    trusting = pki.client_context(str(authority.cert))

    def page(name):
        """Of a new connection without a ticket; an SSLError fails the test."""
        with RawClient(proxy.address(protocol="https"), tls=trusting, sni=name) as client:
            answer = client.get("/", name)
            return client.sock.getpeercert()["serialNumber"], answer.status

    def command(action):
        done = subprocess.run([BINARY, "domains", action, host, "--socket", proxy.admin.path],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr

    agency, installation = (directory.row_id(kind, site) for kind in ("agency", "installation"))
    status = f"UPDATE agencies SET status = '%s' WHERE id = '{agency}';"
    switch = f"UPDATE site_module_installations SET is_enabled = %d WHERE id = '{installation}';"
    publish = f"UPDATE sites SET published = %d WHERE id = '{directory.row_id('site', site)}';"
    for change, back, expected, cause in (
            (lambda: command("disable"), lambda: command("enable"), 503, "domain_disabled"),
            (lambda: rows.run(status % "suspended"), lambda: rows.run(status % "active"), 503, "agency_suspended"),
            (lambda: rows.run(switch % 0), lambda: rows.run(switch % 1), 503, "installation_disabled"),
            (lambda: rows.run(publish % 0), lambda: rows.run(publish % 1), 404, "site_unpublished")):
        change()
        eventually(lambda expected=expected: plain(proxy, host) == expected, 5, cause)
        for name in (host, "www." + host):
            assert page(name) == (serial, expected), (name, cause)
        proxy.access.wait(lambda r, cause=cause: r.value("refusal") == cause and r.value("sni") == host)
        back()
        eventually(lambda: plain(proxy, host) == 200, 5, "the domain again")
        assert page(host) == (serial, 200)


def test_it_is_stored_as_the_platform_does(node, authority):
    proxy, rows = node
    add(rows, "stored.test")
    cert, key = authority.issue("stored.test")
    # A file with more than a certificate in it, as other proxies want them.
    both = authority.folder / "both.pem"
    both.write_text("a comment\n" + pathlib.Path(key).read_text() + pathlib.Path(cert).read_text())
    certs(proxy, "import", "stored.test", "--cert", both, "--key", both)
    where = "FROM module_custom_domains WHERE domain = 'stored.test'"
    chain, sealed = rows.value(f"SELECT ssl_certificate {where}"), rows.value(f"SELECT ssl_private_key_encrypted {where}")
    assert chain.startswith("-----BEGIN CERTIFICATE-----") and "PRIVATE" not in chain and "comment" not in chain
    assert set(sealed) <= set("0123456789abcdef") and rows.value(f"SELECT ssl_status {where}") == "active"
    assert rows.value(f"SELECT strftime('%s', ssl_expires_at) - strftime('%s', 'now') > 86400 * 19 {where}")
    history = "FROM domain_ssl_certificates WHERE domain_id = (SELECT id " + where + ")"
    assert rows.value(f"SELECT san {history}") == '["stored.test"]'
    assert "Directory Test CA" in rows.value(f"SELECT issuer {history}")
    cryptography = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead")
    raw = bytes.fromhex(sealed)
    opened = cryptography.AESGCM(bytes.fromhex(KEY)).decrypt(raw[:12], raw[12:], None).decode()
    assert opened.startswith("-----BEGIN PRIVATE KEY-----") and opened.count("BEGIN") == 1
    # Keys are nowhere on the disk in the clear.
    for file in (proxy.folder / "state").rglob("*"):
        if file.is_file() and "internal-ca" not in str(file):
            assert b"PRIVATE KEY" not in file.read_bytes(), file


def test_a_client_without_ecdsa_gets_rsa(node, authority):
    proxy, rows = node
    add(rows, "pair.test")
    ec, rsa = authority.issue("pair.test"), authority.issue("pair.test", kind="rsa")
    certs(proxy, "import", "pair.test", "--cert", ec[0], "--key", ec[1], "--cert", rsa[0], "--key", rsa[1])

    def kind(ciphers):
        context = pki.client_context(str(authority.cert), maximum=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(ciphers)
        with RawClient(proxy.address(protocol="https"), tls=context, sni="pair.test") as client:
            assert client.get("/", "pair.test").status == 200
            return client.sock.cipher()[0]

    assert "ECDSA" in kind("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    assert "RSA" in kind("ECDHE-RSA-AES128-GCM-SHA256")
    entry = next(e for e in json.loads(certs(proxy, "list", "pair.test", "--json")) if e["host"] == "pair.test")
    assert [c["key_type"] for c in entry["certificates"]] == ["EC P-256", "RSA 2048"]


def test_list_and_export_show_no_key_unless_asked_on_the_socket(node, authority):
    proxy, rows = node
    add(rows, "export.test")
    pair = authority.issue("export.test")
    certs(proxy, "import", "export.test", "--cert", pair[0], "--key", pair[1])
    page = certs(proxy, "list")
    line = next(li for li in page.splitlines() if li.startswith("export.test"))
    assert "directory" in line and "EC P-256" in line and "Directory Test CA" in line
    assert "PRIVATE" not in page
    entries = {e["host"]: e for e in json.loads(certs(proxy, "list", "--json"))}
    assert entries["bakery.test"]["source"] == "internal" and entries["export.test"]["source"] == "directory"
    assert entries["export.test"]["fault"] is None
    for c in entries["bakery.test"]["certificates"]:  # made when it is needed: no end yet
        assert c["not_before"] is None and c["not_after"] is None
    assert all(c["not_after"] > "2020" for c in entries["export.test"]["certificates"])
    assert certs(proxy, "export", "export.test") == pathlib.Path(pair[0]).read_text()
    with_key = certs(proxy, "export", "www.export.test", "--with-key")
    assert with_key.count("PRIVATE KEY") == 2
    assert "internal CA" in certs(proxy, "export", "bakery.test", code=1)
    assert "no domain" in certs(proxy, "export", "nobody.test", code=1)


def test_a_removed_certificate_is_served_no_more(node, authority):
    proxy, rows = node
    add(rows, "removed.test")
    pair = authority.issue("removed.test")
    certs(proxy, "import", "removed.test", "--cert", pair[0], "--key", pair[1])
    assert served(proxy, authority, "removed.test")
    assert certs(proxy, "remove", "www.removed.test") == "removed: the certificate of www.removed.test\n"
    with proxy.tls("removed.test") as client:  # of the internal CA again
        assert client.get("/", "removed.test").status == 200
    where = "FROM module_custom_domains WHERE domain = 'removed.test'"
    assert rows.value("SELECT coalesce(ssl_certificate, ssl_private_key_encrypted, ssl_expires_at, ssl_status) "
                      + where) == "none"
    assert rows.value("SELECT count(*) FROM domain_ssl_certificates WHERE domain_id = (SELECT id " + where + ")") == 1
    assert "a certificate was removed" in proxy.stderr()
    assert "there is none to remove" in certs(proxy, "remove", "removed.test", code=1)
    assert "stands in the settings" in certs(proxy, "remove", "bakery.test", code=1)
    assert "no domain nobody.test" in certs(proxy, "remove", "nobody.test", code=1)
    # What is broken can be removed, too.
    rows.run("UPDATE module_custom_domains SET ssl_private_key_encrypted = 'x' WHERE domain = 'removed.test';")
    eventually(lambda: "removed.test" in proxy.stderr(), 5, "the fault")
    certs(proxy, "remove", "removed.test")


def test_by_tcp_a_key_is_never_given(origin, authority):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    node = Marquee(origin, directory=settings(kind="sqlite"))
    document = node.document

    def with_tcp():
        out = document()
        out["admin"].update(address=f"127.0.0.1:{port}", token="0123456789abcdef0123456789")
        return out

    node.document = with_tcp
    with node as proxy:
        rows = Lite(proxy)
        rows.run(directory.tenant("flour"))
        add(rows, "export.test")
        pair = authority.issue("export.test")
        certs(proxy, "import", "export.test", "--cert", pair[0], "--key", pair[1])

        def call(target):
            with RawClient(("127.0.0.1", port)) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: admin\r\nAuthorization: Bearer 0123456789abcdef0123456789"
                            "\r\nConnection: close\r\n\r\n".encode())
                return client.response("GET", 10)

        assert call("/v1/certificates/export.test").json()["chain"].startswith("-----BEGIN CERT")
        refused = call("/v1/certificates/export.test?with_key=true")
        assert refused.status == 403 and b"Unix socket" in refused.body and b"PRIVATE" not in refused.body
        assert b"PRIVATE" not in call("/v1/certificates").body


def test_each_mistake_names_the_file_and_the_remedy(node, authority, tmp_path):
    proxy, rows = node
    add(rows, "mistake.test")
    cert, key = authority.issue("mistake.test")
    other = authority.issue("other.test")

    def why(host, cert_file, key_file, code=1):
        return certs(proxy, "import", host, "--cert", cert_file, "--key", key_file, code=code)

    assert f"{other[1]} is not the key of {cert}" in why("mistake.test", cert, other[1])
    assert f"{other[0]} is for other.test, not for mistake.test" in why("mistake.test", *other)
    missing = tmp_path / "missing.pem"
    assert f"{missing} cannot be read: No such file" in why("mistake.test", missing, key)
    old = tmp_path / "old.pem"
    expired(old, key, tmp_path)
    assert f"{old} expired on" in why("mistake.test", old, key)
    secret = tmp_path / "secret.key"
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", key, "-out", secret, "-passout", "pass:x", "-v2", "aes256"],
                   check=True, capture_output=True)
    assert f"{secret} is encrypted; write an unencrypted key" in why("mistake.test", cert, secret)
    assert "no domain other.test; add it first" in why("other.test", *other)
    assert "bakery.test stands in the settings" in why("bakery.test", *authority.issue("bakery.test"))
    assert "not a hostname" in why("mis take", cert, key)
    assert "one key for each" in certs(proxy, "import", "mistake.test", "--cert", cert, "--cert", cert, "--key", key,
                                       code=2)
    # The API says the same to whoever does not come by the command.
    answer = proxy.admin.call("/v1/certificates/mistake.test", "PUT", json.dumps(
        {"certificate": pathlib.Path(cert).read_text(), "key": pathlib.Path(other[1]).read_text()}).encode())
    assert answer.status == 422 and b"is not the key of" in answer.body
    assert proxy.admin.call("/v1/certificates/mistake.test", "PUT", b"{}").status == 400
    assert proxy.admin.call("/v1/certificates?limit=0").status == 400
    assert proxy.admin.call("/v1/certificates/mistake.test", "POST", b"{}").status == 405


def expired(path, key, folder):
    """A certificate that ended yesterday: openssl's ca command alone can make one."""
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\n"
        "subjectAltName=DNS:mistake.test\n")
    request = folder / "request.pem"
    subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=mistake.test", "-out", request], check=True,
                   capture_output=True)
    subprocess.run(["openssl", "ca", "-batch", "-config", folder / "ca.cnf", "-selfsign", "-keyfile", key, "-in",
                    request, "-out", path, "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"],
                   check=True, capture_output=True)


def check_poison(proxy, run, value, authority, tmp_path):
    """`run` and `value` put SQL to the database."""
    good = authority.issue("good.test")
    key = good[1]
    old = tmp_path / "old.pem"
    expired(old, key, tmp_path)
    run(directory.module_domain("good.test", "flour"))
    certs(proxy, "import", "good.test", "--cert", good[0], "--key", key)
    where = "WHERE domain = 'good.test'"
    sealed = value(f"SELECT ssl_private_key_encrypted FROM module_custom_domains {where}")
    chain = pathlib.Path(good[0]).read_text()
    # name: (certificate, key); what the first three and garbage hold shows only when it is parsed.
    flipped = ("0" if sealed[50] != "0" else "1").join((sealed[:50], sealed[51:]))
    poison = {"wrong-key.test": (pathlib.Path(authority.issue("wrong-key.test")[0]).read_text(), sealed),
              "expired.test": (old.read_text(), sealed),
              "wrong-name.test": (chain, sealed),
              "garbage.test": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", sealed),
              "not-pem.test": ("x" * 100, sealed),
              "huge.test": (chain + "x" * 3_000_000, sealed),
              "flipped.test": (chain, flipped),
              "half.test": (chain, "")}
    for host, (certificate, private) in poison.items():
        run(directory.module_domain(host, "flour"))
        run("UPDATE module_custom_domains SET ssl_certificate = "
                 f"{directory.quoted(certificate)}, ssl_private_key_encrypted = {directory.quoted(private)}"
                 f" WHERE domain = '{host}';")
    for host in poison:
        eventually(lambda host=host: plain(proxy, host) == 200, 5, host)
    refused = set()
    for host in poison:
        try:
            with proxy.tls_unverified(host) as client:
                assert client.get("/", host).status == 200
        except ssl.SSLError:
            refused.add(host)
        assert served(proxy, authority, "good.test")
    # What cannot be seen to be no certificate before it is opened; the others get the
    # internal CA's, as a domain without one.
    assert refused == {"wrong-key.test", "expired.test", "wrong-name.test", "garbage.test"}
    assert all(plain(proxy, host) == 200 for host in poison)
    entries = {e["host"]: e["fault"] for e in json.loads(certs(proxy, "list", "--json"))}
    assert "is not the key of" in entries["wrong-key.test"] and "expired" in entries["expired.test"]
    eventually(lambda: "half.test" in proxy.stderr() and "huge.test" in proxy.stderr(), 5, "the words")


def test_poisoned_certificates_are_their_own_domain_s(node, authority, tmp_path):
    proxy, rows = node
    check_poison(proxy, rows.run, rows.value, authority, tmp_path)


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_import_under_row_level_security(origin, authority, tmp_path):
    with Postgres() as server:
        owner = server.create("platform")
        server.sql(PLATFORM, "platform")
        server.sql(directory.tenant("flour") + directory.module_domain("shop.test", "flour"), "platform")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "platform")
        here = settings(kind="postgres", url=server.url("platform", "marquee_edge"), trust_directory_status=True)
        with Marquee(origin, directory=here) as proxy, Marquee(origin, directory=here) as second:
            for it in (proxy, second):
                eventually(lambda it=it: it.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
                with it.tls("shop.test") as client:
                    assert client.get("/", "shop.test").status == 200
            pair = authority.issue("shop.test", "www.shop.test")
            certs(proxy, "import", "shop.test", "--cert", pair[0], "--key", pair[1])
            begun = time.monotonic()
            serial = served(proxy, authority, "shop.test")["serialNumber"]

            def other():
                try:
                    return served(second, authority, "shop.test")["serialNumber"] == serial
                except ssl.SSLError:
                    return False  # the internal CA's, still

            eventually(other, 5, "the other node")
            assert time.monotonic() - begun < 1.0
            assert server.sql("SELECT ssl_status || ' ' || (ssl_expires_at > now() + interval '19 days') FROM "
                              "module_custom_domains", "platform") == "active true"
            assert server.sql("SELECT san[2] FROM domain_ssl_certificates", "platform") == "www.shop.test"
            certs(second, "remove", "shop.test")

            def internal():
                try:
                    with proxy.tls("shop.test") as client:
                        return client.get("/", "shop.test").status == 200
                except ssl.SSLError:
                    return False  # of the authority, still

            eventually(internal, 5, "the other node, without it")
            assert server.sql("SELECT coalesce(ssl_certificate, ssl_private_key_encrypted, ssl_status) FROM "
                              "module_custom_domains", "platform") == "none"
            assert "no domain" in certs(proxy, "import", "rye.test", "--cert", authority.issue("rye.test")[0], "--key",
                                        authority.folder / "rye.test-ec.key", code=1)
            check_poison(proxy, lambda sql: server.sql(sql, "platform"), lambda sql: server.sql(sql, "platform"),
                         authority, tmp_path)
            server.sql("REVOKE UPDATE ON module_custom_domains FROM marquee_edge; REVOKE UPDATE (ssl_certificate) ON "
                       "module_custom_domains FROM marquee_edge", "platform")
            assert "db migrate" in certs(proxy, "import", "shop.test", "--cert", pair[0], "--key", pair[1], code=1)


def test_without_a_directory_or_a_key_it_says_what_is_missing(origin, authority):
    pair = authority.issue("shop.test")
    with Marquee(origin, domains=[Domain("bakery.test")]) as proxy:
        assert "no directory to import into" in certs(proxy, "import", "shop.test", "--cert", pair[0], "--key", pair[1],
                                                      code=1)
        assert "bakery.test" in certs(proxy, "list")
    keyless = {k: v for k, v in settings(kind="sqlite").items() if k != "encryption_key"}
    with Marquee(origin, directory=keyless) as proxy:
        Lite(proxy)
        assert "encryption_key is not set" in certs(proxy, "import", "shop.test", "--cert", pair[0], "--key", pair[1],
                                                    code=1)
