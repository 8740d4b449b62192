"""Absolute-form target against Host (RFC 9112 3.2.2): the target's authority
rules, Host is replaced, or the request is refused. Never may Host choose the
tenant while the target names another, nor the reverse at the origin."""
import pytest
from harness.attack import canary, head, refused


@pytest.mark.parametrize("host", ["clinic.test", "unknown.test"])
def test_mismatch(proxy, origin, tenants, host):
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"GET http://bakery.test{target} HTTP/1.1", host=host))
        answer = client.response()
    if answer.status == 200:
        seen = answer.json()
        sent = {n.lower(): v for n, v in seen["fields"]}
        assert sent["host"] == "bakery.test" and sent["x-site-id"] == tenants["bakery.test"].site
        assert seen["target"] == target
    else:
        assert answer.status == 400


@pytest.mark.parametrize("target", [
    "http://user@bakery.test/", "http://u:p@bakery.test/", "http:///x", "http://", "http:/bakery.test/",
    "ftp://bakery.test/", "file:///etc/passwd", "http://bakery.test#x", "http://bakery.test/#x",
    "http://bakery.test:99999/", "http://bak ery.test/", "http://bakery.test\\@clinic.test/",
    "javascript:x", "unix:/run/x:/",
])
def test_bad_absolute_target_refused(proxy, origin, target):
    refused(proxy, origin, head(f"GET {target} HTTP/1.1"), {400})


def test_absolute_form_needs_host(proxy, origin):
    """RFC 9112 3.2: a 1.1 request without Host is refused, whatever its target."""
    refused(proxy, origin, head("GET http://bakery.test/ HTTP/1.1", host=None), {400})


def test_two_hosts_under_absolute_form(proxy, origin):
    refused(proxy, origin, head("GET http://bakery.test/ HTTP/1.1", "Host: clinic.test"), {400})
