#include "proxy/branding/entity_tags.hpp"

#include <algorithm>

namespace marquee::proxy {
namespace {

constexpr std::size_t kTag = 8;
constexpr std::size_t kSuffix = 3 + kTag;  // "-bs" or "-bw", and the brand's

struct EntityTag {
  bool weak = false;
  std::string_view opaque;  // between the quotes
};

// Cuts one tag off the front; false where there is none.
bool take_tag(std::string_view& rest, EntityTag& out) {
  std::string_view s = rest;
  out.weak = s.starts_with("W/");
  if (out.weak) s.remove_prefix(2);
  if (!s.starts_with('"')) return false;
  const std::size_t close = s.find('"', 1);
  if (close == std::string_view::npos) return false;
  out.opaque = s.substr(1, close - 1);
  if (std::any_of(out.opaque.begin(), out.opaque.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7f; }))
    return false;
  rest = s.substr(close + 1);
  return true;
}

bool is_branded(std::string_view opaque) {
  if (opaque.size() < kSuffix) return false;
  const std::string_view suffix = opaque.substr(opaque.size() - kSuffix);
  const bool hex = std::all_of(suffix.begin() + 3, suffix.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return hex && suffix.starts_with("-b") && (suffix[2] == 's' || suffix[2] == 'w');
}

bool is_of(std::string_view opaque, std::string_view tag) {
  return is_branded(opaque) && opaque.ends_with(tag) && tag.size() == kTag;
}

void skip_separators(std::string_view& rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t' || rest.front() == ','))
    rest.remove_prefix(1);
}

template <typename Each>
bool for_each_tag(std::string_view list, Each each) {
  for (skip_separators(list); !list.empty(); skip_separators(list)) {
    EntityTag tag;
    if (!take_tag(list, tag)) return false;
    each(tag);
  }
  return true;
}

}  // namespace

std::string branded_etag(std::string_view etag, std::string_view tag) {
  EntityTag parsed;
  if (!take_tag(etag, parsed) || !etag.empty() || tag.size() != kTag) return {};
  std::string out = "W/\"";
  out.append(parsed.opaque).append(parsed.weak ? "-bw" : "-bs").append(tag).append("\"");
  return out;
}

std::string upstream_etags(std::string_view list, std::string_view tag, bool page) {
  if (list == "*") return "*";
  std::string out;
  const bool parsed = for_each_tag(list, [&](const EntityTag& t) {
    std::string_view opaque = t.opaque;
    bool weak = t.weak;
    if (is_branded(opaque)) {
      if (!is_of(opaque, tag)) return;
      weak = opaque[opaque.size() - kSuffix + 2] == 'w';
      opaque.remove_suffix(kSuffix);
    } else if (page) {
      return;  // of the page before it was branded
    }
    if (!out.empty()) out += ", ";
    out.append(weak ? "W/\"" : "\"").append(opaque).append("\"");
  });
  return parsed ? out : std::string();
}

bool has_branded_etag(std::string_view list, std::string_view tag) {
  bool found = false;
  for_each_tag(list, [&](const EntityTag& t) { found = found || is_of(t.opaque, tag); });
  return found;
}

}  // namespace marquee::proxy
