"""One row with anything in it harms its own domain and no other: each poison below
is a domain of its own beside healthy ones of the same tenant and of another, which
are asked for without a pause while all of it is written."""
import contextlib
import datetime
import sqlite3
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import Listener, Marquee, Upstream, directory, eventually
from harness.demo import DemoOrigin
from harness.directory import quoted
from harness.known_load import KnownLoad, status
from harness.marquee import BINARY
from harness.postgres import Postgres, binaries
from harness.settings import seconds

pytestmark = pytest.mark.heavy

HEALTHY = ["fine.test", "other.test"]
KEY = bytes(range(32)).hex()
P99 = 0.4  # seconds: rows of megabytes are read meanwhile
DEFAULTS = 200      # served as if the broken part were not there
NOT_SERVED = (404, 503)

# What: (columns as SQL, what a request for it gets). {text:N} is N letters.
JSON = {
    "empty": "''", "array": "'[]'", "number": "'5'", "null": "'null'", "no-end": "'{\"force_www\": '",
    "types": "'{\"redirect_to_https\": \"no\", \"force_www\": [], \"custom_headers\": 7, \"cache_ttl\": -1e300}'",
    "fields": "'{\"custom_headers\": {\"X-A\\r\\nB\": \"c\", \"Host\": \"evil\", \"X-B\": \"d\\r\\nSet-Cookie: x\", \"\": \"y\"}}'",
    "twice": "'{\"force_www\": true, \"force_www\": false}'",
    "large": "'{\"a\": \"{text:200000}\"}'", "deep": "'" + "[" * 20_000 + "]" * 20_000 + "'",
}
CERTIFICATES = {
    "sentinel": ("'vercel_managed'", "'vercel_managed'"), "mock": ("'mock'", "'mock_encrypted_key'"),
    "half": ("NULL", "'00'"), "no-key": ("'-----BEGIN CERTIFICATE-----'", "NULL"),
    "not-pem": ("'{text:60000}'", "'{text:60000}'"), "huge": ("'{text:400000}'", "'{text:400000}'"),
    "not-hex": ("'-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'", "'" + "zz" * 200 + "'"),
    "short": ("'-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'", "'ab'"),
}


def filled(sql):
    while "{text:" in sql:
        before, _, rest = sql.partition("{text:")
        size, _, after = rest.partition("}")
        sql = before + "x" * int(size) + after
    return sql


def row(host, site="flour", **columns):
    """An active row of a domain, with columns as SQL."""
    values = {"id": quoted(directory.row_id("domain", host)), "domain": quoted(host), "status": "'active'",
              "site_module_installation_id": quoted(directory.row_id("installation", site)),
              "config": "'{\"redirect_to_https\": false}'", **columns}
    return (f"INSERT INTO module_custom_domains ({', '.join(values)})"
            f" VALUES ({', '.join(filled(v) for v in values.values())});\n")


def encrypted(pem):
    """A key as the platform keeps it."""
    iv = bytes(range(12))
    return (iv + AESGCM(bytes.fromhex(KEY)).encrypt(iv, pem, None)).hex()


def pair(host, days=20):
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    end = datetime.datetime.utcnow() + datetime.timedelta(days=days)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
            .not_valid_before(end - datetime.timedelta(days=90)).not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False).sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    return made.public_bytes(pem).decode(), key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                              serialization.NoEncryption())


@contextlib.contextmanager
def node(**kind):
    with DemoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])],
            listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")],
            directory={**kind, "encryption_key": KEY, "modules": {"upstream": "main"}, "sites": {"upstream": "main"},
                       "poll_interval": seconds(0.05), "cache": {"ttl": seconds(0.2), "negative_ttl": seconds(0.2)}}) as proxy:
        yield proxy


