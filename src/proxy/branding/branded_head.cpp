#include "proxy/branding/branded_head.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "brand/charset.hpp"
#include "brand/safe_url.hpp"
#include "proxy/branding/content_policy.hpp"
#include "proxy/branding/entity_tags.hpp"
#include "proxy/coding/negotiation.hpp"
#include "proxy/http/accept.hpp"
#include "proxy/http/framing.hpp"

namespace marquee::proxy {
namespace {

using http::iequals;

// Fetch 2.2.5: destinations whose answer is shown as a document.
constexpr std::array<std::string_view, 6> kPages{"document", "iframe", "frame",
                                                 "embed",    "object", "fencedframe"};

// What is no longer true of a page that was changed.
constexpr std::array<std::string_view, 6> kUntrue{"accept-ranges", "digest",      "content-digest",
                                                  "repr-digest",   "content-md5", "last-modified"};

template <std::size_t N>
bool in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view n) { return iequals(n, name); });
}

bool names_html(std::string_view content_type) {
  return brand::judge_content_type(content_type) != brand::CharsetVerdict::foreign;
}

void allow_brand(http::Field& policy, const DomainBrand& brand, std::string_view origin,
                 Arena& arena) {
  if (!brand.sheet_path.empty()) {
    std::string source(origin);
    source += brand.sheet_path;
    if (const auto wider = allow_in_policy(policy.value, {ContentKind::style, source, origin}))
      policy.value = arena.copy(*wider);
  }
  if (brand.icon_url.empty() || !brand.plan.replaces_icons) return;
  std::string icon = brand.icon_url.substr(0, brand.icon_url.find_first_of("?#"));
  if (icon.front() == '/') icon.insert(0, origin);
  // Characters that would end a source list, or the policy.
  if (icon.find_first_of(";, '\"") != std::string::npos) return;
  if (const auto wider = allow_in_policy(policy.value, {ContentKind::image, icon, origin}))
    policy.value = arena.copy(*wider);
}

bool is_policy(std::string_view name) {
  return iequals(name, "content-security-policy") ||
         iequals(name, "content-security-policy-report-only");
}

// A 304 says of which page; the client asked by a tag that was ours.
bool is_our_304(const http::ResponseHead& response, const http::RequestHead& request,
                std::string_view tag) {
  if (response.status != 304) return false;
  for (const http::Field& f : request.fields)
    if (iequals(f.name, "if-none-match") && has_branded_etag(f.value, tag)) return true;
  return false;
}

}  // namespace

bool lists(const http::FieldTable& fields, std::string_view name, std::string_view member) {
  for (const http::Field& f : fields) {
    if (f.dropped || !iequals(f.name, name)) continue;
    const bool none = http::for_each_member(f.value, [&](std::string_view m) {
      return !iequals(m.substr(0, m.find_first_of("=;")), member);
    });
    if (!none) return true;
  }
  return false;
}

std::string_view value_of(const http::FieldTable& fields, std::string_view name) {
  for (const http::Field& f : fields)
    if (!f.dropped && iequals(f.name, name)) return f.value;
  return {};
}

Wanted wanted_by(const http::RequestHead& request) {
  const std::string_view destination = value_of(request.fields, "sec-fetch-dest");
  if (in(kPages, destination)) return Wanted::page;
  if (iequals(destination, "empty")) return Wanted::anything;
  if (!destination.empty()) return Wanted::asset;
  const MediaMatch html = match_media(value_of(request.fields, "accept"), "text", "html");
  return html.level == MatchLevel::exact && html.quality > 0 ? Wanted::page : Wanted::anything;
}

void ask_for_page(http::RequestHead& request, const DomainBrand& brand, Arena& arena,
                  Additions& additions) {
  if (!brand.rewrites()) return;
  const Wanted wanted = wanted_by(request);
  if (wanted == Wanted::asset) return;
  // It would not tell that the brand has changed: goes with any tag that is not the
  // upstream's own, too, or it would take the tag's place (RFC 9110 13.1.3).
  bool undated = wanted == Wanted::page;
  for (http::Field& f : request.fields) {
    if (f.dropped) continue;
    if (iequals(f.name, "accept-encoding")) {
      f.dropped = true;
    } else if (iequals(f.name, "if-none-match")) {
      const std::string tags = upstream_etags(f.value, brand.tag, wanted == Wanted::page);
      f.dropped = true;
      undated |= tags != f.value;
      if (!tags.empty()) additions.add("If-None-Match", arena.copy(tags));
    }
  }
  if (undated)
    for (http::Field& f : request.fields) f.dropped |= iequals(f.name, "if-modified-since");
  additions.add("Accept-Encoding", "identity");
}

bool is_brandable(const http::ResponseHead& response) {
  if (response.status < 200 || response.status == 206) return false;
  const http::Field* type = response.fields.find(http::FieldId::content_type);
  if (!type || !names_html(type->value)) return false;
  if (coding_of(response.fields) == Coding::unknown) return false;
  return !lists(response.fields, "cache-control", "no-transform");
}

void edit_page_head(http::ResponseHead& response, const http::RequestHead& request,
                    const DomainBrand& brand, std::string_view origin, Arena& arena) {
  const bool ours = is_our_304(response, request, brand.tag);
  if (!ours && (response.status == 304 || !is_brandable(response))) return;
  for (http::Field& f : response.fields) {
    if (f.dropped) continue;
    if (iequals(f.name, "etag")) {
      const std::string etag = branded_etag(f.value, brand.tag);
      f.dropped = etag.empty();
      if (!etag.empty()) f.value = arena.copy(etag);
    } else if (in(kUntrue, f.name) || f.id == http::FieldId::content_length) {
      f.dropped = true;  // a length is there only where no body follows
    } else if (is_policy(f.name)) {
      allow_brand(f, brand, origin, arena);
    }
  }
}

}  // namespace marquee::proxy
