// Whether a page's bytes may be read as ASCII with an unknown upper half: UTF-8,
// windows-125x, ISO-8859-x. In every other charset '<' may be part of a letter.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace marquee::brand {

// How far a browser looks for <meta charset> (WHATWG HTML 13.2.3.2).
inline constexpr std::size_t kPrescan = 1024;

enum class CharsetVerdict : std::uint8_t {
  compatible,
  foreign,    // leave the page alone; also: it is not text/html
  need_more,  // bytes, up to kPrescan of them
};

// `first` are the page's first bytes; `whole`: there will be no more of them (or
// nobody wants to wait). A byte order mark outweighs the Content-Type, that a
// <meta>; a page that says nothing is windows-1252 to a browser.
CharsetVerdict judge_charset(std::string_view content_type, std::string_view first, bool whole);

// The same in two steps. What a Content-Type says by itself; need_more: no charset.
CharsetVerdict judge_content_type(std::string_view content_type);
CharsetVerdict judge_first_bytes(CharsetVerdict declared, std::string_view first, bool whole);

// Whether a page that pauses behind `first` has said all that a page says before its
// body: who waits for a <meta charset> need not wait longer. A byte order mark that may
// still come is waited for.
bool head_is_over(std::string_view first);

// The label of a charset, as in Content-Type (any case, spaces around it).
bool ascii_compatible(std::string_view label);

}  // namespace marquee::brand
