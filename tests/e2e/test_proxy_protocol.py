"""PROXY protocol v1 and v2 (haproxy's proxy-protocol.txt): the good, and what
must never be believed or served."""
import socket
import struct
import time

import pytest
from harness import ConnectionEnded, Domain, EchoOrigin, Listener, Marquee
from harness.client import request

V1, V2, ANY, TLS, OFF = (f"127.0.0.{n}:0" for n in (11, 12, 13, 14, 15))
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


@pytest.fixture(scope="module")
def behind():
    with EchoOrigin() as origin, Marquee(
            origin, domains=[Domain("bakery.test")],
            listeners=[Listener("127.0.0.1:0", "https"), Listener(V1, "http", "v1"), Listener(V2, "http", "v2"), Listener(ANY, "http", "any"),
                       Listener(TLS, "https", "any"), Listener(OFF, "http")],
            trusted_proxies=["127.0.0.0/8"], timeouts={"handshake": 1.0, "head": 1.0, "linger": 0.3}) as proxy:
        yield proxy, origin


def v1(text="PROXY TCP4 192.0.2.7 192.0.2.1 4711 443"):
    return text.encode() + b"\r\n"


def v2(address=b"\xc0\x00\x02\x07\xc0\x00\x02\x01" + struct.pack("!HH", 4711, 443), command=0x21, family=0x11, tlvs=b"", length=None):
    payload = address + tlvs
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(payload) if length is None else length) + payload


