"""A token of one agency, site or module is shown at another's, on the platform's own
host: where its user is a member of both, and where nobody asks for a membership."""
import subprocess

import pytest
from harness import directory
from harness.app_host import (AGENCY, API, MODULE, OTHER_AGENCY, OTHER_SITE, SITE, member, refused, route, said, serve,
                              token)
from harness.marquee import BINARY

OF_MODULE = directory.row_id("module", "other")
ROWS = member("flour") + member("other") + route("/secret", auth=True)


@pytest.fixture(scope="module", params=[True, False], ids=["membership", "tokens_alone"])
def node(request):
    with serve(ROWS, {"membership": request.param, "module_apis": True}) as it:
        it.membership = request.param
        yield it


@pytest.mark.parametrize("bound", [{"agency_id": AGENCY}, {"site_id": SITE}, {"agency_id": AGENCY, "site_id": SITE},
                                   {"agency_id": AGENCY, "site_id": SITE, "module_id": MODULE},
                                   {"module_id": OF_MODULE}, {"site_id": OTHER_SITE, "agency_id": AGENCY}])
def test_it_opens_no_other(node, bound):
    before = node.crm.mark()
    for fields in ([], [("X-Site-Id", OTHER_SITE)]):
        answer = node.ask(f"{API}/secret?site_id={OTHER_SITE}", bearer=token(**bound), fields=fields)
        refused(answer, 403, "SITE_ACCESS_DENIED")
    assert node.crm.mark() == before


@pytest.mark.parametrize("bound", [{"agency_id": OTHER_AGENCY}, {"site_id": OTHER_SITE}, {"module_id": MODULE},
                                   {"site_id": OTHER_SITE.upper()}])
def test_it_opens_its_own(node, bound):
    answer = node.ask(f"{API}/secret?site_id={OTHER_SITE}", bearer=token(**bound))
    assert answer.status == 200
    assert said(answer)["x-tenant-agency-id"] == OTHER_AGENCY


def test_other_paths_of_a_membership(node):
    if not node.membership:
        pytest.skip("nothing asks whose they are")
    for bound in ({"agency_id": AGENCY}, {"site_id": SITE}):
        refused(node.ask(f"/api/x?site_id={OTHER_SITE}", bearer=token(**bound)), 403, "SITE_ACCESS_DENIED")
        assert said(node.ask("/api/x", bearer=token(**bound)))["x-tenant-agency-id"] == AGENCY
    refused(node.ask("/api/x", bearer=token(agency_id=directory.row_id("agency", "third"))), 403, "NO_AGENCY")


def test_the_operator_is_warned_of_tokens_that_nothing_binds(node):
    said_by_check = subprocess.run([BINARY, "check", "-c", str(node.proxy.file)], capture_output=True, text=True, timeout=30)
    assert said_by_check.returncode == 0
    warned = [line for line in said_by_check.stderr.splitlines() if "warning: access.rules[0]" in line]
    assert len(warned) == (0 if node.membership else 1), said_by_check.stderr
    assert all("membership: true" in line for line in warned)
    assert ("membership: true" in node.proxy.stderr()) == (not node.membership)
