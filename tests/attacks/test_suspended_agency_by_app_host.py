"""An agency that was suspended, a site that is not published, a module that was switched
off: their own hosts are refused, so they go on by the platform's host."""
import pytest
from harness import directory, eventually
from harness.app_host import AGENCY, API, MODULE, OTHER_SITE, SITE, refused, route, serve
from harness.postgres import binaries

KEY = "dmc_live_" + "0" * 64
KEY_HASH = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2"
ROWS = (route("/open") + "INSERT INTO module_api_keys (module_id, site_id, agency_id, key_prefix, key_hash) VALUES "
        f"('{MODULE}', '{SITE}', '{AGENCY}', 'dmc_live_000', '{KEY_HASH}');")
STATES = [
    (f"UPDATE agencies SET status = 'suspended' WHERE id = '{AGENCY}';",
     f"UPDATE agencies SET status = 'active' WHERE id = '{AGENCY}';", 503, "AGENCY_SUSPENDED"),
    (f"UPDATE agencies SET status = 'CANCELLED' WHERE id = '{AGENCY}';",
     f"UPDATE agencies SET status = 'active' WHERE id = '{AGENCY}';", 503, "AGENCY_SUSPENDED"),
    (f"UPDATE sites SET published = false WHERE id = '{SITE}';",
     f"UPDATE sites SET published = true WHERE id = '{SITE}';", 404, "SITE_NOT_FOUND"),
    (f"UPDATE site_module_installations SET is_enabled = false WHERE id = '{directory.row_id('installation', 'flour')}';",
     f"UPDATE site_module_installations SET is_enabled = true WHERE id = '{directory.row_id('installation', 'flour')}';",
     404, "MODULE_NOT_FOUND"),
]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def node(request):
    if request.param == "postgres" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    rules = [{"paths": ["/api"], "accept": ["api_key"], "optional": True}]
    with serve(ROWS, {"module_apis": True}, rules, request.param) as it:
        yield it


@pytest.mark.parametrize("off,on,status,code", STATES,
                         ids=["suspended", "cancelled", "unpublished", "disabled"])
def test_its_modules_are_off_on_every_host(node, off, on, status, code):
    def ask(site=SITE, key=None):
        return node.ask(f"{API}/open?site_id={site}", bearer=key)
    eventually(lambda: ask().status == 200 and ask(key=KEY).status == 200, 5, "the module on")
    node.run(off)
    eventually(lambda: ask().status == status and ask(key=KEY).status == status, 3, "the module off")
    before = node.crm.mark()
    refused(ask(), status, code)
    refused(ask(key=KEY), status, code)
    assert node.crm.mark() == before
    assert ask(OTHER_SITE).status == 200, "another agency's goes on"
    node.run(on)
    eventually(lambda: ask().status == 200, 3, "the module on again")
