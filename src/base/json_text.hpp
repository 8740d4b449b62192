// JSON text into a caller's buffer, for log lines and small answers. The output
// is valid JSON (RFC 8259) whatever the input: control bytes become escapes,
// bytes that are not UTF-8 become \ufffd. Nothing allocates.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace marquee::base {

// A bounded span of memory that is filled from the front. What does not fit is
// left out whole (never half an escape), and overflowed() stays true: the
// caller drops or flushes, and starts again with rewind().
class JsonText {
 public:
  JsonText(char* data, std::size_t capacity) : begin_(data), at_(data), end_(data + capacity) {}

  void raw(std::string_view text);      // trusted text: keys, punctuation
  void string(std::string_view text);   // with its quotes
  void escaped(std::string_view text);  // without quotes; stops at the first that does not fit
  void number(std::int64_t value);
  void number(std::uint64_t value);
  // value / 1000 with three decimals: microseconds shown as milliseconds.
  void thousandths(std::uint64_t value);

  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool overflowed() const { return overflowed_; }
  std::string_view view() const { return {begin_, size()}; }
  // Back to an earlier size(), forgetting the overflow.
  void rewind(std::size_t size) {
    at_ = begin_ + size;
    overflowed_ = false;
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

}  // namespace marquee::base
