// The fields of upstreams' answers under a customer's domain.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/answers/answer_plan.hpp"
#include "routing/directory_domain.hpp"

using namespace marquee;
using namespace marquee::proxy;

namespace {

const Visitor kVisitor{"https://shop.example.com:8443", "/module-render/42"};

HostRewriter rewriter(bool own = false) {
  return {{"app.example.com", "*.sites.example.com"}, own};
}

struct Case {
  const char* from;
  const char* to;  // "=": stays
};

template <typename Rewrite>
void check(std::initializer_list<Case> cases, Rewrite rewrite) {
  for (const Case& c : cases) {
    CAPTURE(c.from);
    CHECK(rewrite(c.from).value_or("=") == c.to);
  }
}

struct Answer {
  http::RequestHead request;
  http::ResponseHead response;
  Additions additions;
  Audience audience = Audience::everybody;
  Arena arena;
  config::Settings settings;
  routing::Domain domain{*base::parse_hostname("shop.example.com").name};
  std::shared_ptr<routing::DomainRecord> row;
  std::shared_ptr<const AnswerPlan> plan;

  explicit Answer(bool directory = true) {
    request.method = http::Method::get;
    request.host = "shop.example.com";
    response.status = 200;
    if (directory) {
      row = std::make_shared<routing::DomainRecord>(domain.host);
      domain.record = row;
    }
    domain.certificate_source = routing::CertificateSource::directory;
  }
  void ask(std::string_view name) { request.fields.push({name, "x", http::identify(name)}); }
  void say(std::string_view name, std::string_view value) {
    response.fields.push({name, value, http::identify(name)});
  }
  bool apply(bool secure = true, std::string_view prefix = {}) {
    plan = AnswerPlan::make(domain, settings);
    if (!plan) return false;
    plan->apply(response, {request, secure, prefix, arena, audience}, additions);
    return true;
  }
  std::string text() const {
    std::string out;
    for (const http::Field& f : response.fields)
      if (!f.dropped) out.append(f.name).append(":").append(f.value).append("\n");
    for (const AddedField& f : additions.fields())
      out.append(f.name).append(":").append(f.value).append("\n");
    return out;
  }
  bool has(std::string_view line) const {
    return ("\n" + text()).find("\n" + std::string(line) + "\n") != std::string::npos;
  }
};

}  // namespace

TEST_CASE("addresses of the platform become the visitor's") {
  const auto location = [](const char* v) { return rewriter().url(v, kVisitor); };
  check({{"https://app.example.com/login", "https://shop.example.com:8443/login"},
         {"http://APP.example.com:3000/module-render/42/a?b=1#c",
          "https://shop.example.com:8443/a?b=1#c"},
         {"https://app.example.com", "https://shop.example.com:8443/"},
         {"https://app.example.com?x", "https://shop.example.com:8443/?x"},
         {"//app.example.com/x", "https://shop.example.com:8443/x"},
         {"https://a.sites.example.com./x", "https://shop.example.com:8443/x"},
         {"/module-render/42", "/"},
         {"/module-render/42/", "/"},
         {"/module-render/42?x=1", "/?x=1"},
         {"/module-render/42//evil.example/", "/evil.example/"},
         {"https://app.example.com//evil.example/", "https://shop.example.com:8443/evil.example/"},
         {"/module-render/421/x", "="},
         {"/other", "="},
         {"x/y", "="},
         {"", "="},
         {"https://sites.example.com/x", "="},
         {"https://app.example.com.evil.example/", "="},
         {"https://evilapp.example.com/", "="},
         {"https://user@app.example.com/", "="},
         {"https://app.example.com@evil.example/", "="},
         {"mailto:a@app.example.com", "="},
         {"javascript://app.example.com/", "="},
         {"https://evil.example/https://app.example.com/", "="}},
        location);
  CHECK_FALSE(rewriter(true).url("https://app.example.com/login", kVisitor));
  CHECK(rewriter(true).url("https://app.example.com/module-render/42/a", kVisitor) ==
        "https://shop.example.com:8443/a");
}

