"""`Proxy:` becomes HTTP_PROXY in CGI-like upstreams (CVE-2016-5385 and kin)."""
import pytest
from harness.attack import canary


@pytest.mark.parametrize("name", ["Proxy", "proxy", "PROXY"])
def test_stripped(proxy, origin, name):
    with proxy.plain() as client:
        answer = client.get(canary(), fields=[(name, "http://evil.test:3128"), ("X-Kept", "1")])
    names = [n.lower() for n, _ in answer.json()["fields"]]
    assert answer.status == 200 and "proxy" not in names and "x-kept" in names
