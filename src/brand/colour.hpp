// Brand colours: read strictly, written in one form, and what can be read on them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::brand {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  std::uint8_t alpha = 255;
  friend bool operator==(const Colour&, const Colour&) = default;
};

// #rgb, #rgba, #rrggbb, #rrggbbaa, a name of CSS Color 4, "transparent",
// rgb(1, 2, 3) and rgba(1, 2, 3, 0.5), also with spaces and percentages. Spaces
// around it are ignored. Everything else is nothing.
std::optional<Colour> parse_colour(std::string_view text);

// "#rrggbb", or "#rrggbbaa" if it is not opaque.
std::string to_css(Colour colour);

// WCAG 2.1, relative luminance and contrast ratio (1 to 21). What is not opaque
// is taken to lie on white.
double relative_luminance(Colour colour);
double contrast_ratio(Colour a, Colour b);

// Black or white: the one that can be read better on `background`.
Colour readable_on(Colour background);

}  // namespace marquee::brand
