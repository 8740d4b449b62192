// What request and response heads are held to alike.
#pragma once
#include <algorithm>
#include <string>

#include "input.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/head_parser.hpp"
#include "proxy/http/head_writer.hpp"

namespace http = marquee::proxy::http;

// Near enough that a fuzzer meets them.
constexpr http::HeadLimits small_limits{600, 12, 80};

template <typename Parser, typename Head>
http::ParseState parse_in_pieces(Parser& parser, std::string_view bytes, std::size_t piece,
                                 Head& head) {
  http::ParseState state = http::ParseState::more;
  for (std::size_t n = 0; state == http::ParseState::more && n < bytes.size();)
    state = parser.parse(bytes.substr(0, n += std::min(piece, bytes.size() - n)), head);
  return state;
}

// Whole and in pieces it is the same head. Of two faults the one that is met
// first may differ when one of them is a length.
template <typename Parser, typename Head>
bool accepted_alike(const Input& in, Parser& whole, Head& head) {
  Parser split(small_limits);
  Head other;
  const auto a = in.bytes.empty() ? http::ParseState::more : whole.parse(in.bytes, head);
  require(a == parse_in_pieces(split, in.bytes, in.piece, other));
  if (a != http::ParseState::done) return false;
  require(whole.consumed() == split.consumed() && whole.consumed() <= small_limits.head);
  require(std::equal(head.fields.begin(), head.fields.end(), other.fields.begin(),
                     other.fields.end(), [](const http::Field& x, const http::Field& y) {
                       return x.name.data() == y.name.data() && x.value == y.value && x.id == y.id;
                     }));
  return true;
}

// RFC 9112 6.3, counted anew: one word on the body's end, or none.
inline void require_one_framing(const http::FieldTable& fields) {
  const auto said = std::count_if(fields.begin(), fields.end(), [](const http::Field& f) {
    return http::iequals(f.name, "content-length") || http::iequals(f.name, "transfer-encoding");
  });
  require(said <= 1);
}

// No byte of one field may end a line: as many lines as fields, no NUL.
inline void require_lines(const std::string& head, const http::FieldTable& fields) {
  const auto lines = static_cast<std::ptrdiff_t>(fields.size()) + 2;
  require(std::count(head.begin(), head.end(), '\n') == lines);
  require(std::count(head.begin(), head.end(), '\r') == lines);
  require(head.find('\0') == std::string::npos);
}

// What was kept of `sent` arrived, in its order, and nothing else but framing.
inline void require_kept(const http::FieldTable& sent, const http::FieldTable& arrived) {
  const http::Field* next = arrived.begin();
  for (const http::Field& f : sent) {
    if (f.dropped) continue;
    while (next != arrived.end() && next->dropped) ++next;
    require(next != arrived.end() && next->name == f.name && next->value == f.value);
    ++next;
  }
  while (next != arrived.end() && next->dropped) ++next;
  require(next == arrived.end());
}
