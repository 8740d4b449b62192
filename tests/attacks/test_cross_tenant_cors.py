"""A page of a tenant's verified origin reads another tenant's data with the visitor's
cookie: it names its own site where the origin is judged, and its victim's where the
module is served."""
import pytest
from harness import directory
from harness.app_host import (ANN, API, HOST, MODULE, OTHER_SITE, SITE, member, refused, route, said, serve, token)

EVIL = ("Origin", "https://evil.example")
CONTACTS = API + "/contacts"
ROWS = (member("flour") + route("/contacts", auth=True) + route("/open")
        + "INSERT INTO module_allowed_domains (id, site_id, module_id, domain, verified, allow_api, allow_embed) VALUES"
        f" ('{directory.row_id('origin', 'evil')}', '{OTHER_SITE}', '{MODULE}', 'evil.example', true, true, true);")


@pytest.fixture(scope="module", params=[True, False], ids=["membership", "tokens_alone"])
def node(request):
    with serve(ROWS, {"membership": request.param, "cors": True, "module_apis": True}) as it:
        yield it


def cookies(*more):
    return ("Cookie", "; ".join([f"access_token={token(sub=ANN)}", *more]))


def nothing_read(answer):
    assert answer.field("access-control-allow-origin") is None
    assert answer.field("access-control-allow-credentials") is None


@pytest.mark.parametrize("name", ["X-Site-Id", "x-site-id", "X_Site_Id", "x-site_id"])
@pytest.mark.parametrize("judged,served", [(OTHER_SITE, SITE), (SITE, OTHER_SITE)])
def test_the_query_and_the_field_name_two_sites(node, name, judged, served):
    for path in (CONTACTS, API + "/open"):
        before = node.crm.mark()
        answer = node.ask(f"{path}?site_id={judged}", fields=[EVIL, cookies(), (name, served)])
        refused(answer, 400, "SITE_AMBIGUOUS")
        nothing_read(answer)
        assert node.crm.mark() == before
    # Also without a foreign page, and whoever asks.
    refused(node.ask(f"{CONTACTS}?site_id={judged}", fields=[cookies(), (name, served)]), 400, "SITE_AMBIGUOUS")


@pytest.mark.parametrize("chosen,cookie", [
    ([("X-Site-Id", SITE)], []), ([("X_Site_Id", SITE)], []), ([], [f"current_site_id={SITE}"]),
    ([("X-Site-Id", SITE)], [f"current_site_id={OTHER_SITE}"])])
def test_the_origin_is_judged_for_the_site_that_is_served(node, chosen, cookie):
    """No query at all: what chooses the site is what the origin is judged for."""
    for path in (CONTACTS, API + "/open"):
        before = node.crm.mark()
        answer = node.ask(path, fields=[EVIL, cookies(*cookie), *chosen])
        refused(answer, 403, "ORIGIN_DENIED")
        nothing_read(answer)
        assert node.crm.mark() == before


def test_its_own_site_is_the_origin_s(node):
    """And that is all that it opens: the victim is no member there."""
    answer = node.ask(f"{API}/open?site_id={OTHER_SITE}", fields=[EVIL, ("X-Site-Id", OTHER_SITE)])
    if answer.status == 200:
        assert said(answer)["x-site-id"] == OTHER_SITE
        assert answer.field("access-control-allow-origin") == "https://evil.example"
    else:  # nobody is a member
        refused(answer, 401, "AUTH_REQUIRED")
    preflight = node.ask(f"{CONTACTS}?site_id={SITE}", method="OPTIONS",
                         fields=[EVIL, ("Access-Control-Request-Method", "GET"),
                                 ("Access-Control-Request-Headers", "x-site-id")])
    refused(preflight, 403, "ORIGIN_DENIED")


@pytest.mark.parametrize("count", [9, 40])
def test_a_site_behind_more_than_are_read(node, count):
    """The last of many is another: a server that takes the last one would serve it."""
    query = "&".join([f"site_id={OTHER_SITE}"] * (count - 1) + [f"site_id={SITE}"])
    answer = node.ask(f"{CONTACTS}?{query}", fields=[EVIL, cookies()])
    refused(answer, 400, "SITE_AMBIGUOUS")
    nothing_read(answer)
    assert node.ask(f"{CONTACTS}?{query}", HOST, fields=[cookies()]).status == 400
