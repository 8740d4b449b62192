// What branding does to heads: policies, entity tags, requests and answers.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/base64.hpp"
#include "proxy/branding/branded_head.hpp"
#include "proxy/branding/content_policy.hpp"
#include "proxy/branding/entity_tags.hpp"
#include "proxy/branding/stylesheet.hpp"
#include "proxy/snapshot.hpp"

using namespace marquee;
using namespace marquee::proxy;

namespace {

constexpr std::string_view kOrigin = "https://shop.example.com";
constexpr std::string_view kSheet = "https://shop.example.com/.well-known/marquee/brand-1.css";

std::string widened(std::string_view policy, ContentKind kind = ContentKind::style,
                    std::string_view source = kSheet) {
  return allow_in_policy(policy, {kind, source, kOrigin}).value_or("as it was");
}

routing::WhiteLabel bakery() {
  routing::WhiteLabel w;
  w.brand_name = "Rose & Co";
  w.logo_url = "/logo.svg";
  w.favicon_url = "https://cdn.example.net/icon.png?v=1";
  w.primary_color = "#8b1e3f";
  w.hide_powered_by = true;
  w.custom_css = "h1{color:red}";
  return w;
}

struct Heads {
  http::RequestHead request;
  http::ResponseHead response;
  Arena arena;
  Additions additions;
  std::shared_ptr<const DomainBrand> brand = make_domain_brand(bakery(), {});

  explicit Heads(unsigned status = 200) { response.status = static_cast<std::uint16_t>(status); }
  void ask(std::string_view name, std::string_view value) {
    request.fields.push({name, arena.copy(value), http::identify(name)});
  }
  void answer(std::string_view name, std::string_view value) {
    response.fields.push({name, arena.copy(value), http::identify(name)});
  }
  void edit() { edit_page_head(response, request, *brand, kOrigin, arena); }
  std::string field(std::string_view name) const {
    return std::string(value_of(response.fields, name));
  }
  std::string added(std::string_view name) const {
    std::string out;
    for (const AddedField& f : additions.fields())
      if (f.name == name) out += std::string(f.value) + ";";
    return out;
  }
};

}  // namespace

TEST_CASE("a policy that lets the stylesheet in stays as it is") {
  for (const char* policy :
       {"", "script-src 'none'", "default-src *", "default-src 'self'",
        "style-src https:", "style-src-elem 'self'; style-src 'none'", "style-src shop.example.com",
        "style-src HTTPS://SHOP.EXAMPLE.COM; default-src 'none'", "frame-ancestors 'none'",
        "default-src 'none'; style-src 'self' 'nonce-abc'"}) {
    CAPTURE(policy);
    CHECK(widened(policy) == "as it was");
  }
}

TEST_CASE("a policy in the way is extended by the one address, in the one directive") {
  const std::string sheet(kSheet);
  CHECK(widened("default-src 'none'") == "default-src 'none'; style-src " + sheet);
  CHECK(widened("default-src 'nonce-a' https://x.example") ==
        "default-src 'nonce-a' https://x.example; style-src 'nonce-a' https://x.example " + sheet);
  CHECK(widened("style-src 'none'; img-src *") == "style-src " + sheet + "; img-src *");
  CHECK(widened("Style-Src 'nonce-r4nd' 'sha256-abc='") ==
        "Style-Src 'nonce-r4nd' 'sha256-abc=' " + sheet);
  CHECK(widened("style-src") == "style-src " + sheet);
  CHECK(widened("style-src ;x") == "style-src " + sheet + " ;x");
  CHECK(widened("style-src 'self'; style-src-elem https://a.example") ==
        "style-src 'self'; style-src-elem https://a.example " + sheet);
  // The first of two counts; each policy of the list by itself.
  CHECK(widened("style-src a.example; style-src 'self'") ==
        "style-src a.example " + sheet + "; style-src 'self'");
  CHECK(widened("default-src 'self', style-src 'none'") ==
        "default-src 'self', style-src " + sheet);
  // Another host of the same end, and a path, are not the origin.
  CHECK(widened("style-src evilshop.example.com") != "as it was");
  CHECK(widened("style-src https://shop.example.com/css/") != "as it was");
  CHECK(widened("default-src 'none'", ContentKind::image, "https://i.example/x.png") ==
        "default-src 'none'; img-src https://i.example/x.png");
}

