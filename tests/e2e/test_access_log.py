"""One record per request, refused ones too; rotation; a disk that fails."""
import os
import signal

import pytest
from harness import Domain, EchoOrigin, Marquee, Truncated, Upstream, echo, eventually, reply
from harness.attack import canary, head
from harness.wire import ConnectionEnded

pytestmark = pytest.mark.heavy  # it waits more than it computes


def record_of(proxy, target):
    records = proxy.access.wait(lambda r: r.value("target") == target)
    assert len(records) == 1, f"{len(records)} records of one request"
    return records[0]


def test_fields_of_a_request(proxy, origin, tenants):
    target = canary()
    with proxy.tls("bakery.test", source="127.0.0.9") as client:
        answer = client.get(target + "?q=1", "bakery.test", [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
                            "POST", b"x" * 1000)
    sent = {n.lower(): v for n, v in answer.json()["fields"]}
    record = record_of(proxy, target + "?q=1")
    bakery = tenants["bakery.test"]
    expected = {"client": "127.0.0.9", "host": "bakery.test", "sni": "bakery.test", "alpn": "http/1.1", "method": "POST", "status": 200,
                "installation": bakery.installation, "site": bakery.site, "agency": bakery.agency,
                "request_id": sent["x-request-id"], "trace_id": "0af7651916cd43dd8448eb211c80319c", "resumed": False}
    assert {name: record.value(name) for name in expected} == expected
    assert record.value("time") and "1.3" in str(record.value("tls"))
    assert record.value("bytes_in") >= 1000 and record.value("bytes_out") >= len(answer.body)
    assert str(origin.address[1]) in record.value("upstream")
    assert not record.value("reason") and not record.value("retries")


def test_times_are_told(proxy, origin):
    target = canary()
    with proxy.tls("bakery.test") as client:
        client.get(target)
    record = record_of(proxy, target)
    numbers = [k for k, v in _flat(record) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    for part in ("handshake", "first_byte", "total", "upstream"):
        assert any(part in k for k in numbers), f"no time of {part} in {record}"


def _flat(value, prefix=""):
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def test_no_secrets(proxy, origin):
    """No field values or bodies but those listed."""
    target = canary()
    with proxy.plain() as client:
        client.get(target, fields=[("Cookie", "session=SECRET1"), ("Authorization", "Bearer SECRET2"), ("X-Api-Key", "SECRET3")], method="POST",
                   body=b"SECRET4")
    assert "SECRET" not in str(record_of(proxy, target))
    assert "SECRET" not in proxy.stderr()


@pytest.mark.parametrize("raw,status", [
    (head("GET /refused-{} HTTP/1.1", "Bad Name: x"), 400), (head("GET /refused-{} HTTP/1.1", host="unknown.test"), None),
    (head("GET /refused-{} HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
], ids=["bad_field", "unknown_host", "two_framings"])
def test_refused_head_has_a_record(proxy, origin, raw, status):
    mine = lambda r: r.value("client") == "127.0.0.21"  # noqa: E731
    before = len([r for r in proxy.access.records() if mine(r)])
    with proxy.plain(source="127.0.0.21") as client:
        client.send(raw)
        answer = client.response()
    eventually(lambda: len([r for r in proxy.access.records() if mine(r)]) == before + 1, 5, "one record")
    records = [r for r in proxy.access.records() if mine(r)]
    assert records[-1].value("status") == answer.status
    assert records[-1].value("reason"), "a refusal without its reason"
    if status:
        assert answer.status == status


def test_every_request_of_a_connection_has_one(proxy, origin):
    targets = [canary() for _ in range(30)]
    with proxy.plain() as client:
        for target in targets:
            client.get(target)
    eventually(lambda: set(targets) <= {r.value("target") for r in proxy.access.records()}, 5, "30 records")
    logged = [r.value("target") for r in proxy.access.records() if r.value("target") in targets]
    assert logged == targets


@pytest.mark.parametrize("text", ['/"quote', "/back\\slash", "/%0a%22", "/\u00e9"], ids=["quote", "backslash", "escapes", "utf8"])
def test_hostile_text_keeps_the_record_one_json_line(proxy, origin, text):
    target = canary() + text
    with proxy.plain() as client:
        client.send(head(f"GET {target} HTTP/1.1".encode(), 'User-Agent: "}\\'))
        client.response()
        marker = canary()
        client = proxy.plain()
        client.get(marker)
        client.close()
    record_of(proxy, marker)  # records() parses every line up to here


def test_aborted_client_has_a_record(proxy, origin):
    target = canary()
    before = origin.mark()
    with origin.answering(lambda c: (c.read_body(), c.wait_end(), c.close())):
        client = proxy.plain()
        client.send(head(f"GET {target} HTTP/1.1"))
        origin.wait_requests(1, before)
        client.reset()
        assert record_of(proxy, target).value("reason")


def test_cut_answer_says_so(proxy, origin):
    target = canary()
    with origin.answering(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then="close")), proxy.plain() as client:
        try:
            client.get(target)
        except (Truncated, ConnectionEnded):
            pass
    assert record_of(proxy, target).value("reason")


def test_retry_is_counted():
    with EchoOrigin() as origin, Marquee(workers=1, upstreams=[Upstream("main", [origin.endpoint])]) as proxy:
        def handler(connection):
            if connection.served:
                return connection.close()
            return echo(connection)
        with origin.answering(handler), proxy.plain() as client:
            client.get("/first")
            assert client.get("/second").status == 200
        assert record_of(proxy, "/second").value("retries") == 1


def test_reopen_after_rotation():
    with EchoOrigin() as origin, Marquee(origin) as proxy, proxy.plain() as client:
        client.get("/old")
        record_of(proxy, "/old")
        rotated = proxy.access_file.with_suffix(".1")
        os.rename(proxy.access_file, rotated)
        client.get("/between")
        proxy.signal(signal.SIGUSR1)
        eventually(proxy.access_file.exists, 5, "the log to be reopened")
        client.get("/new")
        record_of(proxy, "/new")
        everything = rotated.read_text() + proxy.access_file.read_text()
        assert everything.count('"/between"') == 1, "a record was lost or doubled at the rotation"
        assert "/new" not in rotated.read_text()


def test_full_disk_harms_nobody():
    """/dev/full: each write fails with ENOSPC. Records are dropped and counted."""
    with EchoOrigin() as origin:
        proxy = Marquee(origin)
        proxy.access_file = "/dev/full"
        with proxy:
            with proxy.plain() as client:
                for n in range(200):
                    assert client.get(f"/{n}").status == 200

            def dropped():
                metrics = proxy.metrics()
                return [n for n in metrics.names() if "log" in n and ("drop" in n or "lost" in n) and metrics.sum(n) > 0]
            eventually(dropped, 5, "dropped records to be counted")


def test_combined_format():
    with EchoOrigin() as origin, Marquee(origin, access_format="combined", domains=[Domain("bakery.test")]) as proxy:
        with proxy.plain(source="127.0.0.9") as client:
            client.get("/c?d", fields=[("User-Agent", 'a"b'), ("Referer", "http://x/")])
        text = eventually(lambda: proxy.access_file.exists() and proxy.access_file.read_text(), 5, "a record")
    assert text.startswith("127.0.0.9 - - [") and '"GET /c?d HTTP/1.1" 200 ' in text and '"http://x/"' in text
    assert 'a"b' not in text and text.count("\n") == 1