def harms_itself_alone(proxy, write, poisons):
    """`poisons`: host -> (SQL, what a request may get)."""
    write(directory.tenant("flour") + directory.tenant("rye") + row("fine.test") + row("other.test", "rye"))
    for host in HEALTHY:
        eventually(lambda: status(proxy, host) == 200, 10, f"200 from {host}")
        with proxy.tls(host) as client:
            assert client.get("/", host).status == 200
    with KnownLoad(proxy, HEALTHY) as load:
        for host, (sql, wanted) in poisons.items():
            write(sql)
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            try:
                eventually(lambda: status(proxy, host) in wanted, 5, f"{wanted} from {host}")
            except TimeoutError as error:
                raise AssertionError(f"{error}; it is {status(proxy, host)}\n{proxy.tail()}") from None
            # A handshake is refused or gets the internal CA's certificate; it never hangs.
            with contextlib.suppress(OSError), proxy.tls_unverified(host) as client:
                client.get("/", host)
            assert proxy.alive()
        with proxy.tls_unverified("good.test") as client:
            der = client.sock.getpeercert(binary_form=True)
        assert x509.load_der_x509_certificate(der).serial_number == 7, "the directory's certificate"
        # All of them are in, and nobody else has a part of it.
        for host in HEALTHY:
            with proxy.tls(host) as client:
                assert client.get("/", host).status == 200
                assert client.certificate_names[0] == host
        write(row("after.test"))
        eventually(lambda: status(proxy, "after.test") == 200, 5, "a healthy row that came last")
    print(load)
    assert not load.failed, load.failed[:5]
    if not proxy.sanitized():
        assert load.p99 <= P99, str(load)
    assert proxy.admin.metrics().sum("marquee_directory_faulty_rows_total") >= 10


def certificates():
    """A good pair (to show that the others could have been taken), one that has
    expired, and one that does not belong together."""
    good, good_key = pair("good.test")
    expired, expired_key = pair("expired.test", days=-1)
    strange, _ = pair("strange.test")

    def stored(host, certificate, key, **more):
        return row(host, ssl_certificate=quoted(certificate), ssl_status="'active'",
                   ssl_private_key_encrypted=quoted(encrypted(key)), **more)
    return {"good.test": (stored("good.test", good, good_key, ssl_expires_at="'2100-01-01'"), DEFAULTS),
            "expired.test": (stored("expired.test", expired, expired_key, ssl_expires_at="'2020-01-01'"), DEFAULTS),
            "strange.test": (stored("strange.test", strange, good_key), DEFAULTS)}


