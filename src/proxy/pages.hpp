// The answers that Marquee gives itself when a request cannot be served: a small
// HTML page, or application/problem+json (RFC 9457). They say nothing internal,
// name no product, and show the request id by which the operator finds the
// record. Not on the hot path: one string per error.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/accept.hpp"

namespace marquee::proxy {

struct ErrorText {
  std::uint16_t status = 0;
  std::string_view reason;   // the registered phrase: status line, RFC 9457 title
  std::string_view heading;  // for a visitor
  std::string_view sentence;
};

// All of 400, 403, 404, 408, 413, 414, 417, 421, 426, 429, 431 and 500-505 have
// their own words; any other status gets those of its class.
ErrorText error_text(unsigned status);

// Of a cause that has more to say than its status; else nothing.
struct PageWords {
  std::string_view heading;
  std::string_view sentence;
};

struct ErrorFacts {
  unsigned status = 500;
  std::string_view request_id;  // shown, at most 128 bytes; may be empty
  std::string_view host;        // the visitor's host, normalised; may be empty
  PageWords words{};            // instead of those of the status
};

// The body. Every value is escaped for its place; bytes that are not UTF-8 text
// are replaced.
std::string error_body(const ErrorFacts& facts, ErrorFormat format);

// Fields to send with it.
std::string_view error_content_type(ErrorFormat format);
// For the HTML form: nothing but its own style may load, nobody may frame it.
inline constexpr std::string_view kErrorPagePolicy =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'";

}  // namespace marquee::proxy
