"""Version texts (RFC 9112 2.3, RFC 9110 6.2): another major version is 505, a
malformed one 400 or 505; 1.x is served as 1.1 or refused, never passed on."""
import pytest
from harness.attack import SMUGGLED, canary, head, refused


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/9.9"])
def test_other_major(proxy, origin, version):
    refused(proxy, origin, head(f"GET / {version}") + SMUGGLED, {505})


@pytest.mark.parametrize("version", ["http/1.1", "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/01.1", "HTTP/1.01", "HTTP/1.10",
                                     "HTTP/11.1", "HTTP/1.1.1", "HTTP/ 1.1", "HTTP 1.1", "HTP/1.1", "HTTPS/1.1",
                                     "HTTP/1,1", "HTTP/-1.1", "HTTP/1.x", "ICAP/1.0", "HTTP/2", "HTTP/1.1;x"])
def test_malformed(proxy, origin, version):
    refused(proxy, origin, head(f"GET / {version}") + SMUGGLED, {400, 505})


@pytest.mark.parametrize("version", ["HTTP/1.2", "HTTP/1.9"])
def test_higher_minor(proxy, origin, version):
    target = canary()
    with proxy.plain() as client:
        client.send(head(f"GET {target} {version}"))
        answer = client.response()
        if answer.status == 200:
            assert answer.json()["version"] == "1.1"
        else:
            assert answer.status in (400, 505)
            client.assert_closed()
