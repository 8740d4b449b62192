#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "brand/colour.hpp"
#include "brand/pages/own_template.hpp"
#include "brand/pages/page.hpp"

using namespace marquee::brand;
namespace config = marquee::config;

namespace {

bool has(std::string_view s, std::string_view part) { return s.find(part) != s.npos; }

constexpr std::string_view kId = "0190a1b2-0000-7000-8000-000000000001";
constexpr std::string_view kAgency = "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01";

config::PageFile file(std::string scope, std::string name, std::string text) {
  return {"/pages/" + scope + "/" + name + ".html", scope, name,
          std::make_shared<const std::string>(std::move(text))};
}

Page page_of(const PageFacts& facts, const config::Pages& settings = {}) {
  return compose_page(PageSet(settings), facts);
}

PageFacts facts_of(unsigned status, Language language = Language::en,
                   PageState state = PageState::none) {
  PageFacts facts;
  facts.status = status;
  facts.state = state;
  facts.language = language;
  facts.request_id = kId;
  facts.host = "shop.example";
  return facts;
}

constexpr auto kLanguages = static_cast<int>(Language::count_);
constexpr auto kStates = static_cast<int>(PageState::count_);

}  // namespace

TEST_CASE("language: by weight, then by order; what is not spoken is passed over") {
  const auto of = [](std::string_view accept) {
    return tag(choose_language(accept, Language::en));
  };
  CHECK(of("") == "en");
  CHECK(of("de") == "de");
  CHECK(of("DE-at") == "de");
  CHECK(of("ja, sv;q=0.9") == "en");
  CHECK(of("ja, fr;q=0.2") == "fr");
  CHECK(of("fr;q=0.5, it;q=0.7, de;q=0.6") == "it");
  CHECK(of("it;q=0.7, fr;q=0.7") == "it");
  CHECK(of("es, pt") == "es");
  CHECK(of("en-US, en;q=0.9, de;q=0.95") == "en");
  CHECK(of("*") == "en");
  CHECK(of("*;q=0.5, pl;q=0.4") == "en");
  CHECK(of("*;q=0.1, pl;q=0.4") == "pl");
  CHECK(of("en;q=0, *") == "en");  // nothing else is known of this visitor
  CHECK(of("en;q=0, nl;q=0.001") == "nl");
  CHECK(of("de;q=0") == "en");
  CHECK(of("ar-EG\t;\tq=0.8 , de ; q=0.79") == "ar");
  for (const char* bad : {"de;q=2", "de;q=0.1234", "de;q=", "de;q=x", "de;x=1", "de;level=1;q=1",
                          "dee", "d", "de_AT", ";q=1", ",,;,", "\"de\""}) {
    CAPTURE(bad);
    CHECK(of(bad) == "en");
  }
  CHECK(choose_language("ja", Language::pl) == Language::pl);
  CHECK(choose_language("*", Language::pl) == Language::pl);
  // Bounded: what stands behind 512 bytes is not read.
  CHECK(of(std::string(600, ',') + "de") == "en");
  CHECK(of(std::string(500, ',') + "de") == "de");
  for (int i = 0; i < kLanguages; ++i) {
    const auto language = static_cast<Language>(i);
    CHECK(parse_language(tag(language)) == language);
    CHECK(choose_language(tag(language), Language::en) == language);
  }
  CHECK_FALSE(parse_language("xx").has_value());
}