TEST_CASE("entity tags of branded pages") {
  const std::string tag = "0a1b2c3d";
  CHECK(branded_etag("\"abc\"", tag) == "W/\"abc-bs0a1b2c3d\"");
  CHECK(branded_etag("W/\"abc\"", tag) == "W/\"abc-bw0a1b2c3d\"");
  for (const char* bad : {"", "abc", "\"a", "\"a\" x", "\"a b\"", "w/\"a\""})
    CHECK(branded_etag(bad, tag).empty());
  for (const bool page : {true, false}) {
    CHECK(upstream_etags("W/\"abc-bs0a1b2c3d\"", tag, page) == "\"abc\"");
    CHECK(upstream_etags("W/\"a,c-bw0a1b2c3d\" , \"b-bs0a1b2c3d\"", tag, page) ==
          "W/\"a,c\", \"b\"");
    CHECK(upstream_etags("W/\"abc-bsffffffff\"", tag, page).empty());  // of the old brand
    CHECK(upstream_etags("*", tag, page) == "*");
    CHECK(upstream_etags("\"open", tag, page).empty());
  }
  CHECK(upstream_etags("\"plain\"", tag, true).empty());
  CHECK(upstream_etags("\"plain\"", tag, false) == "\"plain\"");
  CHECK(has_branded_etag("\"x\", W/\"abc-bs0a1b2c3d\"", tag));
  CHECK_FALSE(has_branded_etag("W/\"abc-bs0a1b2c3e\"", tag));
}

TEST_CASE("a brand's plan: stylesheet by content, field for the upstream, tag by page") {
  const auto brand = make_domain_brand(bakery(), {});
  REQUIRE(brand);
  CHECK(sheet_digest(brand->sheet_path).size() == kSheetDigest);
  CHECK(brand->plan.head.find("href=\"" + brand->sheet_path + "\"") != std::string::npos);
  CHECK(stylesheet_of(bakery(), {}).find("--brand-primary:#8b1e3f") != std::string::npos);
  const auto json = base::base64url_decode(brand->field);
  REQUIRE(json);
  CHECK(*json ==
        "{\"brand_name\":\"Rose & Co\",\"logo_url\":\"/logo.svg\","
        "\"favicon_url\":\"https://cdn.example.net/icon.png?v=1\","
        "\"brand_colors\":{\"primary\":\"#8b1e3f\"},\"hide_powered_by\":true,"
        "\"stylesheet\":\"" +
            brand->sheet_path + "\"}");
  CHECK(make_domain_brand({}, {}) == nullptr);

  routing::WhiteLabel other = bakery();
  other.custom_css += "h2{color:blue}";
  const auto second = make_domain_brand(other, {});
  CHECK(second->sheet_path != brand->sheet_path);
  CHECK(second->tag != brand->tag);
  config::Branding off;
  off.html = false;
  CHECK_FALSE(make_domain_brand(bakery(), off)->rewrites());
}

TEST_CASE("hostile rows give a bounded field without what cannot be used") {
  routing::WhiteLabel w;
  w.brand_name = std::string(256, '\x01') + "</title>\xff";
  w.logo_url = "https://x.example/" + std::string(2020, 'a');
  w.favicon_url = "javascript:alert(1)";
  w.primary_color = "red;}body{display:none";
  const auto brand = make_domain_brand(w, {});
  REQUIRE(brand);
  CHECK(brand->field.size() <= kMaxWhiteLabelField);
  const auto json = base::base64url_decode(brand->field);
  REQUIRE(json);
  CHECK(json->find("javascript") == std::string::npos);
  CHECK(json->find("display") == std::string::npos);
  CHECK(json->find('\x01') == std::string::npos);
  CHECK(brand->icon_url.empty());
  CHECK(brand->primary.empty());
}

