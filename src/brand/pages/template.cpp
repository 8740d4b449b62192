#include "brand/pages/template.hpp"

#include <openssl/sha.h>

#include <algorithm>

#include "base/base64.hpp"
#include "brand/escape.hpp"

namespace marquee::brand {
namespace {

void append_percent(std::string& out, std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back("0123456789ABCDEF"[byte >> 4]);
    out.push_back("0123456789ABCDEF"[byte & 15]);
  }
}

}  // namespace

// As a browser computes it over the element's text (CSP 3, 8.4).
std::string style_source(std::string_view css) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(css.data()), css.size(), digest.data());
  const std::string_view bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  return "'sha256-" + base::base64_encode(bytes) + "'";
}

std::string_view name(Slot slot) {
  static constexpr std::array<std::string_view, kSlots> kNames{
      "title",      "text",          "owner_heading", "owner_text", "error_label",
      "status",     "request_label", "request_id",    "host",       "brand_name",
      "logo_url",   "icon_url",      "primary",       "on_primary", "action",
      "action_url", "retry_after",   "lang",          "dir"};
  return slot < Slot::count_ ? kNames[static_cast<std::size_t>(slot)] : std::string_view();
}

std::string Template::render(const SlotValues& values, std::vector<std::string>& styles) const {
  std::string out;
  out.reserve(text_.size() + 1024);
  std::size_t style = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    const std::string_view value = values[static_cast<std::size_t>(step.slot)];
    switch (step.kind) {
      case Kind::literal:
        out.append(text_, step.at, step.size);
        break;
      case Kind::html:
        append_escaped(out, value);
        break;
      case Kind::verbatim:
        out += value;
        break;
      case Kind::percent:
        append_percent(out, value);
        break;
      case Kind::begins:
        if (value.empty()) i = step.size - 1;
        break;
      case Kind::begins_if_none:
        if (!value.empty()) i = step.size - 1;
        break;
      case Kind::style_begins:
        style = out.size();
        break;
      case Kind::style_ends:
        styles.push_back(step.size > 0 ? sources_[step.size - 1]
                                       : style_source(std::string_view(out).substr(style)));
        break;
    }
  }
  return out;
}

}  // namespace marquee::brand
