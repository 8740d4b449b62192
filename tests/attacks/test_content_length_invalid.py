"""Content-Length that is repeated, a list, or no plain run of digits (RFC 9110
8.6, RFC 9112 6.3): refused, also where RFC would let equal copies be merged."""
import pytest
from harness.attack import SMUGGLED, canary, head, refused

LINES = {
    "unequal": ["Content-Length: 5", "Content-Length: 6"],
    "equal": ["Content-Length: 5", "Content-Length: 5"],
    "zero_then_five": ["Content-Length: 0", "Content-Length: 5"],
    "list_equal": ["Content-Length: 5, 5"],
    "list_unequal": ["Content-Length: 5, 6"],
    "list_empty_member": ["Content-Length: 5,"],
    "negative": ["Content-Length: -5"],
    "negative_zero": ["Content-Length: -0"],
    "plus": ["Content-Length: +5"],
    "hex": ["Content-Length: 0x5"],
    "hex_digits": ["Content-Length: a"],
    "float": ["Content-Length: 5.0"],
    "exponent": ["Content-Length: 5e0"],
    "empty": ["Content-Length:"],
    "spaces_inside": ["Content-Length: 5 0"],
    "underscore_digits": ["Content-Length: 5_0"],
    "overflow_64": ["Content-Length: 18446744073709551621"],  # 5 modulo 2^64
    "overflow_63": ["Content-Length: 9223372036854775813"],
    "overflow_32_wrapped": ["Content-Length: 99999999999999999999999999"],
    "quoted": ['Content-Length: "5"'],
    "full_width": ["Content-Length: \xef\xbc\x95"],
    "trailing_letter": ["Content-Length: 5x"],
    "vertical_tab": [b"Content-Length: \x0b5"],
    "space_before_colon": ["Content-Length : 5"],
    "second_in_other_case": ["Content-Length: 5", "CONTENT-LENGTH: 0"],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES.keys())
def test_refused(proxy, origin, lines):
    # 413 is right for a length no body may have.
    statuses = {400, 413} if "overflow" in str(lines) or len(lines[0]) > 30 else {400}
    refused(proxy, origin, head("POST / HTTP/1.1", *lines, body=b"hello" + SMUGGLED), statuses)


@pytest.mark.parametrize("lines", [["Content-Length: -1"], ["Content-Length: 0", "Content-Length: 44"]],
                         ids=["negative", "unequal"])
def test_refused_on_get(proxy, origin, lines):
    refused(proxy, origin, head("GET / HTTP/1.1", *lines, body=SMUGGLED), {400})


def test_body_of_get_is_not_a_request(proxy, origin):
    """CL.0: a GET's declared body belongs to it, whatever the origin thinks."""
    target = canary()
    before = origin.mark()
    with proxy.plain() as client:
        client.send(head(f"GET {target} HTTP/1.1", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED))
        answer = client.response()
        if answer.status == 200:
            assert answer.json()["body_length"] == len(SMUGGLED)
        else:
            assert answer.status == 400
    assert all(r.target != "/smuggled" for r in origin.requests[before:])
