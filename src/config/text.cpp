#include "config/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace marquee::config {
namespace {

constexpr std::uint64_t kMostOfUnit = 1ull << 62;  // fits a signed count of milliseconds

using Unit = std::pair<std::string_view, std::uint64_t>;
constexpr std::array<Unit, 4> kSizes{
    {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1}}};
constexpr std::array<Unit, 5> kDurations{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

// Digits, then one of the units, spelt exactly.
template <std::size_t N>
std::optional<std::uint64_t> parse_unit(std::string_view text, const std::array<Unit, N>& units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const auto& [name, factor] : units) {
    if (text.substr(digits) != name) continue;
    if (*number > kMostOfUnit / factor) return kMostOfUnit;
    return *number * factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string show_unit(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const auto& [name, factor] : units) {
    if (value % factor == 0) return std::to_string(value / factor) + std::string(name);
  }
  return std::to_string(value);
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::numeric_limits<std::uint64_t>::max();
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  const auto bad = text.find_first_not_of("0123456789.");
  if (text.empty() || text.size() > 20 || bad != std::string_view::npos) return std::nullopt;
  if (text.front() == '.' || text.back() == '.') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_unit(text, kSizes); }

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto value = parse_unit(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(*value);
}

std::string show_size(std::uint64_t bytes) { return bytes == 0 ? "0" : show_unit(bytes, kSizes); }

std::string show_duration(std::chrono::milliseconds value) {
  return value.count() == 0 ? "0"
                            : show_unit(static_cast<std::uint64_t>(value.count()), kDurations);
}

std::string show_decimal(double value) {
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  return error == std::errc() ? std::string(text, end) : std::string("0");
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 80;
  constexpr const char* kHex = "0123456789abcdef";
  std::string out = "\"";
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (out.size() > kMost && (c & 0xC0) != 0x80) break;  // not inside a character
    if (c == '"' || c == '\\') {
      out += {'\\', text[i]};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      out += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
    } else {
      out += text[i];
    }
  }
  if (i < text.size()) out += "...";
  return out + "\"";
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace marquee::config
