"""The main job: each hostname by its own certificate to its upstream, with its
tenant's fields, and back."""
import re

import pytest

HOSTS = ["bakery.test", "cakes.test", "clinic.test"]


@pytest.mark.parametrize("host", HOSTS)
def test_https_with_own_certificate(proxy, origin, host):
    with proxy.tls(host) as client:
        answer = client.get("/hello?x=1", host)
        names = client.certificate_names
    assert answer.status == 200
    assert answer.json()["target"] == "/hello?x=1"
    assert set(names) == {host, f"www.{host}"}


def test_wildcard_certificate(proxy, origin):
    with proxy.tls("one.wild.test") as client:
        assert client.get("/", "one.wild.test").status == 200
        assert "*.wild.test" in client.certificate_names or "one.wild.test" in client.certificate_names
        assert not any("bakery" in n for n in client.certificate_names)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
def test_tenant_fields_reach_the_upstream(proxy, origin, tenants, host, scheme):
    with (proxy.tls(host) if scheme == "https" else proxy.plain()) as client:
        answer = client.get("/", host)
    sent = answer.json()["fields"]
    names = [n.lower() for n, _ in sent]
    values = {n.lower(): v for n, v in sent}
    for name, value in tenants[host].tenant_fields().items():
        assert names.count(name) == 1 and values[name] == value, name
    assert re.fullmatch(r"[0-9]{13}", values["x-request-start"])  # epoch ms
    assert values["host"] == host


def test_pair_is_the_same_tenant(proxy, origin, tenants):
    with proxy.tls("www.bakery.test") as client:
        sent = {n.lower(): v for n, v in client.get("/", "www.bakery.test").json()["fields"]}
    assert sent["x-site-id"] == tenants["bakery.test"].site


def test_upstream_fields_and_body_come_back(proxy, origin):
    from harness import reply
    raw = (b"HTTP/1.1 201 Made\r\nX-Odd: a  b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: \"x\"\r\n"
           b"Content-Length: 3\r\n\r\n\x00\xff\n")
    with origin.answering(reply(raw, split=1)), proxy.plain() as client:
        answer = client.get("/")
    assert (answer.status, answer.reason, answer.body) == (201, "Made", b"\x00\xff\n")
    assert answer.all("set-cookie") == ["a=1", "b=2"]
    assert answer.field("x-odd") == "a  b" and answer.field("etag") == '"x"'


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X-ODD"])
def test_methods_pass(proxy, origin, method):
    with proxy.plain() as client:
        assert client.get("/m", method=method).json()["method"] == method


@pytest.mark.parametrize("split", [1, 2, 3, 17])
def test_head_in_pieces(proxy, origin, split):
    from harness.client import request
    with proxy.plain() as client:
        client.send(request("POST", "/pieces", fields=[("X-A", "b" * 50)], body=b"hello"), split=split)
        seen = client.response().json()
    assert seen["target"] == "/pieces" and seen["body_length"] == 5


def test_curl_agrees(proxy, origin):
    """A client that is not ours, verifying the certificate."""
    import json
    import subprocess
    host, port = proxy.address(protocol="https")
    out = subprocess.run(["curl", "-sS", "--fail", "--cacert", proxy.ca_file, "--resolve", f"bakery.test:{port}:{host}",
                          f"https://bakery.test:{port}/by-curl", "--data-binary", "abc"],
                         capture_output=True, timeout=20)
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout)["target"] == "/by-curl" and json.loads(out.stdout)["body_length"] == 3


def test_disabled_domain_is_not_served():
    from harness import Domain, EchoOrigin, Marquee
    with EchoOrigin() as origin, Marquee(origin, domains=[Domain("on.test"), Domain("off.test", enabled=False)]) as proxy:
        with proxy.plain() as client:
            answer = client.get("/", "off.test")
            assert answer.status in (403, 404, 410, 421, 503)
        with proxy.plain() as client:
            assert client.get("/", "on.test").status == 200
        assert [r.field("host") for r in origin.requests] == ["on.test"]


def test_host_classes():
    """App hosts, client sites by label, and the path template of each."""
    from harness import Domain, EchoOrigin, Marquee, Upstream
    with EchoOrigin() as app, EchoOrigin() as sites, EchoOrigin() as modules, Marquee(
            upstreams=[Upstream("app", [app.endpoint]), Upstream("sites", [sites.endpoint]),
                       Upstream("modules", [modules.endpoint])],
            domains=[Domain("shop.test", upstream="modules")],
            host_classes={"app": {"hosts": ["app.test"], "upstream": "app"},
                          "sites": {"base": "sites.test", "upstream": "sites", "path": "/site/{label}{path}"},
                          "custom": {"path": "/module-render/{installation_id}{path}"}}) as proxy:
        installation = proxy.domains[0].installation
        for host, origin, target in [("app.test", app, "/a?b"), ("one.sites.test", sites, "/site/one/a?b"),
                                     ("shop.test", modules, f"/module-render/{installation}/a?b")]:
            with proxy.plain() as client:
                answer = client.get("/a?b", host, [("X-Site-Id", "FORGED")])
            if answer.status in (301, 308):  # the platform's own hosts speak https
                with proxy.tls(host) as client:
                    answer = client.get("/a?b", host, [("X-Site-Id", "FORGED")])
            assert answer.status == 200, host
            assert answer.json()["target"] == target
            assert [r.field("host") for r in origin.requests] == [host]
