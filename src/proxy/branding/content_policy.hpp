// Content-Security-Policy (CSP Level 3) as far as a brand must know it: whether a
// policy lets the brand's stylesheet or icon in, and how it is made to. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::proxy {

enum class ContentKind : std::uint8_t { style, image };

struct PolicySource {
  ContentKind kind = ContentKind::style;
  std::string_view source;  // what is added: an address without query, or 'self'
  std::string_view self;    // origin of the page, "https://shop.example.com"; may be empty
};

// The field's value with the source added where it is needed, to nothing more than
// that kind of content: a directive of its own list grows, default-src is copied to
// one. Nonces, hashes and all else stay as they are. Nothing: no policy in the value
// is in the way.
std::optional<std::string> allow_in_policy(std::string_view value, const PolicySource& source);

}  // namespace marquee::proxy