def test_in_sqlite(tmp_path):
    poisons = {f"config-{n}.test": (row(f"config-{n}.test", config=sql), (200, 301)) for n, sql in JSON.items()}
    poisons |= {f"label-{n}.test": (row(f"label-{n}.test", white_label=sql), DEFAULTS) for n, sql in JSON.items()}
    poisons |= {f"cert-{n}.test": (row(f"cert-{n}.test", ssl_certificate=c, ssl_private_key_encrypted=k,
                                       ssl_status="'active'"), DEFAULTS) for n, (c, k) in CERTIFICATES.items()}
    poisons |= certificates()
    poisons |= {
        # SQLite takes any type in any column.
        "blob.test": (row("blob.test", config="x'00ff00ff'", white_label="zeroblob(100000)"), (200, 301)),
        "date.test": (row("date.test", ssl_expires_at="'when hell freezes'"), DEFAULTS),
        "zero.test": (row("zero.test", config="cast(x'7b7d00' as text)"), (200, 301)),
        "id.test": (row("id.test", id="'not a uuid'"), NOT_SERVED + (200,)),
        "id-long.test": (row("id-long.test", id="'{text:100000}'"), NOT_SERVED),
        "orphan.test": ("PRAGMA foreign_keys = OFF;" + row("orphan.test", site="nowhere"), NOT_SERVED),
        # Names that are none. Not to be asked for, but to be read by the feed and the filter.
        "nobody.test": (row("x", id="'n1'", domain="'{text:100000}'") + row("x", id="'n2'", domain="'a..b'")
                        + row("x", id="'n3'", domain="x'ff00'") + row("x", id="'n4'", domain="12345")
                        + row("x", id="'n5'", domain="''") + row("x", id="'n6'", domain="'ключ.test'")
                        + row("x", id="'n7'", domain="'a.test' || char(10) || 'b.test'"), 404),
        "cut.test": (directory.redirect("cut.test", "{text:100000}", "flour").replace("{text:100000}", "x" * 100_000), 404),
        "around.test": (directory.redirect("around.test", "around.test", "flour"), 404),
    }
    with node(kind="sqlite", path=str(tmp_path / "directory.sqlite")) as proxy:
        eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 10, "a live feed")

        def write(sql):
            with contextlib.closing(sqlite3.connect(tmp_path / "directory.sqlite", timeout=10, isolation_level=None)) as db:
                db.executescript(sql)
        harms_itself_alone(proxy, write, poisons)
        # Beyond what an SQL text can hold. The certificate is a broken part; a name
        # that not even the change feed can read is told as "everything".
        write(row("large.test") + row("larger.test"))
        with contextlib.closing(sqlite3.connect(tmp_path / "directory.sqlite", isolation_level=None)) as db:
            for host, size in (("large.test", 3 << 20), ("larger.test", 80 << 20)):
                changed = proxy.admin.metrics().sum("marquee_directory_changes_total")
                db.execute("UPDATE module_custom_domains SET ssl_certificate = ? WHERE domain = ?", ("x" * size, host))
                eventually(lambda: proxy.admin.metrics().sum("marquee_directory_changes_total") > changed, 5, "the change")
            db.execute("INSERT INTO module_custom_domains (id, site_module_installation_id, domain) VALUES ('n', ?, ?)",
                       (directory.row_id("installation", "flour"), "x" * (80 << 20)))
        assert status(proxy, "large.test") == 200
        assert status(proxy, "larger.test") == 503
        write(row("last.test"))
        eventually(lambda: status(proxy, "last.test") == 200, 5, "a healthy row behind them")
        assert proxy.admin.metrics().sum("marquee_directory_feed_live") == 1
        assert status(proxy, "fine.test") == 200


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_in_postgres():
    # jsonb has no text that is not JSON.
    valid = {n: sql for n, sql in JSON.items() if n not in ("empty", "no-end", "deep")}
    valid["deep"] = "'" + "[" * 1000 + "]" * 1000 + "'"
    poisons = {f"config-{n}.test": (row(f"config-{n}.test", config=sql), (200, 301)) for n, sql in valid.items()}
    poisons |= {f"label-{n}.test": (row(f"label-{n}.test", white_label=sql), DEFAULTS) for n, sql in valid.items()}
    poisons |= {f"cert-{n}.test": (row(f"cert-{n}.test", ssl_certificate=c, ssl_private_key_encrypted=k,
                                       ssl_status="'active'"), DEFAULTS) for n, (c, k) in CERTIFICATES.items()}
    poisons |= certificates()
    poisons |= {
        "forever.test": (row("forever.test", ssl_expires_at="'infinity'"), DEFAULTS),
        "never.test": (row("never.test", ssl_expires_at="'-infinity'"), DEFAULTS),
        "bc.test": (row("bc.test", ssl_expires_at="'4000-01-01 BC'"), DEFAULTS),
        # Session triggers off: a foreign key that leads nowhere. No trigger tells of it either.
        "orphan.test": ("SET session_replication_role = replica;" + row("orphan.test", site="nowhere"), NOT_SERVED),
        "nobody.test": ("".join(row("x", id="gen_random_uuid()", domain=name) for name in
                                ("repeat('x', 2000)", "'a..b'", "''", "'ключ.test'", "E'a.test\\nb.test'")), 404),
        "around.test": (directory.redirect("around.test", "around.test", "flour"), 404),
    }
    with Postgres() as server:
        owner = server.create("poison")
        subprocess.run([BINARY, "db", "migrate", "--url", owner], check=True, capture_output=True, timeout=60)
        server.sql("ALTER ROLE marquee_edge PASSWORD 'secret'", "poison")
        with node(kind="postgres", url=server.url("poison", "marquee_edge"), trust_directory_status=True) as proxy:
            eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 10, "a live feed")
            harms_itself_alone(proxy, lambda sql: server.sql(sql, "poison"), poisons)