TEST_CASE("refresh, links and cookies of the platform") {
  check({{"5; url=https://app.example.com/x", "5; url=https://shop.example.com:8443/x"},
         {"0;URL = 'http://app.example.com/x'", "0;URL = 'https://shop.example.com:8443/x'"},
         {"1, /module-render/42/x", "1, /x"},
         {"5", "="},
         {"5; url=https://other.example/", "="}},
        [](const char* v) { return rewriter().refresh(v, kVisitor); });
  check({{"<https://app.example.com/a.css>; rel=preload, </module-render/42/b>; rel=next",
          "<https://shop.example.com:8443/a.css>; rel=preload, </b>; rel=next"},
         {"<https://x.example/>; title=\"<https://app.example.com/>\"", "="},
         {"<https://x.example/>; title=\"\\\"<https://app.example.com/>\"", "="},
         {"<https://app.example.com/open", "<https://shop.example.com:8443/open"},
         {"nothing", "="}},
        [](const char* v) { return rewriter().link(v, kVisitor); });
  check({{"a=b; Domain=app.example.com; Path=/; Secure", "a=b; Path=/; Secure"},
         {"a=b; domain=.example.com", "a=b"},
         {"a=b; Domain=sites.example.com; HttpOnly", "a=b; HttpOnly"},
         {"a=b;Path=/module-render/42; SameSite=Lax", "a=b; Path=/; SameSite=Lax"},
         {"domain=app.example.com", "="},  // a cookie of that name
         {"a=b; Domain=shop.example.org", "="},
         {"a=b; Domain=ample.com", "="},
         {"a=b; Path=/module-render/421", "="}},
        [](const char* v) { return rewriter().set_cookie(v, kVisitor); });
}

TEST_CASE("what a domain's answers get and lose") {
  Answer a;
  a.say("Server", "platform/9");
  a.say("x-powered-by", "Next.js");
  a.say("Strict-Transport-Security", "max-age=63072000; includeSubDomains");
  a.say("Referrer-Policy", "no-referrer");
  a.say("X-Other", "stays");
  REQUIRE(a.apply());
  CHECK(a.text() == "Referrer-Policy:no-referrer\nX-Other:stays\nX-Content-Type-Options:nosniff\n");

  Answer b;
  b.settings.answers.hsts = std::chrono::hours(24);
  b.settings.answers.server = "web";
  b.domain.response_fields.remove = {"Referrer-Policy"};
  b.say("Server", "platform/9");
  REQUIRE(b.apply());
  CHECK(b.text() ==
        "X-Content-Type-Options:nosniff\nStrict-Transport-Security:max-age=86400\nServer:web\n");
  b.settings.answers.hsts_subdomains = true;
  b.additions.clear();
  b.apply();
  CHECK(b.has("Strict-Transport-Security:max-age=86400; includeSubDomains"));
}

TEST_CASE("no HSTS before https is good") {
  for (int i = 0; i < 4; ++i) {
    Answer a;
    a.settings.answers.hsts = std::chrono::hours(24);
    if (i == 1) a.domain.redirect_to_https = false;
    if (i == 2) a.domain.certificate_source = routing::CertificateSource::internal;
    a.apply(i != 3);
    CAPTURE(i);
    CHECK(a.has("Strict-Transport-Security:max-age=86400") == (i == 0));
  }
}

TEST_CASE("where the rules hold") {
  CHECK(Answer().apply());
  CHECK_FALSE(Answer(false).apply());
  Answer all(false);
  all.settings.answers.domains = config::AnswerScope::all;
  CHECK(all.apply());
  all.domain.host_class = routing::HostClass::app;
  CHECK_FALSE(all.apply());
  Answer none;
  none.settings.answers.domains = config::AnswerScope::none;
  CHECK_FALSE(none.apply());
}

