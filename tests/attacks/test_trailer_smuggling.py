"""Fields in trailers that must never act as head fields (RFC 9110 6.5.1):
framing, routing, authentication, tenant and forwarding names."""
import pytest
from harness.attack import assert_never_completed, canary, head, refused

FORBIDDEN = ["Content-Length: 0", "Transfer-Encoding: chunked", "Host: clinic.test", "Connection: close",
             "X-Tenant-Site-Id: evil", "x_tenant_site_id: evil", "X-Site-Id: evil", "X-Forwarded-For: 6.6.6.6",
             "Forwarded: for=6.6.6.6", "Proxy: http://evil", "Trailer: x", "TE: trailers", "Upgrade: h2c",
             "Authorization: Basic eA==", "Content-Encoding: gzip", "X-Real-IP: 6.6.6.6"]


@pytest.mark.parametrize("line", FORBIDDEN, ids=[f.partition(":")[0].lower() for f in FORBIDDEN])
def test_never_in_head_or_trailer(proxy, origin, tenants, line):
    name, value = (part.strip() for part in line.split(":", 1))
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"POST {target} HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X-Sum",
                         body=b"5\r\nhello\r\n0\r\n" + line.encode() + b"\r\nX-Sum: 1\r\n\r\n"))
        answer = client.response()
        if answer.status == 400:
            client.assert_closed()
            return
        assert answer.status == 200
        client.assert_open()
    seen = answer.json()
    assert not [v for n, v in seen["trailers"] if n.lower() == name.lower()], seen["trailers"]
    assert not [v for n, v in seen["fields"] if n.lower() == name.lower() and v == value
                and name != "Transfer-Encoding"], seen["fields"]
    assert seen["body_length"] == 5
    sent = {n.lower(): v for n, v in seen["fields"]}
    assert sent["x-site-id"] == tenants["bakery.test"].site


@pytest.mark.parametrize("body", [b"X-Big: " + b"a" * 20_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % i for i in range(5000))],
                         ids=["long", "many"])
def test_trailers_are_bounded(proxy, origin, body):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n" + body + b"\r\n")
    refused(proxy, origin, raw, {400, 413, 431}, reached=1)
    assert_never_completed(origin, before)


@pytest.mark.parametrize("line", [b"X : a", b": a", b"X\x00: a", b"X: \x00", b"no colon"],
                         ids=["space_before_colon", "empty_name", "nul_name", "nul_value", "no_colon"])
def test_malformed_trailer_refused(proxy, origin, line):
    before = origin.mark()
    raw = head("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n" + line + b"\r\n\r\n")
    refused(proxy, origin, raw, {400}, reached=1)
    assert_never_completed(origin, before)
