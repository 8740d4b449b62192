// Text of tenants and strangers made harmless for the place where it goes.
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
// `text` are read, whole characters only. What comes out is ASCII, so that it is right
// in every charset that ASCII is a part of.
std::string escape_html(std::string_view text, std::size_t limit);

// For text and quoted attributes of a page in UTF-8: & < > " ' become references, and
// what is no text U+FFFD.
void append_escaped(std::string& out, std::string_view text);

// The next character of UTF-8 at `at`, which moves behind it; -1, and one byte on,
// if there is none (Unicode 15, table 3-7).
std::int32_t next_character(std::string_view text, std::size_t& at);

void append_utf8(std::string& out, char32_t c);

}  // namespace marquee::brand
