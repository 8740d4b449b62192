// JSON that two parsers could read in two ways is none (RFC 8725 2.4, RFC 7515
// 4: member names are unique): duplicate names, bad UTF-8, more depth or members
// than a token or a key set has.
#pragma once
#include <boost/json/fwd.hpp>
#include <cstddef>
#include <string_view>

namespace marquee::identity {

struct JsonBounds {
  std::size_t bytes = 16u << 10;
  std::size_t depth = 8;
  std::size_t members = 256;  // of all objects together, and of all arrays
};

// One object and nothing behind it. False: `out` is not touched.
bool parse_strict(std::string_view text, const JsonBounds& bounds, boost::json::object& out);

// The text of a member; empty if it is absent or no text.
std::string_view text_of(const boost::json::object& object, std::string_view name);

}  // namespace marquee::identity
