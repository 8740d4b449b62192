// Request and response heads, strictly (RFC 9112 2-5): one line at a time from
// a buffer that grows at its end and does not move between calls. What is not
// exactly in the grammar is refused, never repaired: no bare LF, no obs-fold,
// no whitespace around names, no control characters.
//
// Our own parser and not Beast's: see docs/decisions/002-head-parser.md.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/head.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

struct HeadLimits {
  std::uint32_t head = 32u << 10;  // bytes, start line to the empty line
  std::uint32_t fields = 100;
  std::uint32_t target = 8000;  // requests only; 0: not looked at
};

enum class ParseState : std::uint8_t { more, done, refused };

// Shared by both kinds of head and by trailers: finds lines, keeps the place.
class LineScanner {
 public:
  void reset() { line_ = scan_ = 0; }
  // The next line without its CRLF; empty optional-like: returns `more` until
  // the line is complete.
  ParseState next(std::string_view buffer, std::string_view& line);
  std::size_t consumed() const { return line_; }

 private:
  std::size_t line_ = 0;  // where the present line begins
  std::size_t scan_ = 0;  // no LF before this offset
};

// What both kinds of head share.
class HeadParser {
 public:
  // After `done`: bytes that belong to the head.
  std::size_t consumed() const { return scanner_.consumed(); }
  Refusal refusal() const { return refusal_; }

 protected:
  explicit HeadParser(const HeadLimits& limits) : limits_(limits) {}
  ParseState refuse(Refusal r);
  template <typename StartLine>
  ParseState parse_lines(std::string_view buffer, FieldTable& fields, StartLine start_line);

  HeadLimits limits_;
  LineScanner scanner_;
  bool started_ = false;
  Refusal refusal_ = Refusal::none;
};

class RequestHeadParser : public HeadParser {
 public:
  explicit RequestHeadParser(const HeadLimits& limits = {}) : HeadParser(limits) {}
  // Parses what is new in `buffer` (all bytes since the head's first). If the
  // buffer had to move, reset() and start again.
  ParseState parse(std::string_view buffer, RequestHead& into);
  void reset(const HeadLimits& limits) { *this = RequestHeadParser(limits); }
  void reset() { *this = RequestHeadParser(limits_); }

 private:
  bool skipped_empty_ = false;
};

class ResponseHeadParser : public HeadParser {
 public:
  explicit ResponseHeadParser(const HeadLimits& limits = {}) : HeadParser(limits) {}
  ParseState parse(std::string_view buffer, ResponseHead& into);
  void reset(const HeadLimits& limits) { *this = ResponseHeadParser(limits); }
  void reset() { *this = ResponseHeadParser(limits_); }
};

// One field line into a Field; `none` when it is good.
Refusal parse_field_line(std::string_view line, Field& into);

// True when every byte may stand in a field value (RFC 9110 5.5): no control
// character but HTAB, no DEL.
bool is_field_value(std::string_view value);
bool is_token(std::string_view s);  // RFC 9110 5.6.2
// Only what may stand in a request target: visible ASCII without '#'.
bool is_target(std::string_view s);

}  // namespace marquee::proxy::http
