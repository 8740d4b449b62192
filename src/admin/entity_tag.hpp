// Entity tags and If-Match (RFC 9110 8.8.3, 13.1.1). Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::admin {

// Strong, of the bytes of a representation: a quoted digest.
std::string entity_tag(std::string_view representation);

enum class IfMatch : std::uint8_t { missing, matches, differs, malformed };
// `field`: "" where there is none, "*", or a list of tags. Weak tags never match.
IfMatch if_match(std::string_view field, std::string_view current);

}  // namespace marquee::admin
