#include "proxy/coding/negotiation.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/quality.hpp"
#include "proxy/branding/branded_head.hpp"
#include "proxy/http/framing.hpp"

namespace marquee::proxy {
namespace {

using http::iequals;

constexpr std::size_t kMaxRead = 1024;  // bytes of Accept-Encoding

constexpr std::array<std::string_view, 11> kTexts{"application/json",
                                                  "application/javascript",
                                                  "application/x-javascript",
                                                  "application/xml",
                                                  "application/manifest+json",
                                                  "application/wasm",
                                                  "application/graphql",
                                                  "image/svg+xml",
                                                  "image/x-icon",
                                                  "font/ttf",
                                                  "application/vnd.ms-fontobject"};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Thousandths; a malformed weight is none (0): the member is not used.
unsigned weight(std::string_view parameters) {
  parameters = trimmed(parameters);
  if (parameters.empty()) return 1000;
  if (parameters.size() < 3 || (parameters[0] | 0x20) != 'q' || parameters[1] != '=') return 0;
  return base::parse_quality(parameters.substr(2)).value_or(0);
}

bool is_text(std::string_view type) {
  type = trimmed(type.substr(0, type.find(';')));
  if (iequals(type.substr(0, 5), "text/")) return !iequals(type, "text/event-stream");
  for (const std::string_view end : {"+json", "+xml"})
    if (type.size() > end.size() && iequals(type.substr(type.size() - end.size()), end))
      return true;
  return std::any_of(kTexts.begin(), kTexts.end(),
                     [&](std::string_view t) { return iequals(type, t); });
}

bool is_compressible_kind(const http::ResponseHead& response) {
  if (response.status < 200 || response.status == 206 || response.status == 204 ||
      response.status == 304)
    return false;
  const http::Field* type = response.fields.find(http::FieldId::content_type);
  return type && is_text(type->value) && value_of(response.fields, "content-range").empty() &&
         !lists(response.fields, "cache-control", "no-transform");
}

}  // namespace

Coding choose_coding(const http::FieldTable& request, const std::vector<Coding>& offered) {
  std::array<int, 5> weights;
  weights.fill(-1);
  int any = -1;
  for (const http::Field& f : request) {
    if (!iequals(f.name, "accept-encoding") || f.twin) continue;
    http::for_each_member(f.value.substr(0, kMaxRead), [&](std::string_view member) {
      const std::size_t semicolon = std::min(member.find(';'), member.size());
      const std::string_view name = trimmed(member.substr(0, semicolon));
      const int q = static_cast<int>(weight(member.substr(std::min(semicolon + 1, member.size()))));
      if (name == "*") any = q;
      const Coding coding = parse_coding(name);
      if (!name.empty() && coding != Coding::unknown) weights[static_cast<std::size_t>(coding)] = q;
      return true;
    });
  }
  Coding best = Coding::identity;
  int highest = 0;
  for (const Coding coding : offered) {
    const int own = weights[static_cast<std::size_t>(coding)];
    const int q = own >= 0 ? own : any;
    if (q > highest) {
      highest = q;
      best = coding;
    }
  }
  // Who would rather have it as it is gets it so.
  if (weights[0] > highest) return Coding::identity;
  return best;
}

Coding coding_of(const http::FieldTable& response) {
  Coding out = Coding::identity;
  bool seen = false;
  for (const http::Field& f : response) {
    if (!iequals(f.name, "content-encoding")) continue;
    out = seen ? Coding::unknown : parse_coding(f.value);
    seen = true;
  }
  return out;
}

bool is_compressible(const http::ResponseHead& response, std::uint64_t least_size) {
  return response.body.kind != http::BodyKind::none &&
         (response.body.kind != http::BodyKind::length || response.body.length >= least_size) &&
         is_compressible_kind(response);
}

bool is_compressible_by_head(const http::ResponseHead& response, std::uint64_t least_size) {
  for (const http::Field& f : response.fields) {
    if (f.id != http::FieldId::content_length) continue;
    std::uint64_t length = 0;
    std::from_chars(f.value.data(), f.value.data() + f.value.size(), length);
    if (length < least_size) return false;
  }
  return is_compressible_kind(response);
}

std::optional<std::string> vary_by_coding(const http::FieldTable& response) {
  if (lists(response, "vary", "accept-encoding") || lists(response, "vary", "*"))
    return std::nullopt;
  std::string out;
  for (const http::Field& f : response)
    if (!f.dropped && iequals(f.name, "vary") && !f.value.empty()) out.append(f.value).append(", ");
  return out + "Accept-Encoding";
}

}  // namespace marquee::proxy
