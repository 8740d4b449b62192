// One of our own pages, composed when it is asked for. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "brand/pages/page_set.hpp"

namespace marquee::brand {

// As it was checked for pages: addresses by safe_url, the colour by to_css; empty where
// there is none.
struct PageBrand {
  std::string_view name;
  std::string_view logo_url;
  std::string_view icon_url;
  std::string_view primary;
};

struct PageFacts {
  unsigned status = 500;
  PageState state = PageState::none;
  Language language = Language::en;
  std::string_view request_id;   // at most 128 bytes are shown
  std::string_view host;         // normalised
  std::string_view agency;       // whose templates; empty: nobody's
  std::string_view retry_after;  // seconds, or a date
  PageBrand brand;
};

struct Page {
  std::string html;
  // Content-Security-Policy: its own styles, the brand's pictures, nothing else.
  std::string policy;
  std::string_view language;  // empty: the template does not follow the visitor's
};

Page compose_page(const PageSet& set, const PageFacts& facts);

}  // namespace marquee::brand
