// Tenants' text made harmless for the place where it goes. What comes out is
// ASCII, so that it is right in every charset that ASCII is a part of.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::brand {

// Text for an attribute in double or single quotes, and for the content of
// <title> (RCDATA): & < > " ' become references, other characters above ASCII
// numeric references. Control characters, noncharacters and bytes that are not
// UTF-8 are left out; tabs and line ends become spaces. At most `limit` bytes of
// `text` are read, whole characters only.
std::string escape_html(std::string_view text, std::size_t limit);

// The next character of UTF-8 at `at`, which moves behind it; -1, and one byte on,
// if there is none (Unicode 15, table 3-7).
std::int32_t next_character(std::string_view text, std::size_t& at);

void append_utf8(std::string& out, char32_t c);

}  // namespace marquee::brand
