#include "brand/colour.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "brand/colour_names.hpp"
#include "brand/html_token.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kMaxText = 64;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = to_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<Colour> parse_hex(std::string_view digits) {
  std::array<std::uint8_t, 4> parts{0, 0, 0, 255};
  const std::size_t n = digits.size();
  if (n != 3 && n != 4 && n != 6 && n != 8) return std::nullopt;
  const std::size_t step = n < 6 ? 1 : 2;
  for (std::size_t i = 0; i < n; i += step) {
    const int high = hex_digit(digits[i]);
    const int low = hex_digit(digits[i + step - 1]);
    if (high < 0 || low < 0) return std::nullopt;
    parts[i / step] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return Colour{parts[0], parts[1], parts[2], parts[3]};
}

void trim(std::string_view& s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
}

// A plain number, without sign or exponent; a percentage is one of `whole`.
std::optional<double> take_number(std::string_view& s, double whole) {
  trim(s);
  double value = 0;
  if (s.empty() || (s.front() != '.' && (s.front() < '0' || s.front() > '9'))) return std::nullopt;
  const auto end = std::from_chars(s.data(), s.data() + s.size(), value, std::chars_format::fixed);
  if (end.ec != std::errc()) return std::nullopt;
  s.remove_prefix(static_cast<std::size_t>(end.ptr - s.data()));
  if (!s.empty() && s.front() == '%') {
    s.remove_prefix(1);
    value = value * whole / 100;
  }
  trim(s);
  return value;
}

// What stands in the parentheses of rgb() or rgba(), with commas or without.
std::optional<Colour> parse_rgb(std::string_view s) {
  std::array<double, 4> parts{0, 0, 0, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      if (i == 3 && s.empty()) break;
      if (!s.empty() && (s.front() == ',' || (i == 3 && s.front() == '/')))
        s.remove_prefix(1);
      else if (i == 3)
        return std::nullopt;
    }
    const auto part = take_number(s, i == 3 ? 1 : 255);
    if (!part) return std::nullopt;
    parts[i] = *part;
  }
  if (!s.empty()) return std::nullopt;
  const auto byte = [](double v) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 255.0)));
  };
  return Colour{byte(parts[0]), byte(parts[1]), byte(parts[2]), byte(parts[3] * 255)};
}

double channel(double value) {
  value /= 255;
  return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

}  // namespace

std::optional<Colour> parse_colour(std::string_view text) {
  if (text.size() > kMaxText) return std::nullopt;
  trim(text);
  if (text.empty()) return std::nullopt;
  if (text.front() == '#') return parse_hex(text.substr(1));
  std::string lower;
  for (const char c : text) lower.push_back(to_lower(c));
  const std::string_view s = lower;
  const std::size_t open = s.find('(');
  if (open != std::string_view::npos) {
    const std::string_view function = s.substr(0, open);
    if (s.back() != ')' || (function != "rgb" && function != "rgba")) return std::nullopt;
    return parse_rgb(s.substr(open + 1, s.size() - open - 2));
  }
  if (s == "transparent") return Colour{0, 0, 0, 0};
  const auto* const row = std::lower_bound(
      std::begin(kNamedColours), std::end(kNamedColours), s,
      [](const NamedColour& colour, std::string_view name) { return colour.name < name; });
  if (row == std::end(kNamedColours) || row->name != s) return std::nullopt;
  return Colour{static_cast<std::uint8_t>(row->rgb >> 16),
                static_cast<std::uint8_t>(row->rgb >> 8 & 0xFFU),
                static_cast<std::uint8_t>(row->rgb & 0xFFU), 255};
}

std::string to_css(Colour colour) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "#";
  const auto put = [&](std::uint8_t v) {
    out.push_back(hex[v >> 4U]);
    out.push_back(hex[v & 15U]);
  };
  put(colour.red);
  put(colour.green);
  put(colour.blue);
  if (colour.alpha != 255) put(colour.alpha);
  return out;
}

double relative_luminance(Colour colour) {
  const double alpha = colour.alpha / 255.0;
  const auto on_white = [&](std::uint8_t v) { return v * alpha + 255 * (1 - alpha); };
  return 0.2126 * channel(on_white(colour.red)) + 0.7152 * channel(on_white(colour.green)) +
         0.0722 * channel(on_white(colour.blue));
}

double contrast_ratio(Colour a, Colour b) {
  const double x = relative_luminance(a);
  const double y = relative_luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

Colour readable_on(Colour background) {
  constexpr Colour white{255, 255, 255, 255};
  constexpr Colour black{0, 0, 0, 255};
  return contrast_ratio(background, white) >= contrast_ratio(background, black) ? white : black;
}

}  // namespace marquee::brand
