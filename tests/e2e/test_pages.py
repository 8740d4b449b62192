"""Pages of Marquee's own: in the visitor's language and the agency's brand, for every
reason why nothing else is shown, and in an operator's own words."""
import json
import socket
import sqlite3

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, directory, eventually
from harness.h2_origin import H2Origin

HTML = ("Accept", "text/html")
ROSE = {"name": "Rose Bakery", "logo_url": "https://cdn.test/logo.svg", "primary": "#8b1e3f"}
EVIL = {"name": "</title><script>alert(1)</script>$'{{host}}", "primary": "red}body{display:none",
        "logo_url": "https://x.test/\"><script>"}
TITLES = {  # what stands on the page of maintenance
    "en": "We are working on this site", "de": "Wir arbeiten an dieser Website", "fr": "Ce site est en maintenance",
    "es": "Estamos trabajando en este sitio", "it": "Stiamo lavorando su questo sito", "nl": "We werken aan deze website",
    "pt": "Estamos a trabalhar neste site", "pl": "Pracujemy nad tą stroną", "ar": "نعمل على صيانة هذا الموقع",
}


def failing(status="503 Service Unavailable", fields="Retry-After: 77\r\n", body=b"their own words"):
    def handler(connection):
        connection.read_body()
        connection.send(f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode()
                        + (b"" if connection.request.method == "HEAD" else body))
    return handler


@pytest.fixture(scope="module")
def proxy():
    with socket.socket() as held, EchoOrigin() as origin:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        domains = [Domain("bakery.test", brand=ROSE), Domain("down.test", upstream="dead", brand=ROSE),
                   Domain("works.test", brand=ROSE, maintenance=True, agency_name="rose"), Domain("off.test", enabled=False, brand=ROSE),
                   Domain("evil.test", upstream="dead", brand=EVIL), Domain("agency.test", agency_name="closed"),
                   Domain("csp.test", upstream="dead", response_fields={"set": {"Content-Security-Policy": "default-src 'self'", "X-Own": "1"}})]
        with Marquee(upstreams=[Upstream("main", [origin.endpoint]), Upstream("dead", [f"http://127.0.0.1:{held.getsockname()[1]}"])],
                     domains=domains, pages={"maintenance": [domains[5].agency], "retry_after": 120, "replace_upstream": [404, 503]}) as it:
            it.origin = origin
            yield it


def ask(proxy, host, *fields, path="/", method="GET"):
    with proxy.plain() as client:
        return client.get(path, host, fields, method)


@pytest.mark.parametrize("language", TITLES)
def test_the_visitors_language(proxy, language):
    answer = ask(proxy, "works.test", HTML, ("Accept-Language", f"ja, {language}-XX;q=0.9, en;q=0.1"))
    text = answer.body.decode()
    assert answer.status == 503 and f"<h1>{TITLES[language]}</h1>" in text
    assert answer.field("content-language") == language and answer.field("vary") == "Accept, Accept-Language"
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in text
    assert answer.field("retry-after") == "120" and answer.field("cache-control") == "no-store"


def test_maintenance_of_a_domain_and_of_an_agency(proxy):
    for host in ("works.test", "agency.test", "www.agency.test"):
        assert "We are working on this site" in ask(proxy, host, HTML).body.decode()
    assert ask(proxy, "bakery.test").status == 200
    problem = ask(proxy, "works.test").json()
    assert problem["status"] == 503 and problem["detail"] == "It will be back soon. Thank you for your patience."
    [record] = proxy.access.wait(lambda r: r.value("request_id") == problem["request_id"])
    assert record.value("reason") == "maintenance"