TEST_CASE("paths of stylesheets") {
  const std::string digest(kSheetDigest, 'a');
  CHECK(sheet_digest("/.well-known/marquee/brand-" + digest + ".css") == digest);
  for (const std::string& path : std::vector<std::string>{
           "/", "/.well-known/marquee/brand-" + digest, "/.well-known/marquee/brand-.css",
           "/.well-known/marquee/brand-" + digest + "a.css",
           "/.well-known/marquee/brand-" + std::string(kSheetDigest, 'A') + ".css",
           "/.well-known/marquee/brand-" + digest + ".css?x"})
    CHECK(sheet_digest(path).empty());
}

TEST_CASE("requests: pages are asked for readable, assets are left alone") {
  const auto asked = [](std::string_view destination, std::string_view accept,
                        const char* tags = nullptr) {
    Heads h;
    if (tags) h.ask("If-None-Match", tags);
    if (!destination.empty()) h.ask("Sec-Fetch-Dest", destination);
    if (!accept.empty()) h.ask("Accept", accept);
    h.ask("Accept-Encoding", "gzip, br");
    h.ask("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT");
    if (!tags) h.ask("If-None-Match", "\"plain\", W/\"a-bs" + h.brand->tag + "\"");
    ask_for_page(h.request, *h.brand, h.arena, h.additions);
    return h.added("Accept-Encoding") + h.added("If-None-Match") +
           std::string(value_of(h.request.fields, "accept-encoding")) +
           (value_of(h.request.fields, "if-modified-since").empty() ? "" : " since");
  };
  CHECK(asked("document", "") == "identity;\"a\";");
  CHECK(asked("", "text/html,*/*;q=0.8") == "identity;\"a\";");
  CHECK(asked("empty", "text/html") == "identity;\"plain\", \"a\";");
  CHECK(asked("", "*/*") == "identity;\"plain\", \"a\";");
  // A date must not stand in for the tag of an older brand.
  CHECK(asked("", "*/*", "W/\"a-bs00000000\"") == "identity;");
  CHECK(asked("", "*/*", "\"plain\", W/\"a-bs00000000\"") == "identity;\"plain\";");
  CHECK(asked("", "*/*", "\"plain\"") == "identity;\"plain\"; since");
  for (const char* asset : {"script", "style", "image", "font", "Image"})
    CHECK(asked(asset, "*/*") == "gzip, br since");
}

TEST_CASE("which answers are branded") {
  const auto brandable = [](unsigned status, std::vector<std::pair<const char*, const char*>> f) {
    Heads h(status);
    for (const auto& [name, value] : f) h.answer(name, value);
    return is_brandable(h.response);
  };
  const std::pair<const char*, const char*> html{"Content-Type", "text/html; charset=utf-8"};
  CHECK(brandable(200, {html}));
  CHECK(brandable(404, {html}));
  CHECK(brandable(200, {{"content-type", "TEXT/HTML"}, {"Content-Encoding", "identity"}}));
  CHECK_FALSE(brandable(206, {html}));
  CHECK_FALSE(brandable(200, {}));
  CHECK_FALSE(brandable(200, {{"Content-Type", "text/html; charset=shift_jis"}}));
  CHECK_FALSE(brandable(200, {{"Content-Type", "application/xhtml+xml"}}));
  CHECK(brandable(200, {html, {"Content-Encoding", "gzip"}}));
  CHECK_FALSE(brandable(200, {html, {"Content-Encoding", "gzip, br"}}));
  CHECK_FALSE(brandable(200, {html, {"Content-Encoding", "br"}, {"content-encoding", "br"}}));
  CHECK_FALSE(
      brandable(200, {html, {"Cache-Control", "private"}, {"cache-control", "a, No-Transform"}}));
}

TEST_CASE("the head of a branded page") {
  Heads h;
  h.answer("Content-Type", "text/html");
  h.answer("ETag", "\"v1\"");
  for (const char* name : {"Accept-Ranges", "Digest", "Content-Digest", "Last-Modified"})
    h.answer(name, "x");
  h.answer("Content-Length", "5");  // of a HEAD
  h.answer("Content-Security-Policy", "default-src 'none'");
  h.answer("Content-Security-Policy", "frame-ancestors 'self'");
  h.edit();
  CHECK(h.field("etag") == "W/\"v1-bs" + h.brand->tag + "\"");
  CHECK(h.field("content-type") == "text/html");
  for (const char* name :
       {"accept-ranges", "digest", "content-digest", "last-modified", "content-length"})
    CHECK(h.field(name).empty());
  CHECK(h.field("content-security-policy") ==
        "default-src 'none'; style-src https://shop.example.com" + h.brand->sheet_path +
            "; img-src https://cdn.example.net/icon.png");
  std::size_t policies = 0;
  for (const http::Field& f : h.response.fields)
    policies += f.name == "Content-Security-Policy" && f.value == "frame-ancestors 'self'";
  CHECK(policies == 1);
}

