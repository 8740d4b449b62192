"""Branded pages as a browser sees them."""
import json
import pathlib
import shutil
import struct
import tempfile
import threading
import zlib

import pytest
from harness import Domain, EchoOrigin, Marquee, chromium
from harness.chromium import HOLD, Site, key_pin, visit
from harness.demo import DemoOrigin
from test_branding import HOSTILE

pytestmark = pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")

ROSE = {"name": "Rose Bakery", "favicon_url": "/rose.svg", "logo_url": "/rose-logo.svg", "primary": "#8b1e3f",
        "secondary": "#f4c95d", "hide_powered_by": True, "css": "h1 { letter-spacing: 3px }"}
PARK = {"name": "Park Clinic", "favicon_url": "/park.svg", "logo_url": "/park-logo.svg", "primary": "#0f766e",
        "secondary": "#99f6e4", "hide_powered_by": True}
# Styles by nonce only: the policy must let the brand's sheet in and nothing else.
POLICY = "Content-Security-Policy: default-src 'self'; script-src 'nonce-s'; style-src 'nonce-c'\r\n"
PAGE = """<!doctype html><html lang=en><head><meta charset=utf-8><title>Bread</title><link rel="shortcut icon" href=/own.ico>
<style nonce=c>:root{--brand-primary:#123456} h1{color:var(--brand-primary)} p{color:var(--brand-secondary);
background:var(--brand-primary-foreground)}</style><style>body{display:none}</style></head><body><h1>Fresh</h1><p>text</p>
<div class="x dramac-branding"><p>ad</p></div><i data-dramac-branding=1>x</i>""" + HOLD + """<script nonce=s>
addEventListener('DOMContentLoaded', () => {
  const style = (what, name) => getComputedStyle(document.querySelector(what))[name];
  const one = (what, name) => document.querySelector(what)?.getAttribute(name) ?? null;
  fetch('/report', {method: 'POST', body: JSON.stringify({
    title: document.title, icons: [...document.querySelectorAll('link[rel~=icon]')].map(l => l.getAttribute('href')),
    logo: one('meta[name=brand-logo]', 'content'), colour: style('h1', 'color'), spacing: style('h1', 'letterSpacing'),
    second: style('p', 'color'), foreground: style('p', 'backgroundColor'), shown: style('body', 'display'),
    ads: document.querySelectorAll('.dramac-branding,[data-dramac-branding]').length, elements: document.body.children.length,
    sheets: [...document.styleSheets].map(s => s.href).filter(h => h).length, scripts: document.scripts.length})});
});
</script></body></html>"""


def page_url(proxy, host, path="/"):
    return f"https://{host}:{proxy.address(protocol='https')[1]}{path}"


def reported(host, page, brands, fields=POLICY):
    def otherwise(connection):
        connection.read_body()
        return chromium.answer(connection, "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>")

    site = Site({}, otherwise)

    def handler(connection):
        if connection.request.target != "/":
            return site(connection)
        connection.read_body()
        return chromium.answer(connection, "text/html", page.encode(), fields=fields)

    with EchoOrigin(handler) as origin, Marquee(origin, domains=[Domain(h, brand=b) for h, b in brands.items()]) as proxy:
        visit(page_url(proxy, host), [key_pin(proxy.address(protocol="https"), host)])
    assert site.report, "the page did not report"
    return site.report


BRANDS = {"bakery.test": ROSE, "clinic.test": PARK, "evil.test": HOSTILE, "plain.test": {}}


def test_one_page_in_two_brands():
    bakery = reported("bakery.test", PAGE, BRANDS)
    clinic = reported("clinic.test", PAGE, BRANDS)
    plain = reported("plain.test", PAGE, BRANDS)
    assert bakery["title"] == "Bread | Rose Bakery" and clinic["title"] == "Bread | Park Clinic" and plain["title"] == "Bread"
    assert bakery["icons"] == ["/rose.svg"] and clinic["icons"] == ["/park.svg"] and plain["icons"] == ["/own.ico"]
    assert bakery["logo"] == "/rose-logo.svg" and clinic["logo"] == "/park-logo.svg" and plain["logo"] is None
    assert bakery["colour"] == "rgb(139, 30, 63)" and clinic["colour"] == "rgb(15, 118, 110)" and plain["colour"] == "rgb(18, 52, 86)"
    assert bakery["second"] == "rgb(244, 201, 93)" and bakery["foreground"] == "rgb(255, 255, 255)"
    assert bakery["spacing"] == "3px" and clinic["spacing"] == plain["spacing"] == "normal"
    assert bakery["ads"] == clinic["ads"] == 0 and plain["ads"] == 2
    assert bakery["sheets"] == clinic["sheets"] == 1 and plain["sheets"] == 0
    for report in (bakery, clinic, plain):  # the style without a nonce stays shut out
        assert report["shown"] == "block" and report["scripts"] == 1


