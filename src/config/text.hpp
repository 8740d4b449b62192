// The small grammars of the settings file: numbers, sizes, durations, and how
// values are shown in messages. Pure.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::config {

// Decimal digits only, no sign, no separators. What is too large for the type is
// its largest value here and below, so that it is judged by its bounds.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Digits, one dot at most ("10", "0.5"); finite and not negative.
std::optional<double> parse_decimal(std::string_view text);

// Bytes: "4096", "16KiB", "1MiB", "2GiB".
std::optional<std::uint64_t> parse_size(std::string_view text);

// "500ms", "10s", "5m", "12h", "1d", and "0".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact spelling: 16384 -> "16KiB", 90000 ms -> "90s".
std::string show_size(std::uint64_t bytes);
std::string show_duration(std::chrono::milliseconds value);
std::string show_decimal(double value);

// In double quotes, control bytes and quotes escaped, cut after 80 bytes.
std::string in_quotes(std::string_view text);

// True if any byte is a control character (below 0x20, or 0x7f).
bool has_control(std::string_view text);

std::string lower_case(std::string_view text);  // ASCII only

}  // namespace marquee::config
