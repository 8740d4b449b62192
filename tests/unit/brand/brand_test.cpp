// Values of a brand: colours, URLs, names; hostile ones change nothing but their
// own text.
#include "brand/brand.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "brand/charset.hpp"
#include "brand/colour.hpp"
#include "brand/escape.hpp"
#include "brand/html_rig.hpp"
#include "brand/safe_url.hpp"

using namespace marquee::brand;

TEST_CASE("colours are read strictly and written in one form") {
  const auto css = [](std::string_view text) {
    const auto colour = parse_colour(text);
    return colour ? to_css(*colour) : std::string("none");
  };
  CHECK(css("#3b82f6") == "#3b82f6");
  CHECK(css(" #ABC ") == "#aabbcc");
  CHECK(css("#abcd") == "#aabbccdd");
  CHECK(css("#11223344") == "#11223344");
  CHECK(css("RebeccaPurple") == "#663399");
  CHECK(css("aliceblue") == "#f0f8ff");
  CHECK(css("yellowgreen") == "#9acd32");
  CHECK(css("transparent") == "#00000000");
  CHECK(css("rgb(1,2,3)") == "#010203");
  CHECK(css("rgba( 255 , 0,300 ,.5)") == "#ff00ff80");
  CHECK(css("rgb(100% 0% 50% / 50%)") == "#ff008080");
  for (const char* wrong : {"",
                            " ",
                            "#",
                            "#12",
                            "#12345",
                            "#1234567",
                            "#ggg",
                            "nocolour",
                            "rgb(1,2)",
                            "rgb(1,2,3",
                            "rgb(1,2,3,4,5)",
                            "rgb(-1,2,3)",
                            "rgb(1e9,2,3)",
                            "rgb(a,b,c)",
                            "hsl(1,2%,3%)",
                            "red;x:y",
                            "red}a{b:c",
                            "#fff;",
                            "url(x)",
                            "var(--x)",
                            "rgb(nan,0,0)",
                            "rgb(inf,0,0)",
                            "expression(1)"})
    CHECK(css(wrong) == "none");
  CHECK(css(std::string(100, 'f')) == "none");
}

TEST_CASE("the foreground is the one that can be read") {
  const auto on = [](std::string_view text) { return to_css(readable_on(*parse_colour(text))); };
  CHECK(contrast_ratio(*parse_colour("#000"), *parse_colour("#fff")) == doctest::Approx(21));
  CHECK(contrast_ratio(*parse_colour("#777"), *parse_colour("#fff")) ==
        doctest::Approx(4.48).epsilon(0.01));
  CHECK(on("#000") == "#ffffff");
  CHECK(on("#ffffff") == "#000000");
  CHECK(on("yellow") == "#000000");
  CHECK(on("#6366f1") == "#000000");
  CHECK(on("navy") == "#ffffff");
  CHECK(on("transparent") == "#000000");
  // Whatever the colour, one of the two reaches 4.5 (WCAG AA).
  for (unsigned i = 0; i < 4096; ++i) {
    const Colour c{static_cast<std::uint8_t>((i & 15U) * 17),
                   static_cast<std::uint8_t>((i >> 4 & 15U) * 17),
                   static_cast<std::uint8_t>((i >> 8) * 17), 255};
    REQUIRE(contrast_ratio(c, readable_on(c)) >= 4.5);
  }
}

TEST_CASE("URLs: https, or a path") {
  CHECK(safe_url("/a?b#c").value() == "/a?b#c");
  CHECK(safe_url("HTTPS://x.example:8443/\xC3\xA4").value() == "HTTPS://x.example:8443/%C3%A4");
  CHECK(url_host("https://x.example:1/y") == "x.example");
  CHECK(url_host("/y").empty());
  for (const char* wrong :
       {"", "x", "//x", "/\\x", "http://x", "https:x", "https:///x", "https://a@b", "https://a b",
        "javascript:x", " https://x", "https://x\n", "https://x\t/", "data:image/png;base64,x",
        "https://x:123456/", "https://[::1]/", "https://\xC3\xA4/", "https://x:a/"})
    CHECK(!safe_url(wrong));
  CHECK(safe_url("/" + std::string(kMaxUrl - 1, 'x')));
  CHECK(!safe_url("/" + std::string(kMaxUrl, 'x')));
}

