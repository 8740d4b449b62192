#include "proxy/answer_rules.hpp"

#include <string>

namespace marquee::proxy {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Calls `each` with every part between `mark`s, trimmed.
template <typename Each>
void split(std::string_view text, char mark, Each each) {
  for (;;) {
    const std::size_t end = text.find(mark);
    each(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

bool lists(std::string_view value, std::string_view name) {
  bool found = false;
  split(value, ',',
        [&](std::string_view part) { found |= part == "*" || http::iequals(part, name); });
  return found;
}

// A field's policies without the directive; true if it was there.
bool without_frame_ancestors(std::string_view value, std::string& out) {
  bool found = false;
  split(value, ',', [&](std::string_view policy) {
    std::string kept;
    split(policy, ';', [&](std::string_view directive) {
      const std::string_view name = directive.substr(0, directive.find_first_of(" \t"));
      if (http::iequals(name, "frame-ancestors")) {
        found = true;
        return;
      }
      if (directive.empty()) return;
      if (!kept.empty()) kept += "; ";
      kept += directive;
    });
    if (kept.empty()) return;
    if (!out.empty()) out += ", ";
    out += kept;
  });
  return found;
}

}  // namespace

void vary_on(std::string_view name, http::FieldTable& fields, Additions& additions, Arena& arena) {
  http::Field* last = nullptr;
  for (http::Field& f : fields) {
    if (f.dropped || !http::iequals(f.name, "vary")) continue;
    if (lists(f.value, name)) return;
    last = &f;
  }
  for (const AddedField& f : additions.fields())
    if (http::iequals(f.name, "vary") && lists(f.value, name)) return;
  for (const FieldBlock* block : additions.blocks())
    for (const auto& [n, value] : block->fields())
      if (http::iequals(n, "vary") && lists(value, name)) return;
  if (last && !trimmed(last->value).empty())
    last->value = arena.copy(std::string(last->value) + ", " + std::string(name));
  else
    additions.add("Vary", name);
}

void set_frame_ancestors(std::string_view ancestors, http::FieldTable& fields, Additions& additions,
                         Arena& arena) {
  for (http::Field& f : fields) {
    if (f.dropped) continue;
    if (http::iequals(f.name, "x-frame-options")) f.dropped = true;
    if (!http::iequals(f.name, "content-security-policy")) continue;
    std::string rest;
    if (!without_frame_ancestors(f.value, rest)) continue;
    f.dropped = rest.empty();
    if (!rest.empty()) f.value = arena.copy(rest);
  }
  additions.remove("X-Frame-Options");
  // It knows one origin at most: where others may embed, only the policy can say so.
  if (ancestors == "'self'") additions.add("X-Frame-Options", "SAMEORIGIN");
  additions.add("Content-Security-Policy", arena.copy("frame-ancestors " + std::string(ancestors)));
}

}  // namespace marquee::proxy
