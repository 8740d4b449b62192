// One access record as one line of text. Pure, no allocation; on the path of
// every request, so it costs about a thousand instructions.
//
//   json      one object per line; always valid JSON and valid UTF-8: control
//             bytes, C1 controls and line separators are \u-escaped, a byte
//             that is not UTF-8 becomes U+FFFD. Times are microseconds.
//   combined  NCSA Combined Log Format; quote, backslash and every byte outside
//             printable ASCII are written \xHH, as nginx does.
//
// A field that would take more than its share of a line is cut, and the JSON
// object then says "truncated":true; no line is longer than max_line.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/access_record.hpp"

namespace marquee::proxy {

class AccessFormatter {
 public:
  enum class Format : std::uint8_t { json, combined };

  // No line is longer, whatever a client sends.
  static constexpr std::size_t max_line = 40u << 10;

  explicit AccessFormatter(Format format) : format_(format) {}

  // Bytes that format() may write to for this record; at most max_line.
  static std::size_t bound(const AccessRecord& record);

  // Writes the line and its '\n' to `out`, which has bound(record) bytes.
  // Returns the bytes written. Not thread-safe (it keeps the second's text).
  std::size_t format(const AccessRecord& record, char* out);

 private:
  void refresh(std::int64_t second);
  char* json(const AccessRecord& r, std::uint32_t millisecond, char* out) const;
  char* combined(const AccessRecord& r, char* out) const;

  Format format_;
  std::int64_t second_ = INT64_MIN;
  std::array<char, 20> rfc3339_{};  // "2026-11-21T01:55:16."
  std::array<char, 28> clf_{};      // "[21/Nov/2026:01:55:16 +0000]"
};

}  // namespace marquee::proxy