TEST_CASE("heads of other answers stay, a 304 only to a tag of ours is changed") {
  for (const unsigned status : {200u, 206u, 304u}) {
    Heads h(status);
    h.answer("Content-Type", status == 206 ? "text/html" : "image/png");
    h.answer("ETag", "\"v1\"");
    h.answer("Accept-Ranges", "bytes");
    h.ask("If-None-Match", "\"v1\"");
    h.edit();
    CHECK(h.field("etag") == "\"v1\"");
    CHECK(h.field("accept-ranges") == "bytes");
  }
  Heads h(304);
  h.ask("If-None-Match", "W/\"v1-bs" + h.brand->tag + "\"");
  ask_for_page(h.request, *h.brand, h.arena, h.additions);
  h.answer("ETag", "\"v1\"");
  h.edit();
  CHECK(h.field("etag") == "W/\"v1-bs" + h.brand->tag + "\"");
}

TEST_CASE("a policy of the domain's own edits lets the stylesheet in") {
  config::FieldEdits edits;
  edits.set = {{"content-security-policy", "style-src 'none'"}, {"X-A", "style-src 'none'"}};
  const auto out = with_brand(edits, *make_domain_brand(bakery(), {}));
  CHECK(out.set[0].second == "style-src 'self'");
  CHECK(out.set[1].second == "style-src 'none'");
}

TEST_CASE("the stylesheet is answered at the edge") {
  routing::Domain domain(*base::parse_hostname("shop.example.com").name);
  domain.own_brand = bakery();
  DomainPlan plan;
  plan.domain = std::make_shared<routing::Domain>(domain);
  plan.brand = make_domain_brand(bakery(), {});
  Stylesheets source;
  struct Answer {
    bool given = false;
    LocalContent content;
    std::string field(std::string_view name) const {
      for (const auto& [n, value] : content.fields)
        if (n == name) return value;
      return {};
    }
  };
  const auto ask = [&](std::string_view path, std::string_view tags = {},
                       http::Method method = http::Method::get) {
    http::RequestHead request;
    request.method = method;
    if (!tags.empty()) request.fields.push({"If-None-Match", tags, http::FieldId::other});
    Answer out;
    out.given = source.answer({request, path, &plan}, out.content);
    return out;
  };
  const std::string path = plan.brand->sheet_path;
  const std::string etag = "\"" + std::string(sheet_digest(path)) + "\"";
  const Answer whole = ask(path);
  CHECK(whole.given);
  CHECK(whole.content.body == stylesheet_of(bakery(), {}));
  CHECK(whole.content.content_type == "text/css; charset=utf-8");
  CHECK(whole.field("Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(whole.field("ETag") == etag);
  CHECK(whole.field("X-Content-Type-Options") == "nosniff");
  for (const std::string& tags : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const Answer known = ask(path, tags);
    CHECK(known.content.status == 304);
    CHECK(known.content.body.empty());
    CHECK(known.content.content_type.empty());
  }
  CHECK(ask(path, "\"x\"").content.status == 200);
  // Another digest: what there is now, for this once.
  const std::string other =
      std::string(kSheetPrefix) + std::string(kSheetDigest, '0') + std::string(kSheetSuffix);
  CHECK(ask(other).content.body == whole.content.body);
  CHECK(ask(other).field("Cache-Control") == "no-cache");
  CHECK(ask(path, {}, http::Method::post).content.status == 405);
  CHECK_FALSE(ask("/.well-known/marquee/brand-x.css").given);
  plan.brand = nullptr;
  CHECK_FALSE(ask(path).given);
}