TEST_CASE("text is escaped to ASCII") {
  CHECK(escape_html("a&<>\"'b", 99) == "a&amp;&lt;&gt;&quot;&#39;b");
  CHECK(escape_html("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8D\x9E", 99) == "&#233;&#8364;&#127838;");
  CHECK(escape_html("a\x01\x7F\xC2\x80"
                    "b\nc",
                    99) == "ab c");
  CHECK(escape_html("\xFF\xC3(\xED\xA0\x80\xF4\x90\x80\x80\xC0\x80", 99) == "(");
  CHECK(escape_html("ab\xC3\xA9", 3) == "ab");
  CHECK(escape_html("ab\xC3\xA9", 4) == "ab&#233;");
}

TEST_CASE("text of a page in UTF-8") {
  const auto escaped = [](std::string_view text) {
    std::string out = "<";
    append_escaped(out, text);
    return out;
  };
  CHECK(escaped("a&<>\"'b") == "<a&amp;&lt;&gt;&quot;&#39;b");
  CHECK(escaped("\xC3\xA9\xE2\x82\xAC") == "<\xC3\xA9\xE2\x82\xAC");
  const std::string none = "\xEF\xBF\xBD";
  CHECK(escaped("a\n\x7F"
                "b") == "<a" + none + none + "b");
  CHECK(escaped("\xFF\xC3(\xC2\x80") == "<" + none + none + "(" + none);
}

TEST_CASE("hostile brands change nothing but their own text") {
  Brand brand;
  const std::string million(std::size_t{1} << 20, '<');
  const std::string_view page =
      "<!doctype html><head><title>t</title></head><body class=dramac-branding><p>x</body>";
  for (const std::string& evil :
       {std::string("</title><script>alert(1)</script>"), std::string("</style>"),
        std::string("$'$&$1\\0"), std::string("\"><img src=x onerror=y>"), std::string("'-->"),
        std::string("\0\x01\x1F\x7F", 4), std::string("\xFF\xFE\xC0\x80"), million,
        std::string("red}</style>"), std::string("url(javascript:x)")}) {
    brand.name = brand.logo_url = brand.favicon_url = brand.primary = brand.secondary = evil;
    brand.stylesheet_path = brand.title_separator = evil;
    brand.removed_classes = brand.removed_attributes = {evil};
    const BrandPlan plan(brand);
    CHECK(plan.head.empty());
    CHECK(!plan.removes());
    CHECK(plan.title_suffix.size() <= 6 * (kMaxName + kMaxSeparator) + 64);
    CHECK(plan.title_suffix.find_first_of("<>\"'") == std::string::npos);
    const std::string out = marquee::brand::testing::rewrite(plan, page);
    const std::string suffix = plan.title_alone.empty() ? "" : plan.title_suffix;
    CHECK(out == "<!doctype html><head><title>t" + suffix +
                     "</title></head><body class=dramac-branding><p>x</body>");
  }
}

TEST_CASE("what is refused is said") {
  Brand brand;
  brand.logo_url = "http://x";
  brand.primary = "none";
  brand.removed_classes = {"a b", "ok"};
  const BrandPlan plan(brand);
  CHECK(plan.faults == std::vector<std::string_view>{"logo_url", "primary", "removed_classes"});
  CHECK(plan.removed_classes == std::vector<std::string>{"ok"});
  brand.removed_classes.assign(kMaxRemovedNames + 1, "x");
  CHECK(BrandPlan(brand).removed_classes.size() == kMaxRemovedNames);
}

TEST_CASE("without a stylesheet the colours stand in the page") {
  Brand brand;
  brand.primary = "#fff";
  CHECK(BrandPlan(brand).head ==
        "<style id=\"brand-colors\">:root{--brand-primary:#ffffff;"
        "--brand-primary-foreground:#000000;}</style>");
  brand.stylesheet_path = "/.marquee/brand/0f.css";
  CHECK(BrandPlan(brand).head == "<link rel=\"stylesheet\" href=\"/.marquee/brand/0f.css\">");
}

