"""What the upstream is told about the request: forwarding, identity of the
request, trace, and the fields the settings add."""
import re

import pytest
from harness import Domain, EchoOrigin, Marquee, reply

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRACE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def sent(answer):
    out = {}
    for name, value in answer.json()["fields"]:
        assert name.lower() not in out, f"{name} twice"
        out[name.lower()] = value
    return out


def forwarded(value):
    """The elements of a Forwarded field, each a dict (RFC 7239 4)."""
    return [{k.strip().lower(): v.strip('"') for k, v in (pair.split("=", 1) for pair in element.split(";"))}
            for element in value.split(",")]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_forwarding_fields(proxy, origin, scheme):
    with (proxy.tls("bakery.test", source="127.0.0.9") if scheme == "https"
          else proxy.plain(source="127.0.0.9")) as client:
        fields = sent(client.get("/"))
    port = str(proxy.address(protocol=scheme)[1])
    assert fields["x-forwarded-for"] == "127.0.0.9"
    assert fields["x-real-ip"] == "127.0.0.9"
    assert fields["x-forwarded-proto"] == scheme
    assert fields["x-forwarded-host"] == "bakery.test"
    assert fields["x-forwarded-port"] == port
    [element] = forwarded(fields["forwarded"])
    assert (element["for"], element["proto"], element["host"]) == ("127.0.0.9", scheme, "bakery.test")
    assert "via" not in fields


def test_operator_says_more_about_the_tenant():
    """And a client's word for it does not come through."""
    more = {"X-Tenant-Plan": "gold", "X-Tenant-Region": "eu-west"}
    with EchoOrigin() as origin, Marquee(origin, domains=[Domain("bakery.test", request_fields={"set": more})]) as proxy:
        with proxy.plain() as client:
            fields = sent(client.get("/", fields=[("X-Tenant-Plan", "FORGED"), ("x_tenant_region", "FORGED"),
                                                  ("X-Tenant-Role", "FORGED")]))
    assert (fields["x-tenant-plan"], fields["x-tenant-region"]) == ("gold", "eu-west")
    assert "FORGED" not in fields.values()


