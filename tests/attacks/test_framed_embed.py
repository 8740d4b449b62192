"""A page of a module is framed by whoever likes to, because the page that upstreams give
out for embedding says `frame-ancestors *` (platform contract D20)."""
import pytest
from harness import directory
from harness.app_host import API, HOST, MODULE, OTHER_SITE, SITE, serve

PAGE = (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nX-Frame-Options: DENY\r\n"
        b"Content-Security-Policy: default-src 'self'; frame-ancestors *\r\n\r\nok")
GOOD = "https://frames.example"
ROWS = ("INSERT INTO module_allowed_domains (id, site_id, module_id, domain, verified, allow_api, allow_embed) VALUES"
        f" ('{directory.row_id('origin', 'frames')}', '{SITE}', '{MODULE}', 'frames.example', true, false, true);")


@pytest.fixture(scope="module")
def node():
    with serve(ROWS, {"frame_ancestors": True, "module_apis": True}) as it:
        with it.main.answering(lambda c: c.send(PAGE)), it.crm.answering(lambda c: c.send(PAGE)):
            yield it


def framed(answer):
    assert answer.status == 200, answer.body
    return [p for p in answer.all("content-security-policy") if "frame-ancestors" in p]


@pytest.mark.parametrize("host", [HOST, "site.test", "shop.test"])
@pytest.mark.parametrize("target", [f"/embed/{MODULE}/{SITE}", f"/embed/{MODULE}/{SITE}/x?y=1", f"//embed/{MODULE}//{SITE}",
                                    f"/EMBED/{MODULE.upper()}/{SITE}", f"/embed/{MODULE}%2f{SITE}"])
def test_an_embed_is_framed_by_verified_origins(node, host, target):
    answer = node.ask(target, host)
    assert framed(answer) == [f"frame-ancestors 'self' {GOOD}"]
    assert answer.all("x-frame-options") == []


@pytest.mark.parametrize("target", [f"/embed/{MODULE}/{OTHER_SITE}", f"/embed/{MODULE}/nobody", f"/embed/x/{SITE}",
                                    f"/x/..;/embed/{MODULE}/{SITE}", f"/embed/{MODULE}/{SITE}/..;/{OTHER_SITE}"])
def test_no_other_page_is(node, target):
    answer = node.ask(target)
    if ".." in target and answer.status == 400:
        return  # nobody's page at all
    assert framed(answer) == ["frame-ancestors 'self'"]
    assert answer.all("x-frame-options") == ["SAMEORIGIN"]


def test_pages_below_the_api_of_a_module_s_host(node):
    assert framed(node.ask("/api/page", "shop.test")) == [f"frame-ancestors 'self' {GOOD}"]
    assert framed(node.ask(f"{API}/page?site_id={SITE}")) == [f"frame-ancestors 'self' {GOOD}"]
    assert framed(node.ask(f"{API}/page?site_id={OTHER_SITE}")) == ["frame-ancestors 'self'"]


def test_other_pages_of_the_platform_keep_their_own(node):
    answer = node.ask("/dashboard")
    assert framed(answer) == ["default-src 'self'; frame-ancestors *"]
    assert answer.all("x-frame-options") == ["DENY"]
