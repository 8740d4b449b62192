"""Keys of a module's API that somebody guesses: near ones, cut ones, of the other kind's
form, and the right one shown so that two readers see two."""
import pytest
from harness.consumers import API, DMC, KEY
from harness.consumers import fresh, node  # noqa: F401 - fixtures


@pytest.mark.parametrize("key", [KEY[:-1] + "5", KEY + "5", KEY[:-1], KEY.swapcase(), "dk_", "dk_" + "A" * 300, "dk_%", KEY[:11] + "%",
                                 "DK_" + KEY[3:], KEY + ".x.y", "dmc_live_" + KEY[3:], KEY[3:]])
def test_near_ones(node, key):
    before = node.origin.mark()
    for bearer in (True, False):
        assert node.status(key=key, bearer=bearer) == 401
    assert node.origin.mark() == before
    assert node.status() == 200


@pytest.mark.parametrize("fields", [[("Authorization", f"Bearer {KEY}")], [("X-Api-Key", DMC), ("X-Api-Key", KEY)],
                                    [("Authorization", "Bearer dk_x")]])
def test_two_are_none(node, fields):
    before = node.origin.mark()
    assert node.status(fields=fields) == 401
    assert node.origin.mark() == before


@pytest.mark.parametrize("target", [f"{API}/x?api_key={KEY}", f"{API}/x?access_token={KEY}", f"{API}/x?key={KEY}"])
def test_a_key_in_the_address_is_none(node, target):
    assert node.status(target, key=None) == 401
