// Bytes with lengths, written and read back: integers little-endian, texts with 32
// bits of length before them. A reader that met its end, or a length beyond a bound,
// is no longer good() and gives zeros and empty texts from there on.
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::routing {

class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}
  void byte(std::uint8_t value) { out_ += static_cast<char>(value); }
  void flag(bool value) { byte(value ? 1 : 0); }
  template <std::unsigned_integral T>
  void integer(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      byte(static_cast<std::uint8_t>(value >> (8 * i) & 0xff));
  }
  void text(std::string_view value) {
    integer(static_cast<std::uint32_t>(value.size()));
    out_ += value;
  }

 private:
  std::string& out_;
};

class ByteReader {
 public:
  // Texts point into `bytes`.
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  void fail() {
    good_ = false;
    rest_ = rest_.substr(0, 0);
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(integer<std::uint8_t>()); }
  bool flag() {
    const std::uint8_t value = byte();
    if (value > 1) fail();
    return value == 1;
  }
  template <std::unsigned_integral T>
  T integer() {
    T value = 0;
    if (rest_.size() < sizeof value) {
      fail();
      return 0;
    }
    for (std::size_t i = 0; i < sizeof value; ++i)
      value = static_cast<T>(
          value | static_cast<T>(static_cast<T>(static_cast<unsigned char>(rest_[i])) << (8 * i)));
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text(std::size_t most) {
    const auto size = integer<std::uint32_t>();
    if (size > most || size > rest_.size()) {
      fail();
      return rest_;
    }
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace marquee::routing
