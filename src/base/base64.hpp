// Base64 (RFC 4648): the standard alphabet with padding, and base64url without.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace marquee::base {

std::string base64_encode(std::string_view bytes);
std::string base64url_encode(std::string_view bytes);

// Strict: no white space, exact padding (base64) or none (base64url), and no
// bits set behind the last byte, so that one value has one spelling.
std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace marquee::base