TEST_CASE("pages: every language has words of its own for every page") {
  for (int l = 0; l < kLanguages; ++l) {
    const auto language = static_cast<Language>(l);
    CAPTURE(tag(language));
    const auto check = [&](PageState state, unsigned status) {
      CAPTURE(status);
      const PageText& text = text_of(language, state, status);
      const PageText& english = text_of(Language::en, state, status);
      CHECK_FALSE(text.title.empty());
      CHECK(text.text.ends_with('.'));
      CHECK(text.owner.empty() == english.owner.empty());
      if (language != Language::en) {
        CHECK(text.title != english.title);
        CHECK(text.text != english.text);
      }
      const Page page = page_of(facts_of(status, language, state));
      CHECK(page.language == tag(language));
      CHECK(has(page.html, "<html lang=\"" + std::string(tag(language)) + "\" dir=\"" +
                               std::string(direction(language)) + "\">"));
      for (const char* word : {"arquee", "upstream", "proxy", "nginx", "ramac", "{{"})
        CHECK_FALSE(has(page.html, word));
    };
    for (int s = 1; s < kStates; ++s) check(static_cast<PageState>(s), 503);
    for (const unsigned status : {400u, 401u, 403u, 404u, 405u, 408u, 413u, 414u, 417u, 421u, 426u,
                                  429u, 431u, 500u, 501u, 502u, 503u, 504u, 505u})
      check(PageState::none, status);
  }
  CHECK(direction(Language::ar) == "rtl");
  CHECK(text_of(Language::en, PageState::none, 418).title ==
        text_of(Language::en, PageState::none, 400).title);
  CHECK(text_of(Language::en, PageState::none, 599).title ==
        text_of(Language::en, PageState::none, 500).title);
}

