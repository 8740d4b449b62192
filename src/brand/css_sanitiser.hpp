// A tenant's own CSS, made safe to serve as a stylesheet of their domain.
//
// It is read as CSS is read and written anew from its tokens: what comes out is
// well formed, whatever went in, so that nothing can be hidden by escapes, comments,
// broken strings or text that only becomes a rule when something else is removed,
// and what is appended to it cannot be swallowed. It holds no "</", no control
// character, and is UTF-8.
//
// Dropped, with the declaration or rule that holds it: @import and every at-rule
// that is not listed (css_sanitiser.cpp), URLs that are not allowed, expression(),
// behavior, -moz-binding, unbalanced parentheses, more than kMaxCssDepth blocks.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "brand/brand.hpp"

namespace marquee::brand {

inline constexpr std::size_t kMaxCss = std::size_t{64} << 10;
inline constexpr std::size_t kMaxCssDepth = 16;

struct CssPolicy {
  // Hosts that url() may name with https, lower case. Paths of the same origin
  // ("/x"), fragments, and data: URLs of pictures and fonts are always allowed.
  std::vector<std::string> hosts;
  std::size_t max_bytes = kMaxCss;
};

struct SanitisedCss {
  std::string css;
  std::size_t dropped = 0;  // declarations and rules
  bool too_large = false;   // more than max_bytes came: css is empty
};

SanitisedCss sanitise_css(std::string_view css, const CssPolicy& policy = {});

// May this stand in url()? `url` is decoded.
bool css_url_allowed(std::string_view url, const CssPolicy& policy);

// The stylesheet of a domain: its own CSS, and behind it the brand's colours, which
// win. To be served as text/css; charset=utf-8 with nosniff.
SanitisedCss brand_stylesheet(const Brand& brand, std::string_view custom_css,
                              const CssPolicy& policy = {});

}  // namespace marquee::brand
