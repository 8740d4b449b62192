"""More than a consumer's scope and addresses allow: methods that are not those it reads
as, and an address that the client claims."""
import pytest
from harness.consumers import refused, within_a_second
from harness.consumers import fresh, node  # noqa: F401 - fixtures


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PURGE", "post", "Delete", "PROPFIND", "HEADX", "M-SEARCH"])
def test_methods_beyond_the_scope(node, method):
    before = node.origin.mark()
    assert node.status(method=method) in (400, 403, 405, 501)
    assert node.status("/api/other", method=method) in (400, 403, 405, 501)
    assert node.origin.mark() == before


@pytest.mark.parametrize("scope", ["READ", "writes", "write ", "read,write", "read:write", "adm", ":*", "none"])
def test_words_that_are_no_scope(node, scope):
    """What a careless operator or an injected row holds grants nothing by likeness."""
    node.change("scopes = " + node.list(scope))
    within_a_second(lambda: node.status() == 403)
    refused(node.ask(method="POST"), 403, "SCOPE_REQUIRED")


@pytest.mark.parametrize("field", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "True-Client-Ip", "X_Forwarded_For"])
def test_a_claimed_address(node, field):
    node.change("allowed_ips = " + node.list("10.0.0.0/8", "127.0.0.2"))
    within_a_second(lambda: node.status() == 403)
    before = node.origin.mark()
    claimed = "for=127.0.0.2" if field == "Forwarded" else "127.0.0.2"
    refused(node.ask(fields=[(field, claimed)]), 403, "ADDRESS_DENIED")
    assert node.origin.mark() == before