TEST_CASE("a text is found in pieces of another") {
  const PieceMatcher matcher("AnAnas");
  for (std::size_t split = 0; split <= 9; ++split) {
    const std::string_view text = "ananaNASx";
    std::uint16_t state = 0;
    const bool first = matcher.feed(text.substr(0, split), state);
    CHECK((matcher.feed(text.substr(split), state) || first));
  }
  std::uint16_t state = 0;
  CHECK(!matcher.feed("anana nas", state));
  CHECK(!PieceMatcher("").feed("x", state));
}

TEST_CASE("charsets") {
  for (const char* label :
       {"utf-8", " UTF8 ", "windows-1252", "Windows-1250", "cp1251", "iso-8859-1", "ISO_8859-15",
        "iso8859-2", "iso-8859-8-i", "latin1", "us-ascii"})
    CHECK(ascii_compatible(label));
  for (const char* label : {"", "utf-16", "utf-7", "shift_jis", "gbk", "gb18030", "big5", "euc-kr",
                            "iso-2022-jp", "windows-874", "windows-1259", "iso-8859-17",
                            "iso-8859-0", "iso-8859-", "iso-8859-1x", "x"})
    CHECK(!ascii_compatible(label));

  using V = CharsetVerdict;
  const auto judge = [](std::string_view type, std::string_view first, bool whole = true) {
    return judge_charset(type, first, whole);
  };
  CHECK(judge("text/plain", "<p>") == V::foreign);
  CHECK(judge("", "<p>") == V::foreign);
  CHECK(judge("application/xhtml+xml; charset=utf-8", "<p>") == V::foreign);
  CHECK(judge("Text/HTML;Charset=\"UTF-8\"", "<p>") == V::compatible);
  CHECK(judge("text/html; charset=gbk", "<p>") == V::foreign);
  CHECK(judge("text/html; charset=gbk", "\xEF\xBB\xBF<p>") == V::compatible);
  CHECK(judge("text/html; charset=utf-8", "\xFF\xFE<") == V::foreign);
  CHECK(judge("text/html; charset=utf-8", "x", false) == V::compatible);
  for (const char* mark : {"", "\xEF", "\xEF\xBB", "\xFE", "\xFF"})
    CHECK(judge("text/html; charset=utf-8", mark, false) == V::need_more);
  CHECK(judge("text/html; charset=utf-8", "\xFF\xFE", false) == V::foreign);
  CHECK(judge("text/html", "<p>") == V::compatible);
  CHECK(judge("text/html", "<p>", false) == V::need_more);
  CHECK(judge("text/html", std::string(kPrescan, ' '), false) == V::compatible);
  CHECK(judge("text/html", "<meta charset=big5>") == V::foreign);
  CHECK(judge("text/html", "<title>x<meta charset='utf-8'>", false) == V::compatible);
  CHECK(judge("text/html", "<!--<meta charset=big5>--><p>") == V::compatible);
  CHECK(judge("text/html", "<meta content='text/html; charset = big5' http-equiv=Content-Type>") ==
        V::foreign);
  CHECK(judge("text/html", "<meta content='text/html; charset=big5'>") == V::compatible);
  CHECK(judge("text/html", "<meta charset=utf-16le>") == V::compatible);
  CHECK(judge("text/html", "\x1B$B") == V::foreign);
  CHECK(judge("text/html", std::string(kPrescan, ' ') + "<meta charset=big5>") == V::compatible);
}

TEST_CASE("where a page that pauses has said its charset, or never will") {
  for (const char* in_head :
       {"", "\xEF\xBB", "\xFF", " \n", "<", "<!doctype html", "<!doctype html><html>", "<head>",
        "<head><title>a page", "<head><title>a</title>", "<style>p { color: red }</style>",
        "<script>if (a < b) document.write('<p>')</script>", "<head><noscript><p>no", "<!-- x -->",
        "<head><link rel=stylesheet href=a.css><meta name=x>", "<bod",
        "<head><template><p>x</p></template>"})
    CHECK_MESSAGE(!head_is_over(in_head), in_head);
  for (const char* behind :
       {"text", "<p>", "<head></head>", "<head></head ><", "<body>", "<html><body class=x>a",
        "<title>a</title>words", "<br>", "\xEF\xBB\xBF<p>"})
    CHECK_MESSAGE(head_is_over(behind), behind);
}
