"""Clients of a module's API mode (`dk_` keys), on SQLite and on PostgreSQL: what their
rows allow, on app hosts and on the module's own domains."""
import pytest
from harness import context
from harness.consumers import API, DMC, KEY, refused, within_a_second
from harness.consumers import fresh, node  # noqa: F401 - fixtures


def test_where_a_key_may_be_shown(node):
    answer = node.ask(f"{API}/named")
    assert "x-tenant-user-id" not in {n.lower() for n, _ in answer.json()["fields"]}
    assert node.status(bearer=False) == 200
    assert node.status(key=None) == 401
    assert node.status(key=DMC, bearer=False) == 200  # the other kind
    record = node.proxy.access.wait(lambda r: r["target"] == f"{API}/named")[-1]
    assert record["consumer_id"] and "api_key_id" not in record
    _, told = context.parts(context.token_of(answer))
    assert told["consumer"] == record["consumer_id"] and not {"api_key", "user"} & set(told)
    _, told = context.parts(context.token_of(node.ask(f"{API}/named", key=DMC, bearer=False)))
    assert told["api_key"] and "consumer" not in told


def test_methods_ask_for_scopes(node):
    assert node.status(method="HEAD") == 200
    refused(node.ask(method="POST"), 403, "SCOPE_REQUIRED")
    refused(node.ask("/api/other", method="POST"), 403, "INSUFFICIENT_SCOPE")
    node.change("scopes = " + node.list("write"))
    within_a_second(lambda: node.status(method="POST") == 200)
    assert node.status() == 403 and node.status(method="DELETE") == 403
    node.change("scopes = " + node.list("admin"))
    within_a_second(lambda: node.status(method="DELETE") == 200)
    assert node.status("/api/other", method="DELETE") == 200


def test_endpoints(node):
    node.change("allowed_endpoints = " + node.list("GET /product/{id}"))
    within_a_second(lambda: node.status(f"{API}/secret") == 403)
    assert node.status() == 200
    assert node.status(f"{API}/product/a%20b?x=/secret") == 200
    refused(node.ask(method="POST"), 403, "ENDPOINT_DENIED")


@pytest.mark.parametrize("what,status", [("is_active = false", 401), ("is_active = NULL", 401),
                                         (f"api_key = '{KEY}2'", 401), ("allowed_endpoints = {none}", 403)])
def test_a_change_ends_what_is_remembered(node, what, status):
    node.change(what.replace("{none}", node.list()))
    within_a_second(lambda: node.status() == status)


def test_addresses(node):
    node.change("allowed_ips = " + node.list("127.0.0.0/8"))
    assert node.status() == 200
    node.change("allowed_ips = " + node.list("10.0.0.0/8", "127.0.0.2"))
    within_a_second(lambda: node.status() == 403)
    refused(node.ask(), 403, "ADDRESS_DENIED")


def test_the_nodes_role_reads_no_key(node):
    if not node.postgres:
        pytest.skip("SQLite has no roles")
    with pytest.raises(AssertionError, match="permission denied"):
        node.run("SET ROLE marquee_edge; SELECT api_key FROM module_api_consumers;")
