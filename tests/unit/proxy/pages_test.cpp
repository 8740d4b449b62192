#include "proxy/pages.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <memory>
#include <string>

#include "base/hostname.hpp"
#include "proxy/snapshot.hpp"

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

namespace {

constexpr std::string_view kId = "0190a1b2-0000-7000-8000-000000000001";

struct Client {
  marquee::proxy::http::RequestHead head;
  explicit Client(std::string_view accept, std::string_view languages = {}) {
    const auto put = [this](std::string_view name, std::string_view value) {
      if (!value.empty()) head.fields.push({name, value, http::identify(name)});
    };
    put("Accept", accept);
    put("accept-language", languages);
  }
};

std::string field(const LocalContent& answer, std::string_view name) {
  std::string found;
  for (const auto& [n, value] : answer.fields)
    if (n == name) found += value;
  return found;
}

LocalContent answer(const ErrorFacts& facts, const Client& client,
                    const marquee::config::Pages& settings = {}) {
  return error_answer(facts, client.head, marquee::brand::PageSet(settings));
}

}  // namespace

TEST_CASE("pages: problem+json for programs, always the same words") {
  for (const unsigned status : {400u, 403u, 404u, 408u, 413u, 414u, 417u, 421u, 426u, 429u, 431u,
                                500u, 501u, 502u, 503u, 504u, 505u}) {
    CAPTURE(status);
    const LocalContent json = answer({status, RefusalCause::none, kId, "shop.example", "7"},
                                     Client("application/json", "de"));
    const auto& text = marquee::brand::text_of(marquee::brand::Language::en,
                                               marquee::brand::PageState::none, status);
    CHECK(json.status == status);
    CHECK(json.content_type == "application/problem+json");
    CHECK(json.body ==
          "{\"type\":\"about:blank\",\"title\":\"" + std::string(error_reason(status)) +
              "\",\"status\":" + std::to_string(status) + ",\"detail\":\"" +
              std::string(text.text) + "\",\"instance\":\"urn:uuid:" + std::string(kId) +
              "\",\"request_id\":\"" + std::string(kId) + "\"}\n");
    CHECK(field(json, "Vary") == "Accept");
    CHECK(field(json, "Retry-After") == "7");
    CHECK(field(json, "Content-Security-Policy").empty());
  }
  CHECK(error_reason(418) == "Client Error");
  CHECK(error_reason(599) == "Server Error");
  const std::string evil = "<script>\"'&\x01\xFF\xC3\xBC\xED\xA0\x80";
  const std::string body = answer({404, RefusalCause::none, evil, evil}, Client("")).body;
  CHECK(has(body, "<script>\\\"'&\\u0001"));
  CHECK_FALSE(has(body, "instance"));
  CHECK(body.find('\xFF') == std::string::npos);
  CHECK_FALSE(has(answer({404}, Client("")).body, "request_id"));
  const std::string longest(10'000, '\x02');
  for (const auto cause : {RefusalCause::none, RefusalCause::unknown_host})
    CHECK(answer({404, cause, longest, longest}, Client("")).body.ends_with("\"}\n"));
}

TEST_CASE("pages: a page in the visitor's language, never kept, with its policy") {
  const LocalContent page = answer({503, RefusalCause::maintenance, kId, "shop.example", "300"},
                                   Client("text/html", "ja, de-CH;q=0.9, fr;q=0.8"));
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(has(page.body, "<h1>Wir arbeiten an dieser Website</h1>"));
  CHECK(field(page, "Content-Language") == "de");
  CHECK(field(page, "Vary") == "Accept, Accept-Language");
  CHECK(field(page, "Cache-Control") == "no-store");
  CHECK(field(page, "Retry-After") == "300");
  CHECK(has(field(page, "Content-Security-Policy"), "default-src 'none'; style-src 'sha256-"));
  marquee::config::Pages settings;
  settings.language = "pl";
  CHECK(field(answer({404}, Client("text/html"), settings), "Content-Language") == "pl");
}

TEST_CASE("pages: each cause that has a page of its own") {
  const auto title = [](RefusalCause cause, unsigned status) {
    const std::string body = answer({status, cause}, Client("text/html")).body;
    const std::size_t at = body.find("<h1>") + 4;
    return body.substr(at, body.find("</h1>") - at);
  };
  CHECK(title(RefusalCause::unknown_host, 404) == "This domain is not connected yet");
  CHECK(title(RefusalCause::agency_suspended, 503) == "This site is suspended");
  CHECK(title(RefusalCause::domain_disabled, 503) == "This site is switched off");
  CHECK(title(RefusalCause::installation_disabled, 503) == "This site is switched off");
  CHECK(title(RefusalCause::site_unpublished, 404) == "This site has not been published");
  CHECK(title(RefusalCause::maintenance, 503) == "We are working on this site");
  CHECK(title(RefusalCause::path_refused, 404) == "This page does not exist");
  CHECK(has(answer({404, RefusalCause::unknown_host}, Client("text/html")).body,
            "<h2>Is this your domain?</h2>"));
}

TEST_CASE("pages: the domain's brand, where it is the visitor's own domain") {
  DomainPlan plan;
  auto domain = std::make_shared<marquee::routing::Domain>(
      *marquee::base::parse_hostname("shop.example").name);
  domain->agency = *marquee::base::AgencyId::parse("6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01");
  plan.domain = domain;
  marquee::routing::WhiteLabel row;
  row.brand_name = "Rose </title> Bakery";
  row.logo_url = "/logo.svg";
  row.favicon_url = "javascript:alert(1)";
  row.primary_color = "#8b1e3f";
  plan.brand = make_domain_brand(row, {});
  ErrorFacts facts{502, RefusalCause::none, kId, "shop.example", {}, &plan};
  std::string body = answer(facts, Client("text/html")).body;
  CHECK(has(body, "| Rose &lt;/title&gt; Bakery</title>"));
  CHECK(has(body, "<img src=\"/logo.svg\""));
  CHECK(has(body, "--brand:#8b1e3f"));
  CHECK_FALSE(has(body, "javascript:"));
  // Nothing below the domain is there while it does not serve.
  facts.cause = RefusalCause::agency_suspended;
  body = answer(facts, Client("text/html")).body;
  CHECK(has(body, "<header><bdi>Rose &lt;/title&gt; Bakery</bdi></header>"));
  CHECK_FALSE(has(body, "logo.svg"));
  facts.cause = RefusalCause::misdirected;
  body = answer(facts, Client("text/html")).body;
  CHECK_FALSE(has(body, "Rose"));
  CHECK_FALSE(has(body, "8b1e3f"));
  // Templates of its agency, and not of another.
  marquee::config::Pages settings;
  settings.files = {{"/p", "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01", "page",
                     std::make_shared<const std::string>("ours")},
                    {"/p", "7f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01", "page",
                     std::make_shared<const std::string>("theirs")}};
  facts.cause = RefusalCause::none;
  CHECK(answer(facts, Client("text/html"), settings).body == "ours");
  facts.plan = nullptr;
  CHECK(has(answer(facts, Client("text/html"), settings).body, "<!doctype html>"));
}