TEST_CASE("pages: the request's id, the host and the status are shown, and can be left out") {
  Page page = page_of(facts_of(502));
  CHECK(has(page.html, "Error 502"));
  CHECK(has(page.html, kId));
  CHECK(has(page.html, "shop.example"));
  CHECK(has(page.html, "<h1>This site is not answering properly</h1>"));
  CHECK(has(page.html, ">Try again</a>"));
  CHECK(has(page_of(facts_of(404)).html, "href=\"/\">Home page</a>"));
  PageFacts bare;
  bare.status = 400;
  page = page_of(bare);
  CHECK_FALSE(has(page.html, "Request <code"));
  CHECK_FALSE(has(page.html, "<header"));
  CHECK_FALSE(has(page.html, "<bdi>"));
  PageFacts long_ones = bare;
  const std::string longest(10'000, '\x02');
  long_ones.request_id = long_ones.host = long_ones.brand.name = longest;
  CHECK(page_of(long_ones).html.size() < 9'000);
}

TEST_CASE("pages: the brand, with a colour on which its button can be read") {
  PageFacts facts = facts_of(503);
  facts.brand = {"Rose Bakery", "https://cdn.test:8443/logo.svg?v=1", "/rose.png", "#f4c95d"};
  Page page = page_of(facts);
  CHECK(has(page.html, "<title>This site is not available right now | Rose Bakery</title>"));
  CHECK(has(page.html, "<img src=\"https://cdn.test:8443/logo.svg?v=1\" alt=\"Rose Bakery\">"));
  CHECK(has(page.html, "<link rel=\"icon\" href=\"/rose.png\">"));
  CHECK(has(page.html, ":root{--brand:#f4c95d;--on-brand:#000000}"));
  CHECK(has(page.policy, "img-src data: https://cdn.test:8443 'self';"));
  facts.brand = {"Rose Bakery", "", "", ""};
  page = page_of(facts);
  CHECK(has(page.html, "<header><bdi>Rose Bakery</bdi></header>"));
  CHECK_FALSE(has(page.html, "<img"));
  CHECK(has(page.policy, "img-src data:;"));
  // Every colour, also one that lets the ground shine through.
  for (const char* colour :
       {"#8b1e3f", "#777777", "#ffff00", "#00000080", "#ffffff01", "#767676"}) {
    CAPTURE(colour);
    facts.brand.primary = colour;
    page = page_of(facts);
    const std::size_t at = page.html.find("--brand:#", page.html.find("</style>"));
    REQUIRE(at != std::string::npos);
    const auto ground = parse_colour(std::string_view(page.html).substr(at + 8, 7));
    const auto ink = parse_colour(
        std::string_view(page.html).substr(page.html.find("--on-brand:#", at) + 11, 7));
    REQUIRE(ground);
    REQUIRE(ink);
    CHECK(ground->alpha == 255);
    CHECK(contrast_ratio(*ground, *ink) >= 4.5);
  }
}

TEST_CASE("pages: every text of our own page can be read in both schemes") {
  const auto colours = [](std::string_view block, std::string_view name) {
    const std::size_t at = block.find(name);
    REQUIRE(at != block.npos);
    const std::string_view value = block.substr(at + name.size());
    const auto colour = parse_colour(value.substr(0, value.find_first_of(";}")));
    REQUIRE(colour);
    return *colour;
  };
  const std::string_view css = kOwnTemplate;
  const std::size_t dark = css.find("prefers-color-scheme:dark");
  for (const std::string_view block : {css.substr(0, dark), css.substr(dark)}) {
    const Colour paper = colours(block, "--paper:");
    CHECK(contrast_ratio(colours(block, "--ink:"), paper) >= 7);
    CHECK(contrast_ratio(colours(block, "--soft:"), paper) >= 4.5);
    CHECK(contrast_ratio(colours(block, "--brand:"), colours(block, "--on-brand:")) >= 4.5);
  }
}

TEST_CASE("pages: hostile values stay text") {
  PageFacts facts = facts_of(404);
  const std::string evil = "</title></h1><script>\"'&{{host}}$'$&\x01\xFF\xED\xA0\x80";
  facts.request_id = facts.host = facts.brand.name = evil;
  facts.brand.logo_url = "https://x.test/\"><script>";  // safe_url leaves neither, and yet
  const Page page = page_of(facts);
  CHECK_FALSE(has(page.html, "<script"));
  CHECK(has(page.html, "&lt;script&gt;&quot;&#39;&amp;{{host}}$&#39;$&amp;"));
  for (const char bad : {'\x01', '\xFF', '\xED'}) CHECK(page.html.find(bad) == std::string::npos);
  // A colour that is none does nothing.
  facts.brand.primary = "red}body{display:none";
  CHECK_FALSE(has(page_of(facts).html, "display:none"));
}

TEST_CASE("pages: the policy has the styles' own hashes and nothing inline") {
  PageFacts facts = facts_of(503);
  const Page plain = page_of(facts);
  facts.brand.primary = "#8b1e3f";
  const Page branded = page_of(facts);
  CHECK_FALSE(has(plain.policy, "unsafe"));
  CHECK(plain.policy.starts_with("default-src 'none'; style-src 'sha256-"));
  CHECK(has(branded.policy, plain.policy.substr(0, plain.policy.find("; img-src"))));
  CHECK(branded.policy.find("'sha256-", branded.policy.find("'sha256-") + 1) != std::string::npos);
  CHECK(has(plain.policy, "form-action 'none'; frame-ancestors 'none'"));
  // openssl dgst -sha256 -binary | base64
  config::Pages settings;
  settings.files = {file("default", "503", "<style>p{}</style>")};
  CHECK(has(page_of(facts_of(503), settings).policy,
            "style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y=';"));
}

TEST_CASE("pages: the most particular template counts") {
  config::Pages settings;
  const std::string agency(kAgency);
  settings.files = {file("default", "page", "any {{status}}"),
                    file("default", "5xx", "class"),
                    file("default", "503", "one"),
                    file(agency, "page", "theirs"),
                    file(agency, "maintenance", "works"),
                    file("default", "418", "{{no}}"),
                    file("no folder of ours", "503", "x"),
                    file("default", "odd", "x")};
  const auto of = [&](unsigned status, std::string_view whose, PageState state = PageState::none) {
    PageFacts facts = facts_of(status, Language::en, state);
    facts.agency = whose;
    return page_of(facts, settings).html;
  };
  CHECK(of(503, "") == "one");
  CHECK(of(502, "") == "class");
  CHECK(of(404, "") == "any 404");
  CHECK(of(503, "another") == "one");
  CHECK(of(503, kAgency) == "theirs");
  CHECK(of(503, kAgency, PageState::maintenance) == "works");
  CHECK(of(503, kAgency, PageState::suspended) == "theirs");
  // A status's words would be wrong for a state.
  CHECK(of(503, "", PageState::maintenance) == "any 503");
  CHECK(of(418, "") == "any 418");
  CHECK(page_of(facts_of(503), settings).language.empty());
  const auto problems = check_pages(settings);
  REQUIRE(problems.size() == 3);
  CHECK(has(problems[0].sentence, "/pages/default/418.html:1:1: {{no}} is no placeholder"));
  CHECK(has(problems[1].sentence, "not in the folder of an agency"));
  CHECK(has(problems[2].sentence, "default/odd.html is no page's name; write a status"));
}

TEST_CASE("templates: a value is escaped for its place") {
  const auto render = [](std::string_view text, std::string_view value) {
    TemplateFault fault;
    const auto parsed = Template::parse(text, fault);
    CAPTURE(text);
    CAPTURE(fault.sentence);
    REQUIRE(parsed);
    SlotValues values{};
    values.fill(value);
    std::vector<std::string> styles;
    return parsed->render(values, styles);
  };
  CHECK(render("<p title='{{host}}'>{{host}}</p>", "<'\">") ==
        "<p title='&lt;&#39;&quot;&gt;'>&lt;&#39;&quot;&gt;</p>");
  CHECK(render("<title>{{host}}</title><textarea>{{host}}</textarea>", "</x>") ==
        "<title>&lt;/x&gt;</title><textarea>&lt;/x&gt;</textarea>");
  CHECK(render("<a href=\"mailto:x@y.test?subject={{request_id}}\">", "a&b c") ==
        "<a href=\"mailto:x@y.test?subject=a%26b%20c\">");
  CHECK(render("<style>a{color:{{primary}}}</style>", "#123456") ==
        "<style>a{color:#123456}</style>");
  CHECK(render("<img src=\"{{logo_url}}\" alt=\"\">", "https://x/?a&b") ==
        "<img src=\"https://x/?a&amp;b\" alt=\"\">");
  CHECK(render("{{#host}}[{{host}}]{{/host}}{{^host}}none{{/host}}", "") == "none");
  CHECK(render("{{#host}}[{{host}}]{{/host}}{{^host}}none{{/host}}", "x") == "[x]");
  CHECK(render("{{#host}}a{{^text}}b{{/text}}c{{/host}}", "x") == "ac");
  CHECK(render("<style>{{#primary}}a{}{{/primary}}</style>", "") == "<style></style>");
  // Line ends are written as a browser reads them: the hash of a style depends on it.
  CHECK(render("\xEF\xBB\xBF<p>a\r\nb\rc</p>", "") == "<p>a\nb\nc</p>");
  CHECK(render("<svg viewBox=\"0 0 1 1\"><path fill=\"{{primary}}\"/></svg><!-- x -->",
               "#123456") == "<svg viewBox=\"0 0 1 1\"><path fill=\"#123456\"/></svg><!-- x -->");
}

TEST_CASE("templates: a broken one says where and what to write") {
  struct Broken {
    std::string text;
    std::uint32_t line;
    std::uint32_t column;
    std::string_view says;
  };
  const Broken all[] = {
      {"<p>\n  {{titel}}</p>", 2, 3, "{{titel}} is no placeholder; did you mean {{title}}?"},
      {"{{}}", 1, 1, "is no placeholder; write one of title, text"},
      {"{{ title }}", 1, 1, "is no placeholder; did you mean {{title}}?"},
      {"a {{title", 1, 3, "{{ has no }} behind it"},
      {"{{#host}}x", 1, 1, "{{#host}} is not closed; write {{/host}}"},
      {"x{{/host}}", 1, 2, "{{/host}} closes nothing; remove it"},
      {"{{#host}}{{#text}}{{/host}}", 1, 19, "{{/host}} closes nothing; close text before it"},
      {"{{#host}}<title>{{/host}}</title>", 1, 17, "stands in another element"},
      {"<title>{{#host}}</title>{{/host}}", 1, 8, "is not closed within <title>"},
      {"<p {{title}}>", 1, 4, "put it into a value in quotes"},
      {"<p title={{title}}>", 1, 10, "a value without quotes; write title=\"{{...}}\""},
      {"<p title=\"{{#host}}x{{/host}}\">", 1, 11, "put the whole tag between"},
      {"<{{title}}>", 1, 1, "< begins no tag here; write &lt;"},
      {"<h{{status}}>", 1, 3, "put it into a value in quotes"},
      {"<!-- {{title}} -->", 1, 6, "stands in a comment"},
      {"<!-- x", 1, 1, "the comment has no end"},
      {"<!doctype html", 1, 1, "the declaration has no end"},
      {"<p", 1, 1, "the tag has no end"},
      {"<p title=\"x>", 1, 10, "the value has no end; write \""},
      {"<style>a{}", 1, 8, "<style> is not closed"},
      {"<style>{{title}}</style>", 1, 8, "only {{primary}} and {{on_primary}} may"},
      {"<a href=\"{{host}}\">", 1, 10, "stands in an address"},
      {"<a href=\"https://x/{{host}}\">", 1, 20, "stands in an address"},
      {"<script>x</script>", 1, 1, "<script> does not work in these pages"},
      {"<ScRipt >", 1, 1, "<script> does not work in these pages"},
      {"<form action=/x>", 1, 1, "<form> does not work"},
      {"<p onclick=\"x()\">", 1, 4, "onclick does not work"},
      {"<p/style=\"color:{{primary}}\">", 1, 4, "style does not work"},
      {"<meta http-equiv=refresh>", 1, 7, "http-equiv does not work"},
      {"<img src=https://evil.test/x>", 1, 10, "src of <img> names what these pages may not load"},
      {"<img src=\"/x.png\">", 1, 11, "write {{logo_url}}, {{icon_url}}"},
      {"<link rel=stylesheet href=\"/x.css\">", 1, 28, "href of <link> names"},
      {"a\n\xFF", 2, 1, "save the file as UTF-8"},
      {std::string("a\0b", 3), 1, 2, "save the file as UTF-8"},
      {std::string(kMaxTemplate + 1, 'x'), 1, 1, "longer than 64 KiB"},
  };
  for (const Broken& broken : all) {
    TemplateFault fault;
    CAPTURE(broken.text.substr(0, 80));
    CHECK_FALSE(Template::parse(broken.text, fault).has_value());
    CAPTURE(fault.sentence);
    CHECK(fault.line == broken.line);
    CHECK(fault.column == broken.column);
    CHECK(has(fault.sentence, broken.says));
  }
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "{{lang}}";
  TemplateFault fault;
  CHECK_FALSE(Template::parse(many, fault).has_value());
  std::string deep;
  for (int i = 0; i < 9; ++i) deep += "{{#lang}}";
  CHECK_FALSE(Template::parse(deep, fault).has_value());
  CHECK(has(fault.sentence, "the ninth within another"));
}

// Cut anywhere, a template is taken or refused, and what is taken never lets a hostile
// value out of its place.
TEST_CASE("templates: every beginning of our own is taken or refused") {
  SlotValues values{};
  values.fill("<script>\"'");
  values[static_cast<std::size_t>(Slot::primary)] = "#123456";
  values[static_cast<std::size_t>(Slot::on_primary)] = "#ffffff";
  std::size_t taken = 0;
  for (std::size_t n = 0; n <= kOwnTemplate.size(); ++n) {
    TemplateFault fault;
    const auto parsed = Template::parse(kOwnTemplate.substr(0, n), fault);
    if (!parsed) {
      CHECK_FALSE(fault.sentence.empty());
      continue;
    }
    ++taken;
    std::vector<std::string> styles;
    CHECK_FALSE(has(parsed->render(values, styles), "<script"));
  }
  CHECK(taken > 50);
}