IP6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack("!HH", 4711, 443)
GOOD = {
    "v1_tcp4": (V1, v1(), "192.0.2.7"), "v1_tcp6": (V1, v1("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443"), "2001:db8::7"),
    "v1_unknown": (V1, v1("PROXY UNKNOWN"), None), "v1_unknown_long": (V1, v1("PROXY UNKNOWN ffff:f...f:ffff ffff 1 2"), None),
    "v1_longest": (V1, v1("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "v2_tcp4": (V2, v2(), "192.0.2.7"), "v2_tcp6": (V2, v2(IP6, family=0x21), "2001:db8::7"),
    "v2_local": (V2, v2(b"", command=0x20, family=0), None), "v2_local_with_address": (V2, v2(command=0x20), None),
    "v2_tlvs": (V2, v2(tlvs=b"\x04\x00\x03abc\x20\x00\x00"), "192.0.2.7"), "v2_unix": (V2, v2(b"\x00" * 216, family=0x31), None),
    "v2_unspecified": (V2, v2(b"", family=0x00), None),
    "any_v1": (ANY, v1(), "192.0.2.7"), "any_v2": (ANY, v2(), "192.0.2.7"),
}


def sent(answer):
    return {n.lower(): v for n, v in answer.json()["fields"]}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", GOOD)
def test_good(behind, case, split):
    proxy, _ = behind
    listener, header, client_ip = GOOD[case]
    with proxy.plain(listener=listener, source="127.0.0.9") as client:
        client.send(header + request(), split)
        fields = sent(client.response())
        assert fields["x-forwarded-for"] == (client_ip or "127.0.0.9")
        assert fields["x-real-ip"] == (client_ip or "127.0.0.9")
        assert sent(client.get("/second"))["x-real-ip"] == (client_ip or "127.0.0.9")


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_in_front_of_tls(behind, header):
    proxy, _ = behind
    with proxy.tls("bakery.test", listener=TLS, before_tls=header) as client:
        fields = sent(client.get("/"))
    assert fields["x-forwarded-for"] == "192.0.2.7" and fields["x-forwarded-proto"] == "https"


HOSTILE = {
    "none_v1": (V1, b""), "none_v2": (V2, b""), "none_any": (ANY, b""), "v2_at_v1": (V1, v2()), "v1_at_v2": (V2, v1()),
    "v1_lower_case": (V1, v1("proxy TCP4 192.0.2.7 192.0.2.1 1 2")), "v1_bare_lf": (V1, b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n"),
    "v1_leading_zero": (V1, v1("PROXY TCP4 192.0.2.07 192.0.2.1 1 2")), "v1_hex": (V1, v1("PROXY TCP4 0xc0.0.2.7 192.0.2.1 1 2")),
    "v1_wrong_family": (V1, v1("PROXY TCP4 2001:db8::7 2001:db8::1 1 2")), "v1_port": (V1, v1("PROXY TCP4 192.0.2.7 192.0.2.1 70000 2")),
    "v1_negative_port": (V1, v1("PROXY TCP4 192.0.2.7 192.0.2.1 -1 2")), "v1_missing": (V1, v1("PROXY TCP4 192.0.2.7 192.0.2.1 1")),
    "v1_extra": (V1, v1("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3")), "v1_two_spaces": (V1, v1("PROXY  TCP4 192.0.2.7 192.0.2.1 1 2")),
    "v1_udp": (V1, v1("PROXY UDP4 192.0.2.7 192.0.2.1 1 2")), "v1_too_long": (V1, b"PROXY UNKNOWN " + b"a" * 200 + b"\r\n"),
    "v1_endless": (V1, b"PROXY " + b"a" * 100_000), "v1_injection": (V1, v1("PROXY TCP4 192.0.2.7\tX: 192.0.2.1 1 2")),
    "v1_nul": (V1, b"PROXY TCP4 192.0.2.7\x00 192.0.2.1 1 2\r\n"),
    "v2_version": (V2, v2(command=0x11)), "v2_command": (V2, v2(command=0x22)), "v2_family": (V2, v2(family=0x41)),
    "v2_short_address": (V2, v2(b"\xc0\x00\x02\x07")), "v2_length_zero": (V2, v2(length=0)), "v2_bad_tlv": (V2, v2(tlvs=b"\x04\xff\xffab")),
    "v2_signature": (V2, b"\r\n\r\n\x00\r\nQUIX\n" + v2()[12:]), "v2_twice": (V2, v2() + v2()), "v1_twice": (V1, v1() + v1()),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_is_not_served(behind, case):
    """Nothing reaches the upstream and nobody is told a false address."""
    proxy, origin = behind
    listener, header = HOSTILE[case]
    before = origin.mark()
    with proxy.plain(listener=listener) as client:
        client.send(header + request())
        data, _ = client.bytes_until_end(8)
    assert b"HTTP/1.1 200" not in data
    assert origin.mark() == before


def test_length_beyond_any_buffer(behind):
    """65,535 bytes of TLVs are legal: served or closed, in bounded memory."""
    proxy, origin = behind
    rest = 65535 - 12
    with proxy.plain(listener=V2) as client:
        client.send(v2(tlvs=b"\x04" + struct.pack("!H", rest - 3) + b"a" * (rest - 3)) + request())
        try:
            assert client.response().status in (200, 400)
        except ConnectionEnded:
            pass
    with proxy.plain(listener=V2) as client:
        client.send(v2() + request())
        assert client.response().status == 200


@pytest.mark.parametrize("part", [b"", b"PROXY TCP4 192", SIGNATURE[:6], v2()[:14]], ids=["nothing", "v1", "signature", "v2"])
def test_slow_header(behind, part):
    proxy, _ = behind
    start = time.monotonic()
    with proxy.plain(listener=ANY) as client:
        client.send(part)
        client.assert_closed(8)
    assert time.monotonic() - start < 7


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_not_believed_where_it_is_off(behind, header):
    proxy, origin = behind
    before = origin.mark()
    with proxy.plain(listener=OFF) as client:
        client.send(header + request())
        answer = client.response()
        assert answer.status in (400, 505)
        client.assert_closed()
    assert origin.mark() == before


def test_of_trusted_peers_only():
    """With trusted_proxies set, the header of anybody else is not believed."""
    with EchoOrigin() as origin, Marquee(origin, listeners=[Listener("127.0.0.1:0", "https"), Listener(V1, "http", "v1")],
                                         trusted_proxies=["127.0.0.7/32"]) as proxy:
        with proxy.plain(listener=V1, source="127.0.0.7") as client:
            client.send(v1() + request())
            assert sent(client.response())["x-real-ip"] == "192.0.2.7"
        before = origin.mark()
        with proxy.plain(listener=V1, source="127.0.0.9") as client:
            client.send(v1() + request())
            client.bytes_until_end(8)
        assert all(r.field("x-real-ip") != "192.0.2.7" for r in origin.requests[before:])
