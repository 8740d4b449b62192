"""Another spelling of a path than the one that a consumer's row allows."""
import pytest
from harness.consumers import API, MODULE, refused, within_a_second
from harness.consumers import fresh, node  # noqa: F401 - fixtures


@pytest.mark.parametrize("target", [
    f"{API}/product/5/", f"{API}//product/5", f"{API}/./product/5", f"{API}/PRODUCT/5", f"{API}/product%2f5",
    f"{API}/product/5;x", f"{API}/product/5%2fsecret", f"{API}/product/%252e%252e", f"{API}/secret",
    f"{API}/product/../secret", f"{API}/product", f"{API}/product/5/secret", f"{API}\\product\\5",
    "/api/product/5", f"/api/modules/{MODULE}/API/product/5", f"/api/modules/{MODULE}/product/5"])
def test_an_endpoint_spelled_differently(node, target):
    node.change("allowed_endpoints = " + node.list("GET /product/{id}"))
    within_a_second(lambda: node.status(f"{API}/secret") == 403)
    before = node.origin.mark()
    assert node.status() == 200
    assert node.status(f"{API}/product/a%20b?x=/secret") == 200
    after = node.origin.mark()
    assert after != before
    assert node.status(target) in (400, 403, 404)
    refused(node.ask(method="POST"), 403, "ENDPOINT_DENIED")
    assert node.origin.mark() == after
