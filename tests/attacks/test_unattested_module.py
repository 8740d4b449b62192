"""Plain fields that nobody signed: who can reach a module's port writes them for a tenant
of his choice, and a module that checks the token as it is told to has to find in it
whatever they say."""
import pytest
from harness import context, directory
from harness.app_host import (AGENCY, ANN, API, HOST, MODULE, OTHER_AGENCY, OTHER_SITE, SITE, member, route, said, serve,
                              token)

ROWS = member("flour") + member("other") + route("/open") + route("/mine", auth=True)
INSTALLED = {SITE: directory.row_id("installation", "flour"), OTHER_SITE: directory.row_id("installation", "other-flour")}
AGENCIES = {SITE: AGENCY, OTHER_SITE: OTHER_AGENCY}


@pytest.fixture(scope="module", params=[True, False], ids=["membership", "tokens_alone"])
def node(request):
    public = {"public_paths": [f"{API}/open"]} if request.param else {}
    with serve(ROWS, {"membership": request.param, "module_apis": True, **public}) as it:
        yield it


@pytest.mark.parametrize("path,user", [("/open", None), ("/mine", ANN)])
def test_the_token_says_what_the_fields_say(node, path, user):
    keys = context.key_set(node.proxy, host=HOST)
    for site in (SITE, OTHER_SITE, SITE, OTHER_SITE):
        answer = node.ask(f"{API}{path}?site_id={site}", bearer=token() if user else None)
        proof = context.verified(context.token_of(answer), keys, MODULE)
        fields = said(answer)
        assert (proof["sub"], proof["site"], proof["agency"]) == (INSTALLED[site], site, AGENCIES[site])
        assert proof.get("user") == user and proof["host"] == HOST
        for name, claim in (("x-module-id", "aud"), ("x-site-module-installation-id", "sub"), ("x-site-id", "site"),
                            ("x-tenant-site-id", "site"), ("x-tenant-agency-id", "agency"), ("x-tenant-user-id", "user")):
            assert fields.get(name) == proof.get(claim), name
        names = [n.lower() for n, _ in answer.json()["fields"]]
        assert len(names) == len(set(names)), names


def test_on_a_tenant_s_own_hosts(node):
    keys = context.key_set(node.proxy, host=HOST)
    for host in ("shop.test", "site.test"):
        answer = node.ask(f"{API}/open", host)
        assert answer.status == 200, answer.body
        proof = context.verified(context.token_of(answer), keys, MODULE)
        assert (proof["sub"], proof["site"], proof["agency"]) == (INSTALLED[SITE], SITE, AGENCY)
        assert said(answer)["x-site-module-installation-id"] == proof["sub"]


def test_nobody_s_request_has_none(node):
    assert context.token_of(node.ask("/page")) is None