@pytest.mark.parametrize("host,path,status,title", [
    ("down.test", "/", 502, "This site is not answering properly"), ("off.test", "/", 503, "This site is switched off"),
    ("works.test", "/", 503, "We are working on this site"), ("bakery.test", "/api/cron", 404, "This page does not exist"),
])
def test_the_agencys_brand(proxy, host, path, status, title):
    answer = ask(proxy, host, HTML, path=path)
    text = answer.body.decode()
    assert answer.status == status and f"<h1>{title}</h1>" in text
    assert f"<title>{title} | Rose Bakery</title>" in text and '<img src="https://cdn.test/logo.svg" alt="Rose Bakery">' in text
    assert ":root{--brand:#8b1e3f;--on-brand:#ffffff}" in text
    policy = answer.field("content-security-policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "img-src data: https://cdn.test;" in policy
    assert "unsafe" not in policy and "marquee" not in text.lower()


def test_a_name_that_nobody_has(proxy):
    answer = ask(proxy, "nobody.test", HTML)
    text = answer.body.decode()
    assert answer.status == 404 and "<h1>This domain is not connected yet</h1>" in text
    assert "DNS records" in text and "nobody.test" in text and "Rose" not in text and "marquee" not in text.lower()


def test_hostile_brands_stay_text(proxy):
    text = ask(proxy, "evil.test", HTML).body.decode()
    assert "<script" not in text and "display:none" not in text and "javascript:" not in text
    assert "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;$&#39;{{host}}" in text


def test_head_says_the_same(proxy):
    page, head = (ask(proxy, "works.test", HTML, method=m) for m in ("GET", "HEAD"))
    assert head.body == b"" and head.status == 503 and head.field("content-language") == "en"
    assert abs(int(head.field("content-length")) - len(page.body)) == 0
    assert head.field("content-security-policy") == page.field("content-security-policy")


def test_a_domains_own_policy_is_not_the_pages(proxy):
    answer = ask(proxy, "csp.test", HTML)
    assert answer.all("x-own") == ["1"] and len(answer.all("content-security-policy")) == 1
    assert answer.field("content-security-policy").startswith("default-src 'none'")


def test_over_http2(proxy):
    with proxy.h2("works.test") as client:
        answer = client.get("/", "works.test", [("accept", "text/html"), ("accept-language", "pl")])
        assert answer.status == 503 and TITLES["pl"] in answer.body.decode() and answer.field("content-language") == "pl"
        head = client.get("/", "works.test", [("accept", "text/html")], method="HEAD")
        assert head.status == 503 and head.body == b"" and int(head.field("content-length")) > 1000


def test_answers_of_upstreams_pass_or_become_pages(proxy):
    with proxy.origin.answering(failing()):
        page = ask(proxy, "bakery.test", HTML, ("Accept-Language", "fr"))
        assert page.status == 503 and "Ce site n’est pas disponible pour le moment" in page.body.decode()
        assert page.field("retry-after") == "77" and "Rose Bakery" in page.body.decode()
        assert b"their own words" in ask(proxy, "bakery.test").body  # a program
        head = ask(proxy, "bakery.test", HTML, method="HEAD")
        assert head.status == 503 and head.field("content-language") == "en"
    with proxy.origin.answering(failing("500 Internal Server Error")):
        assert b"their own words" in ask(proxy, "bakery.test", HTML).body
    with proxy.origin.answering(failing("404 Not Found", "Retry-After: " + "9" * 40 + "\r\n")):
        page = ask(proxy, "bakery.test", HTML)
        assert b"This page does not exist" in page.body and not page.all("retry-after")
    assert ask(proxy, "bakery.test", HTML).status == 200


def test_a_replaced_body_leaves_both_connections_in_step(proxy):
    with proxy.origin.answering(failing(body=b"x" * 300_000)), proxy.plain() as client:
        for _ in range(3):
            assert client.get("/", "bakery.test", [HTML]).status == 503
            assert client.get("/", "bakery.test", [HTML], "POST", b"y" * 50_000).status == 503
    with proxy.h2() as client:
        with proxy.origin.answering(failing(body=b"x" * 300_000)):
            assert client.get("/", "bakery.test", [("accept", "text/html")]).status == 503
        assert client.get("/", "bakery.test", [("accept", "text/html")]).status == 200


# --- Files -----------------------------------------------------------------

@pytest.fixture
def folder(tmp_path):
    (tmp_path / "default").mkdir()
    return tmp_path


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def refused_reload(proxy):
    proxy.write_settings()
    answer = proxy.admin.call("/v1/reload", "POST", b"", 15.0)
    said = answer.json()
    assert said["ok"] is False, said
    return json.dumps(said, ensure_ascii=False)


def test_files_take_the_place_of_pages(folder):
    agency = Domain("rose.test", agency_name="rose").agency
    write(folder, "default/page.html", "<h1>{{title}} ({{status}})</h1>")
    write(folder, f"{agency}/maintenance.html", '<html lang="{{lang}}"><p title="{{brand_name}}">back at noon, {{host}} {{request_id}}</p>')
    domains = [Domain("rose.test", agency_name="rose", brand=ROSE, maintenance=True), Domain("other.test", maintenance=True)]
    with EchoOrigin() as origin, Marquee(origin, domains=domains, pages={"directory": str(folder)}) as proxy:
        def shown(host, *fields):
            return ask(proxy, host, HTML, *fields)
        rose = shown("rose.test", ("Accept-Language", "de"))
        assert '<html lang="de"><p title="Rose Bakery">back at noon, rose.test ' in rose.body.decode() and rose.status == 503
        assert rose.field("content-language") == "de"
        other = shown("other.test")
        assert other.body == b"<h1>We are working on this site (503)</h1>" and not other.all("content-language")
        assert shown("nobody.test").body == b"<h1>This domain is not connected yet (404)</h1>"

        # A broken one is refused with its place, and the old ones stay.
        write(folder, "default/page.html", "<h1>new</h1>\n<p>{{titel}}</p>")
        assert f"{folder}/default/page.html:2:4: {{{{titel}}}} is no placeholder; did you mean {{{{title}}}}?" in refused_reload(proxy)
        assert b"We are working" in shown("other.test").body
        write(folder, "default/page.html", "<h1>new</h1>")
        write(folder, "default/mantenance.html", "x")
        assert "did you mean maintenance.html?" in refused_reload(proxy)
        (folder / "default/mantenance.html").unlink()
        write(folder, "default/503.html", "x" * 70_000)
        assert "larger than 65536 bytes" in refused_reload(proxy)
        (folder / "default/503.html").unlink()

        proxy.reload()
        assert shown("other.test").body == b"<h1>new</h1>"
        proxy.sections["pages"] = {}
        proxy.reload()
        assert b"<!doctype html>" in shown("other.test").body


def test_an_empty_folder_is_a_slip(folder):
    with EchoOrigin() as origin, Marquee(origin) as proxy:
        proxy.sections["pages"] = {"directory": str(folder)}
        assert "where no page is; write default/503.html there" in refused_reload(proxy)


# --- Rows ------------------------------------------------------------------

def test_states_of_rows_have_their_pages():
    """By the directory: suspended, switched off, not published, in maintenance; with the row's brand."""
    brand = json.dumps({"brand_name": "Rose Bakery", "logo_url": "/here.svg", "brand_colors": {"primary": "#8b1e3f"}})
    rows = directory.tenant("gone", status="suspended") + directory.module_domain("gone.test", "gone")
    rows += directory.tenant("draft", published=False, custom_domain="draft.test")
    rows += directory.tenant("works") + directory.module_domain("works.test", "works", config='{"redirect_to_https": false, "maintenance": true}')
    rows += directory.tenant("off") + directory.module_domain("off.test", "off", status="disabled")
    with EchoOrigin() as origin, Marquee(
            upstreams=[Upstream("main", [origin.endpoint])], listeners=[Listener("127.0.0.1:0", "http")],
            directory={"kind": "sqlite", "modules": {"upstream": "main"}, "sites": {"upstream": "main"}}) as proxy:
        file = proxy.folder / "state" / "directory.sqlite"
        eventually(file.exists, 10, "the directory's file")
        eventually(lambda: ask(proxy, "nobody.test").status == 404, 10, "an open directory")

        def run(sql):
            with sqlite3.connect(file, timeout=10) as db:
                db.executescript("BEGIN;" + sql + "COMMIT;")
            db.close()
        run(rows + f"UPDATE module_custom_domains SET white_label = {directory.quoted(brand)};")
        titles = {"gone.test": "Ce site est suspendu", "draft.test": "Ce site n’est pas encore publié",
                  "works.test": "Ce site est en maintenance", "off.test": "Ce site est désactivé"}
        for host, title in titles.items():
            status = 404 if host == "draft.test" else 503
            eventually(lambda: ask(proxy, host, HTML).status == status and b"not connected" not in ask(proxy, host, HTML).body, 5, host)
            text = ask(proxy, host, HTML, ("Accept-Language", "fr")).body.decode()
            assert f"<h1>{title}</h1>" in text
            if host != "draft.test":  # a site's own domain has no white label
                assert f"<title>{title} | Rose Bakery</title>" in text and "here.svg" not in text
        run("UPDATE module_custom_domains SET config = '{\"redirect_to_https\": false}' WHERE domain = 'works.test';")
        eventually(lambda: ask(proxy, "works.test", HTML).status == 200, 5, "the end of maintenance")


def test_an_answer_over_http2_becomes_a_page():
    def busy(stream):
        stream.read_body()
        stream.respond(503, b"z" * 100_000, [("content-type", "text/html"), ("retry-after", "9")])
    with H2Origin(busy) as origin, Marquee(upstreams=[Upstream("main", [origin.endpoint])], pages={"replace_upstream": [503]}) as proxy:
        with proxy.plain() as client:
            for _ in range(3):
                page = client.get("/", "bakery.test", [HTML])
                assert page.status == 503 and b"<h1>This site is not available right now</h1>" in page.body and page.field("retry-after") == "9"
            assert client.get("/", "bakery.test").body == b"z" * 100_000
        assert len(origin.connections) == 1, "only its stream ends"


def test_a_rate_limit_has_the_brand_and_the_time_to_wait(folder):
    write(folder, "default/429.html", "{{title}}, {{brand_name}}, {{retry_after}} s")
    rule = {"name": "slow", "key": ["agency"], "rate": "1/m"}
    with EchoOrigin() as origin, Marquee(origin, domains=[Domain("bakery.test", brand=ROSE)], rate_limits={"rules": [rule]},
                                         pages={"language": "it"}) as proxy:
        assert ask(proxy, "bakery.test").status == 200
        page = ask(proxy, "bakery.test", HTML)
        text = page.body.decode()
        assert page.status == 429 and "<title>Troppe richieste | Rose Bakery</title>" in text and ">Riprova</a>" in text
        assert len(page.all("retry-after")) == 1 and page.field("ratelimit")
        assert ask(proxy, "bakery.test").field("content-type") == "application/json"
        proxy.sections["pages"]["directory"] = str(folder)
        proxy.reload()
        page = ask(proxy, "bakery.test", HTML)
        assert page.body.decode() == f"Troppe richieste, Rose Bakery, {page.field('retry-after')} s"
