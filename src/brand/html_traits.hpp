// What the WHATWG HTML standard says of each element, as far as a rewriter must
// know it to see where elements end (sections 13.2.4.2, 13.2.6).
#pragma once
#include <cstdint>

#include "brand/html_token.hpp"

namespace marquee::brand {

enum : std::uint32_t {
  kVoid = 1U << 0,        // has no content and no end tag
  kSpecial = 1U << 1,     // "special" category
  kScope = 1U << 2,       // bounds the search for an open element
  kClosesP = 1U << 3,     // its start tag closes an open p
  kFormatting = 1U << 4,  // may be closed through others (adoption agency)
  kHeading = 1U << 5,
  kBreakout = 1U << 6,       // its start tag ends foreign content
  kHeadContent = 1U << 7,    // may stand in the head
  kAfterHead = 1U << 8,      // after the head it goes back into it
  kTableCell = 1U << 9,      // td, th
  kTableRow = 1U << 10,      // tr
  kTableSection = 1U << 11,  // tbody, thead, tfoot
  kTablePart = 1U << 12,     // all of these, caption, colgroup, col
  kRuby = 1U << 13,          // rt, rp, rb, rtc
  kRcdata = 1U << 14,
  kRawtext = 1U << 15,
  kNotPushed = 1U << 16,   // html, head, body, frameset: there is one, or none
  kDefinition = 1U << 17,  // dd, dt
  kImplies = 1U << 18,     // its start tag may close others than p
  kPeculiar = 1U << 19,    // has a rule of its own
};

// Zero for a name that is none of HTML's.
std::uint32_t html_traits(TagKey key);

}  // namespace marquee::brand