TEST_CASE("shared caching only where it is safe") {
  const auto cached = [](int ttl, auto prepare, bool cdn = false) {
    Answer a;
    a.row->config.cache_ttl = std::chrono::seconds(ttl);
    a.row->config.enable_cdn = cdn;
    prepare(a);
    a.apply();
    std::string out;
    for (const AddedField& f : a.additions.fields())
      if (f.name.find("Control") != std::string_view::npos)
        out.append(f.name).append("=").append(f.value).append(";");
    return out;
  };
  const std::string shared = "Cache-Control=public, max-age=60;";
  CHECK(cached(60, [](Answer&) {}) == shared);
  CHECK(cached(
            60, [](Answer&) {}, true) ==
        shared + "CDN-Cache-Control=max-age=60;Surrogate-Control=max-age=60;");
  CHECK(cached(60, [](Answer& a) { a.say("Cache-Control", "public, max-age=5"); }) == shared);
  CHECK(cached(
            0, [](Answer&) {}, true) == "Cache-Control=no-store;");
  CHECK(cached(60, [](Answer& a) { a.request.method = http::Method::head; }) == shared);
  const std::vector<void (*)(Answer&)> unsafe{
      [](Answer& a) { a.request.method = http::Method::post; },
      [](Answer& a) { a.response.status = 500; },
      [](Answer& a) { a.response.status = 206; },
      [](Answer& a) { a.ask("Authorization"); },
      [](Answer& a) { a.ask("cookie"); },
      [](Answer& a) { a.ask("X-API-Key"); },
      [](Answer& a) { a.ask("x-embed-token"); },
      [](Answer& a) { a.ask("Proxy-Authorization"); },
      [](Answer& a) {
        a.ask("Authorization");
        a.request.fields.begin()->dropped = true;  // as a gate does
      },
      [](Answer& a) { a.audience = Audience::some; },
      [](Answer& a) { a.response.status = 301; },
      [](Answer& a) { a.response.status = 308; },
      [](Answer& a) { a.response.status = 404; },
      [](Answer& a) { a.response.status = 410; },
      [](Answer& a) { a.say("Expires", "0"); },
      [](Answer& a) { a.say("expires", "Wed, 21 Oct 2065 07:28:00 GMT"); },
      [](Answer& a) { a.say("Pragma", "no-cache"); },
      [](Answer& a) { a.say("CDN-Cache-Control", "no-store"); },
      [](Answer& a) { a.say("Surrogate-Control", "max-age=5, private"); },
      [](Answer& a) { a.say("Set-Cookie", "a=b"); },
      [](Answer& a) { a.say("Cache-Control", "Private=\"x\", max-age=5"); },
      [](Answer& a) { a.say("cache-control", "max-age=5"), a.say("Cache-Control", "no-store"); },
      [](Answer& a) { a.say("Cache-Control", "no-cache"); },
      [](Answer& a) { a.say("Vary", "Accept, Cookie"); },
      [](Answer& a) { a.say("Vary", "*"); },
      [](Answer& a) { a.row->config.cache_ttl.reset(); },
      [](Answer& a) {
        a.domain.response_fields.set = {{"Cache-Control", "max-age=1"}};
      },
  };
  for (const std::uint16_t status : {std::uint16_t{203}, std::uint16_t{204}})
    CHECK(cached(60, [&](Answer& a) { a.response.status = status; }) == shared);
  // What nobody may keep needs no such care.
  for (const std::uint16_t status : {std::uint16_t{301}, std::uint16_t{404}})
    CHECK(cached(0, [&](Answer& a) { a.response.status = status; }) == "Cache-Control=no-store;");
  CHECK(cached(0, [](Answer& a) { a.ask("X-API-Key"), a.audience = Audience::some; }) ==
        "Cache-Control=no-store;");
  for (std::size_t i = 0; i < unsafe.size(); ++i) {
    CAPTURE(i);
    CHECK(cached(60, unsafe[i], true).empty());
  }
}

TEST_CASE("which fields a row may set") {
  config::Answers a;
  const config::Fields wanted{{"X-Frame-Options", "DENY"},
                              {"access-control-allow-origin", "*"},
                              {"ETag", "\"x\""},
                              {"X-Team", "rose"}};
  const auto names = [&] {
    std::string out;
    for (const auto& [name, value] : allowed_fields(wanted, a)) out += name + " ";
    return out;
  };
  CHECK(names() == "X-Frame-Options X-Team ");
  a.allowed_fields = {"x-t*", "etag"};
  CHECK(names() == "X-Team ");
  a.denied_fields.clear();
  CHECK(names() == "ETag X-Team ");
}

TEST_CASE("the upstream's own names are those of the settings") {
  Answer a;
  a.settings.hosts.app_hosts.push_back({"App.Example.com", {}});
  a.settings.hosts.sites_base = {"sites.example.com", {}};
  a.settings.answers.platform_hosts = {"old.example.com"};
  auto& upstream = a.settings.upstreams.emplace_back();
  upstream.host_field = "render.example.com:8080";
  const char* hosts[] = {"app.example.com", "x.sites.example.com", "old.example.com",
                         "render.example.com"};
  for (const char* host : hosts) {
    Answer b;
    b.settings = a.settings;
    const std::string location = "https://" + std::string(host) + "/p/x";
    b.say("Location", location);
    b.apply(true, "/p");
    CHECK(b.has("Location:https://shop.example.com/x"));
  }
  a.settings.answers.rewrite = config::HostRewrite::off;
  a.say("Location", "https://app.example.com/x");
  a.apply();
  CHECK(a.has("Location:https://app.example.com/x"));
}
