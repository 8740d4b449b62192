"""An id in other letters: one row for PostgreSQL, and another key for whatever counts,
chooses or forgets by it. It would reach another pool, start a new count with every
spelling, and outlive a revocation."""
import itertools

import pytest
from harness import eventually
from harness.app_host import MODULE, OTHER_SITE, SITE, route, said, serve
from harness.postgres import binaries

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")


@pytest.fixture(scope="module")
def node():
    with serve(route("/open") + route("/counted", per_minute=3), {"module_apis": True}, kind="postgres") as it:
        eventually(lambda: it.ask(f"/api/modules/{MODULE}/api/open?site_id={SITE}").status == 200, 10, "the route")
        yield it


def spellings(text):
    """Some of the many, the lower one first."""
    yield text
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    for chosen in itertools.islice(itertools.chain.from_iterable(
            itertools.combinations(letters, n) for n in (1, len(letters))), 9):
        yield "".join(c.upper() if i in chosen else c for i, c in enumerate(text))
    yield text.upper()


def test_the_same_pool_and_the_same_ids(node):
    for module, site in zip(spellings(MODULE), spellings(SITE)):
        crm, main = node.crm.mark(), node.main.mark()
        answer = node.ask(f"/api/modules/{module}/api/open?site_id={site}")
        assert answer.status == 200 and node.crm.mark() != crm and node.main.mark() == main
        assert (said(answer)["x-module-id"], said(answer)["x-site-id"]) == (MODULE, SITE)


def test_the_same_count(node):
    # A route's own limit per minute is one for each site and caller.
    statuses = [node.ask(f"/api/modules/{module}/api/counted?site_id={site}").status
                for module, site in zip(spellings(MODULE), spellings(SITE))]
    assert statuses.count(200) == 3 and statuses[3:] == [429] * (len(statuses) - 3), statuses
    assert node.ask(f"/api/modules/{MODULE}/api/counted?site_id={OTHER_SITE}").status == 200


def test_what_is_switched_off_is_off_in_every_case(node):
    node.run(route("/late"))
    targets = [f"/api/modules/{m}/api/late?site_id={s}" for m, s in
               ((MODULE, SITE), (MODULE.upper(), SITE), (MODULE, SITE.upper()))]
    eventually(lambda: [node.ask(t).status for t in targets] == [200] * 3, 5, "the new route")
    node.run("UPDATE module_api_routes SET is_active = false WHERE path = '/late';")
    eventually(lambda: [node.ask(t).status for t in targets] == [404] * 3, 5, "the route gone")


def test_two_cases_of_one_site_are_one(node):
    answer = node.ask(f"/api/modules/{MODULE}/api/open?site_id={SITE}", fields=[("X-Site-Id", SITE.upper())])
    assert answer.status == 200
