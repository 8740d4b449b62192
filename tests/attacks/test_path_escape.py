"""Dot segments against a path template (design 2, platform contract 2.2): a
tenant's path may not climb out of its own installation's prefix."""
import posixpath
import urllib.parse

import pytest
from harness import Domain, EchoOrigin, Marquee

SHOP = Domain("shop.test", path="/module-render/{installation_id}{path}")
PREFIX = f"/module-render/{SHOP.installation}"


@pytest.fixture(scope="module")
def templated():
    with EchoOrigin() as origin, Marquee(origin, domains=[SHOP]) as proxy:
        yield proxy


@pytest.mark.parametrize("target", [
    "/../x", "/..", "/a/../../x", "/%2e%2e/x", "/%2E./x", "/.%2e/x", "/..%2fx", "/..%2f..%2fx",
    "/%2e%2e%2fx", "/..%5cx", "/..\\x", "/a/..;/..;/x", "/./../x", "//../../x", "/a%2f..%2f..%2f..%2fx",
])
def test_stays_below_its_prefix(templated, target):
    with templated.plain() as client:
        answer = client.get(target, "shop.test")
    if answer.status == 400:
        return
    assert answer.status == 200
    sent = answer.json()["target"]
    assert sent.startswith(PREFIX + "/")
    # As the most generous origin would read it: decoded, backslash as slash, ;params dropped.
    path = urllib.parse.unquote(sent.partition("?")[0]).replace("\\", "/").replace(";", "")
    assert (posixpath.normpath(path) + "/").startswith(PREFIX + "/"), sent


def test_template_keeps_path_and_query(templated):
    """The control: an innocent path keeps every byte, escapes too."""
    with templated.plain() as client:
        answer = client.get("/a%20b/c..d/.well?q=/../x&y=%2e", "shop.test")
    assert answer.json()["target"] == PREFIX + "/a%20b/c..d/.well?q=/../x&y=%2e"
