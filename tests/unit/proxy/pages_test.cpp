#include "proxy/pages.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <string>

using namespace marquee::proxy;

namespace {
constexpr std::string_view kBrowser =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
bool html(std::string_view accept, std::string_view dest = {}) {
  return choose_error_format(accept, dest) == ErrorFormat::html;
}
bool has(const std::string& s, std::string_view part) { return s.find(part) != std::string::npos; }
}  // namespace

TEST_CASE("accept: the most specific range decides") {
  CHECK(match_media(kBrowser, "text", "html").quality == 1000);
  CHECK(match_media(kBrowser, "application", "json").quality == 800);
  CHECK(match_media("text/*;q=0.5, text/html;q=0.2, */*", "text", "html").quality == 200);
  CHECK(match_media("text/*;q=0.5, */*", "text", "html").quality == 500);
  CHECK(match_media("TEXT/HTML ; Q=0.375", "text", "html").quality == 375);
  CHECK(match_media("text/html;level=1;q=0.7", "text", "html").quality == 700);
  CHECK(match_media("a/b;x=\",text/html\";q=1, */*;q=0.1", "text", "html").quality == 100);
  CHECK(match_media("a/b;x=\"\\\"\", text/html", "text", "html").quality == 1000);
  CHECK(match_media("text/html;q=0", "text", "html").level == MatchLevel::exact);
  for (const char* bad : {"text/html;q=2", "text/html;q=1.001", "text/html;q=0.1234",
                          "text/html;q=", "text/html;q=-1", "text/html;q=.5", "*/html", "html", "*",
                          "text/html;q=1x", ",,;;,", "\"text/html", "text/html;q=01"}) {
    CAPTURE(bad);
    CHECK(match_media(bad, "text", "html").level == MatchLevel::none);
  }
  CHECK(match_media(std::string(3000, ',') + "text/html", "text", "html").quality == 0);
}

TEST_CASE("accept: pages for browsers, problem+json for programs") {
  CHECK(html(kBrowser));
  CHECK(html("text/html"));
  CHECK(html("text/html, application/json"));
  CHECK(html("text/*"));
  CHECK(html("*/*", "document"));
  CHECK(html("", "iframe"));
  CHECK_FALSE(html(""));
  CHECK_FALSE(html("*/*"));
  CHECK_FALSE(html("*/*", "empty"));
  CHECK_FALSE(html("application/json, text/plain, */*"));
  CHECK_FALSE(html("application/json, text/*"));
  CHECK_FALSE(html("application/problem+json;q=0.9, text/html;q=0.8"));
  CHECK(html("application/problem+json;q=0.8, text/html;q=0.9"));
  CHECK_FALSE(html("image/avif,image/webp,*/*;q=0.8", "image"));
  CHECK_FALSE(html("text/html;q=0, application/json", "document"));
  CHECK_FALSE(html("image/png"));
}

TEST_CASE("pages: every status has its own words, for a visitor") {
  for (const unsigned status : {400u, 403u, 404u, 408u, 413u, 414u, 417u, 421u, 426u, 429u, 431u,
                                500u, 501u, 502u, 503u, 504u, 505u}) {
    CAPTURE(status);
    const ErrorText text = error_text(status);
    CHECK(text.status == status);
    CHECK(text.sentence.ends_with('.'));
    const std::string page = error_body(
        {status, "0190a1b2-0000-7000-8000-000000000001", "shop.example"}, ErrorFormat::html);
    CHECK(has(page, "<html lang=\"en\">"));
    CHECK(has(page, "prefers-color-scheme:dark"));
    CHECK(has(page, "Error " + std::to_string(status)));
    CHECK(has(page, "0190a1b2-0000-7000-8000-000000000001"));
    CHECK(has(page, "shop.example"));
    for (const char* word : {"arquee", "upstream", "proxy", "nginx", "dramac"})
      CHECK_FALSE(has(page, word));
    const std::string json =
        error_body({status, "0190a1b2-0000-7000-8000-000000000001", "shop.example"},
                   ErrorFormat::problem_json);
    CHECK(json == "{\"type\":\"about:blank\",\"title\":\"" + std::string(text.reason) +
                      "\",\"status\":" + std::to_string(status) + ",\"detail\":\"" +
                      std::string(text.sentence) +
                      "\",\"instance\":\"urn:uuid:0190a1b2-0000-7000-8000-000000000001\","
                      "\"request_id\":\"0190a1b2-0000-7000-8000-000000000001\"}\n");
  }
  CHECK(error_text(418).status == 418);
  CHECK(error_text(418).reason == "Client Error");
  CHECK(error_text(599).reason == "Server Error");
  CHECK(error_text(599).status == 599);
}

TEST_CASE("pages: hostile values are escaped for their place") {
  const std::string evil = "<script>\"'&\x01\xFF\xC3\xBC\xED\xA0\x80";
  const std::string page = error_body({404, evil, evil}, ErrorFormat::html);
  CHECK_FALSE(has(page, "<script"));
  CHECK(has(page, "&lt;script&gt;&quot;&#39;&amp;"));
  CHECK(has(page, "\xC3\xBC"));
  for (const char bad : {'\x01', '\xFF', '\xED'}) CHECK(page.find(bad) == std::string::npos);
  const std::string json = error_body({404, evil, evil}, ErrorFormat::problem_json);
  CHECK(has(json, "<script>\\\"'&\\u0001"));
  CHECK_FALSE(has(json, "instance"));
  CHECK(json.find('\xFF') == std::string::npos);
  // Without an id or a host nothing is left hanging; long ones are cut.
  CHECK_FALSE(has(error_body({404, "", ""}, ErrorFormat::html), "Request"));
  CHECK_FALSE(has(error_body({404, "", ""}, ErrorFormat::problem_json), "request_id"));
  const std::string longest(10'000, '\x02');
  CHECK(error_body({404, longest, longest}, ErrorFormat::html).size() < 4'000);
  CHECK(error_body({404, longest, ""}, ErrorFormat::problem_json).ends_with("\"}\n"));
}