def test_hostile_values_change_nothing_but_their_own_text():
    plain = reported("plain.test", PAGE, BRANDS, fields="")
    evil = reported("evil.test", PAGE, BRANDS, fields="")
    assert evil["title"] == "Bread | " + HOSTILE["name"]
    for key in plain:
        if key not in ("title", "sheets"):
            assert evil[key] == plain[key], key


# The rest is sent when the browser has drawn the beginning, which asks for /seen.
BEGINNING = """<!doctype html><html><head><title>S</title></head><body><h1>first</h1>""" + HOLD + """<script>
let paint;
new PerformanceObserver(list => {
  paint = list.getEntriesByName('first-contentful-paint')[0]?.startTime ?? paint;
  if (paint) fetch('/seen');
}).observe({type: 'paint', buffered: true});
addEventListener('DOMContentLoaded', () => fetch('/report', {method: 'POST', body: JSON.stringify({
  title: document.title, paint, end: performance.getEntriesByType('navigation')[0].responseEnd,
  rest: document.querySelectorAll('p').length})}));
</script>"""


def streamed(host):
    seen = threading.Event()
    site = Site({})

    def handler(connection):
        if connection.request.target == "/seen":
            seen.set()
        if connection.request.target != "/":
            return site(connection)
        connection.read_body()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (BEGINNING.encode(), b"<p>rest</p></body></html>"):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            if piece.startswith(b"<!doctype"):
                assert seen.wait(30), "the beginning of the page was not drawn before its end had come"
        connection.send(b"0\r\n\r\n")

    with EchoOrigin(handler) as origin, Marquee(origin, domains=[Domain(h, brand=b) for h, b in BRANDS.items()]) as proxy:
        visit(page_url(proxy, host), [key_pin(proxy.address(protocol="https"), host)])
        assert not origin.errors, origin.errors
    assert site.report and site.report["rest"] == 1, site.report
    return site.report


def test_a_streamed_page_is_drawn_before_its_end():
    branded, plain = streamed("bakery.test"), streamed("plain.test")
    assert branded["title"] == "S | Rose Bakery" and plain["title"] == "S"
    for report in (branded, plain):
        assert report["paint"] and report["paint"] < report["end"], report
    assert branded["paint"] < plain["paint"] + 1000, (branded, plain)


def pixels(path):
    """(width, height, rows of RGB triples) of an 8-bit PNG without interlacing."""
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            assert depth == 8 and colour in (2, 6) and not interlace
        packed += body if kind == b"IDAT" else b""
        at += size + 12
    step = 3 if colour == 2 else 4
    raw, line, before, rows = zlib.decompress(packed), width * step, bytes(width * step), []
    for y in range(height):
        how, row = raw[y * (line + 1)], bytearray(raw[y * (line + 1) + 1:(y + 1) * (line + 1)])
        for i in range(line):
            a = row[i - step] if i >= step else 0
            b, c = before[i], before[i - step] if i >= step else 0
            if how == 4:
                p = a + b - c
                near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, near if how == 4 else 0)[how]) & 255
        rows.append([tuple(row[x:x + 3]) for x in range(0, line, step)])
        before = bytes(row)
    return width, height, rows


def test_the_demo_in_two_brands_on_a_picture():
    """The sample upstream's page, as `./dev run` shows it: the same words, other colours."""
    pictures = {}
    with DemoOrigin() as origin, Marquee(origin, domains=[
            Domain("bakery.test", brand={**ROSE, "logo_url": "/mark.svg?text=RB&colour=8b1e3f"}),
            Domain("clinic.test", brand={**PARK, "logo_url": "/mark.svg?text=PC&colour=0f766e"})]) as proxy:
        for host in ("bakery.test", "clinic.test"):
            with tempfile.TemporaryDirectory() as folder:
                file = f"{folder}/page.png"
                dom, _ = visit(page_url(proxy, host), [key_pin(proxy.address(protocol="https"), host)], picture=file)
                assert "Powered by" not in dom
                pictures[host] = pixels(file)
    for host, colour in (("bakery.test", (139, 30, 63)), ("clinic.test", (15, 118, 110))):
        width, height, rows = pictures[host]
        assert (width, height) == (800, 600)
        assert rows[3][400] == colour, "the band at the top has the brand's first colour"
        # Scrollbars and edges aside, the logo's square is there too.
        assert sum(row.count(colour) for row in rows[20:200]) > 500
    other = [sum(rows.count((139, 30, 63)) for rows in pictures[h][2]) for h in ("bakery.test", "clinic.test")]
    assert other[0] > 5000 and other[1] == 0