def test_request_id(proxy, origin):
    with proxy.plain() as client:
        ids = [sent(client.get("/"))["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3 and all(UUID7.fullmatch(i) for i in ids), ids


def test_request_id_of_strangers_is_replaced(proxy, origin):
    with proxy.plain() as client:
        fields = sent(client.get("/", fields=[("X-Request-Id", "FORGED")]))
    assert UUID7.fullmatch(fields["x-request-id"])


def test_traceparent_is_started(proxy, origin):
    with proxy.plain() as client:
        traces = [TRACE.fullmatch(sent(client.get("/"))["traceparent"]) for _ in range(2)]
    assert all(traces) and traces[0][1] != traces[1][1]
    assert set(traces[0][1]) != {"0"} and set(traces[0][2]) != {"0"}


def test_traceparent_is_passed(proxy, origin):
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with proxy.plain() as client:
        fields = sent(client.get("/", fields=[("traceparent", given), ("tracestate", "a=b")]))
    assert TRACE.fullmatch(fields["traceparent"])[1] == "0af7651916cd43dd8448eb211c80319c"
    assert fields["traceparent"].endswith("-01") and fields["tracestate"] == "a=b"


@pytest.mark.parametrize("bad", ["00-00000000000000000000000000000000-b7ad6b7169203331-01", "garbage",
                                 "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                 "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                 "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
                         ids=["zero_trace", "garbage", "zero_parent", "upper_case", "version_ff"])
def test_bad_traceparent_starts_anew(proxy, origin, bad):
    """W3C Trace Context 3.2.2: an invalid parent is ignored."""
    with proxy.plain() as client:
        trace = TRACE.fullmatch(sent(client.get("/", fields=[("traceparent", bad)]))["traceparent"])
    assert trace and trace[1] not in bad.lower()


# Behind a trusted proxy.
@pytest.fixture(scope="module")
def trusting():
    with EchoOrigin() as origin, Marquee(
            origin, domains=[Domain("bakery.test", request_fields={"set": {"X-Edge": "1", "User-Agent": "edge"}, "remove": ["X-Gone"],
                                                                 "add": {"X-More": "2"}},
                                    response_fields={"set": {"X-Frame-Options": "DENY"}, "remove": ["Server"], "add": {"X-Extra": "3"}})],
            trusted_proxies=["127.0.0.7/32", "127.0.0.8/32"], forwarding={"via": True}) as proxy:
        yield proxy, origin


def test_appended_for_trusted(trusting):
    proxy, _ = trusting
    with proxy.plain(source="127.0.0.7") as client:
        fields = sent(client.get("/", fields=[("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Proto", "https"),
                                              ("Forwarded", "for=1.2.3.4;proto=https"), ("X-Request-Id", "from-front")]))
    assert fields["x-forwarded-for"].replace(" ", "") == "1.2.3.4,127.0.0.7"
    elements = forwarded(fields["forwarded"])
    assert [e["for"] for e in elements] == ["1.2.3.4", "127.0.0.7"]
    assert fields["x-forwarded-proto"] == "https"
    assert fields["x-real-ip"] == "1.2.3.4"
    assert fields["x-request-id"] == "from-front"


def test_client_is_the_last_untrusted_hop(trusting):
    """What a client wrote left of the trusted chain is hearsay."""
    proxy, _ = trusting
    with proxy.plain(source="127.0.0.7") as client:
        fields = sent(client.get("/", fields=[("X-Forwarded-For", "6.6.6.6, 1.2.3.4, 127.0.0.8")]))
    assert fields["x-real-ip"] == "1.2.3.4"


def test_the_record_has_the_same_client(trusting):
    """And so it has where no upstream is asked; strangers' words count for nothing."""
    proxy, _ = trusting
    cases = [("127.0.0.7", "6.6.6.6, 1.2.3.4, 127.0.0.8", "bakery.test", "1.2.3.4"),
             ("127.0.0.7", "2001:db8::1", "unknown.test", "2001:db8::1"),
             ("127.0.0.7", "no address", "bakery.test", "127.0.0.7"),
             ("127.0.0.9", "1.2.3.4", "bakery.test", "127.0.0.9")]
    for n, (source, given, host, expected) in enumerate(cases):
        with proxy.plain(source=source) as client:
            client.get(f"/client-{n}", host, fields=[("X-Forwarded-For", given)])
        [record] = proxy.access.wait(lambda r, n=n: r.value("target") == f"/client-{n}")
        assert record.value("client") == expected
        assert ("client_port" in record) == (expected == source)


@pytest.mark.parametrize("name", ["X-Tenant-Site-Id", "X-Site-Id", "x_forwarded_for", "Proxy", "X-White-Label"])
def test_trusted_proxies_set_no_tenant(trusting, name):
    proxy, _ = trusting
    with proxy.plain(source="127.0.0.7") as client:
        answer = client.get("/", fields=[(name, "FORGED")])
    assert "FORGED" not in str(answer.json()["fields"])


def test_replaced_for_others(trusting):
    proxy, _ = trusting
    with proxy.plain(source="127.0.0.9") as client:
        fields = sent(client.get("/", fields=[("X-Forwarded-For", "127.0.0.7"), ("Forwarded", "for=127.0.0.7"),
                                              ("X-Forwarded-Proto", "https"), ("X-Real-IP", "127.0.0.7")]))
    assert fields["x-forwarded-for"] == "127.0.0.9" and fields["x-real-ip"] == "127.0.0.9"
    assert fields["x-forwarded-proto"] == "http"


def test_via(trusting):
    proxy, _ = trusting
    with proxy.plain() as client:
        answer = client.get("/", fields=[("Via", "1.0 other")])
    fields = [v for n, v in answer.json()["fields"] if n.lower() == "via"]
    assert re.fullmatch(r"1\.0 other, ?1\.1 \S+", ", ".join(fields))


def test_field_edits(trusting):
    proxy, origin = trusting
    raw = b"HTTP/1.1 200 OK\r\nServer: inner\r\nX-Frame-Options: ALLOWALL\r\nX-Extra: 0\r\nContent-Length: 0\r\n\r\n"
    with origin.answering(reply(raw)), proxy.plain() as client:
        answer = client.get("/", fields=[("X-Edge", "client"), ("User-Agent", "me"), ("X-Gone", "1"), ("X-More", "1")])
    got = origin.requests[-1]
    assert got.field("x-edge") == "1" and got.field("user-agent") == "edge"
    assert got.all("x-gone") == [] and got.all("x-more") == ["1", "2"]
    assert answer.field("x-frame-options") == "DENY" and answer.all("server") in ([], ["marquee"])
    assert answer.all("x-extra") == ["0", "3"]
