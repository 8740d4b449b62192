#include "proxy/branding/stylesheet.hpp"

#include <string>

#include "proxy/branding/branded_head.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::proxy {
namespace {

// RFC 9110 13.1.2, by weak comparison.
bool has_it(const http::FieldTable& fields, std::string_view etag) {
  for (const http::Field& f : fields) {
    if (f.dropped || !http::iequals(f.name, "if-none-match")) continue;
    const bool none = http::for_each_member(f.value, [&](std::string_view tag) {
      if (tag.starts_with("W/")) tag.remove_prefix(2);
      return tag != etag && tag != "*";
    });
    if (!none) return true;
  }
  return false;
}

}  // namespace

bool Stylesheets::answer(const EdgeRequest& request, LocalContent& content) {
  const std::string_view asked = sheet_digest(request.path);
  if (asked.empty() || !request.plan || !request.plan->brand) return false;
  const DomainBrand& brand = *request.plan->brand;
  if (brand.sheet_path.empty()) return false;
  const http::Method method = request.request.method;
  if (method != http::Method::get && method != http::Method::head) {
    content.status = 405;
    content.fields.emplace_back("Allow", "GET, HEAD");
    return true;
  }
  const std::string_view digest = sheet_digest(brand.sheet_path);
  const std::string etag = '"' + std::string(digest) + '"';
  content.fields.emplace_back("Cache-Control",
                              asked == digest ? "public, max-age=31536000, immutable" : "no-cache");
  content.fields.emplace_back("ETag", etag);
  content.fields.emplace_back("X-Content-Type-Options", "nosniff");
  if (has_it(request.request.fields, etag)) {
    content.status = 304;
    return true;
  }
  content.content_type = "text/css; charset=utf-8";
  content.body = stylesheet_of(request.plan->domain->white_label(), brand.css_hosts);
  return true;
}

}  // namespace marquee::proxy
