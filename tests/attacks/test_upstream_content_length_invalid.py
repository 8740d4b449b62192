"""An upstream's Content-Length that is repeated or no number (RFC 9112 6.3
rule 5): 502, nothing of it relayed. nginx relays."""
import pytest
from harness.attack import bad_gateway

LINES = {
    "unequal": ["2", "6"], "equal": ["6", "6"], "list_equal": ["6, 6"], "list_unequal": ["2, 6"], "negative": ["-6"],
    "plus": ["+6"], "hex": ["0x6"], "empty": [""], "letters": ["six"], "float": ["6.0"], "overflow": ["18446744073709551622"],
    "inner_space": ["6 6"], "trailing_comma": ["6,"],
}


@pytest.mark.parametrize("split", [0, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("values", LINES.values(), ids=LINES.keys())
def test_bad_gateway(proxy, origin, values, split):
    lines = "".join(f"Content-Length: {v}\r\n" for v in values)
    bad_gateway(proxy, origin, f"HTTP/1.1 200 OK\r\n{lines}\r\npoison".encode(), split=split)


def test_on_head_answer(proxy, origin):
    bad_gateway(proxy, origin, b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", method="HEAD")
