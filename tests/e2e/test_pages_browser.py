"""Marquee's own pages as a browser draws them: in both colour schemes, readable, and
under their own policy."""
import shutil
import tempfile

import pytest
from harness import Domain, EchoOrigin, Marquee
from harness.chromium import key_pin, visit
from test_branding_browser import page_url, pixels

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")

BRANDS = {"dark.test": "#8b1e3f", "bright.test": "#f4c95d", "plain.test": ""}
INK = {"light": (0x1c, 0x1e, 0x21), "dark": (0xec, 0xee, 0xf1)}
PAPER = {"light": (255, 255, 255), "dark": (0x15, 0x17, 0x1a)}


def luminance(colour):
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def of_hex(text):
    return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))


@pytest.fixture(scope="module")
def proxy():
    with EchoOrigin() as origin, Marquee(origin, domains=[
            Domain(host, maintenance=True, brand={"name": "Rose Bakery", "primary": colour} if colour else {})
            for host, colour in BRANDS.items()]) as it:
        yield it


def drawn(proxy, host, scheme, language="en"):
    with tempfile.TemporaryDirectory() as folder:
        dom, _ = visit(page_url(proxy, host), [key_pin(proxy.address(protocol="https"), host)],
                       picture=f"{folder}/page.png", scheme=scheme, language=language)
        return dom, pixels(f"{folder}/page.png")


@pytest.mark.heavy
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("host", BRANDS)
def test_the_page_of_maintenance(proxy, host, scheme):
    dom, (width, height, rows) = drawn(proxy, host, scheme)
    assert "<h1>We are working on this site</h1>" in dom and ("Rose Bakery" in dom) == (host != "plain.test")
    paper, ink = PAPER[scheme], INK[scheme]
    assert rows[height - 3][3] == paper and rows[height - 3][width - 3] == paper, "its styles apply under its own policy"
    assert sum(row.count(ink) for row in rows) > 50 and contrast(ink, paper) >= 4.5
    ground = of_hex(BRANDS[host]) if BRANDS[host] else {"light": (0x3b, 0x47, 0x54), "dark": (0xc3, 0xcc, 0xd6)}[scheme]
    assert rows[2][width // 2] == ground, "the bar at the top"
    # The button: of what is drawn on its ground, the colour that stands out most is its text's.
    lines = [y for y, row in enumerate(rows[20:], 20) if row.count(ground) > 40]
    assert lines, "no button"
    middle = rows[lines[0]:lines[-1] + 1]
    left = min(row.index(ground) for row in middle if ground in row)
    right = max(width - row[::-1].index(ground) for row in middle if ground in row)
    inside = {colour for row in middle[4:-4] for colour in row[left + 4:right - 4]}
    text = max(inside, key=lambda colour: contrast(colour, ground))
    assert contrast(text, ground) >= 4.5, (text, ground)


@pytest.mark.heavy
def test_a_language_from_right_to_left_stands_at_the_right(proxy):
    sides = {}
    for language in ("en", "ar"):
        dom, (_, _, rows) = drawn(proxy, "plain.test", "light", language)
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in dom
        ink = [x for row in rows[20:] for x, colour in enumerate(row) if colour == INK["light"]]
        sides[language] = sum(ink) / len(ink)
    assert sides["en"] < 400 < sides["ar"], sides
