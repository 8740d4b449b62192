// What the WHATWG HTML standard says of each element, as far as a rewriter must
// know it to see where elements end (sections 13.2.4.2, 13.2.6).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "brand/html_token.hpp"

namespace marquee::brand {

inline constexpr std::uint32_t kVoid = 1U << 0;        // has no content and no end tag
inline constexpr std::uint32_t kSpecial = 1U << 1;     // "special" category
inline constexpr std::uint32_t kScope = 1U << 2;       // bounds the search for an open element
inline constexpr std::uint32_t kClosesP = 1U << 3;     // its start tag closes an open p
inline constexpr std::uint32_t kFormatting = 1U << 4;  // closed through others (adoption agency)
inline constexpr std::uint32_t kHeading = 1U << 5;
inline constexpr std::uint32_t kBreakout = 1U << 6;       // its start tag ends foreign content
inline constexpr std::uint32_t kHeadContent = 1U << 7;    // may stand in the head
inline constexpr std::uint32_t kAfterHead = 1U << 8;      // after the head it goes back into it
inline constexpr std::uint32_t kTableCell = 1U << 9;      // td, th
inline constexpr std::uint32_t kTableRow = 1U << 10;      // tr
inline constexpr std::uint32_t kTableSection = 1U << 11;  // tbody, thead, tfoot
inline constexpr std::uint32_t kTablePart = 1U << 12;     // all of these, caption, colgroup, col
inline constexpr std::uint32_t kRuby = 1U << 13;          // rt, rp, rb, rtc
inline constexpr std::uint32_t kRcdata = 1U << 14;
inline constexpr std::uint32_t kRawtext = 1U << 15;
inline constexpr std::uint32_t kNotPushed = 1U << 16;   // html, head, body, frameset
inline constexpr std::uint32_t kDefinition = 1U << 17;  // dd, dt
inline constexpr std::uint32_t kImplies = 1U << 18;     // its start tag may close others than p
inline constexpr std::uint32_t kPeculiar = 1U << 19;    // has a rule of its own
inline constexpr std::uint32_t kCounted = 1U << 20;     // p and a: how many are open is known

// Zero for a name that is none of HTML's.
std::uint32_t html_traits(TagKey key);

// The same for names of up to eight bytes, packed into a number: the first byte is the
// lowest, and in each the bit is set that makes an upper letter a lower one. Names packed
// alike differ in case only, if one of them is HTML's. Each has its slot for itself.
struct alignas(32) ShortName {
  std::uint64_t packed = 0;
  TagKey key = 0;
  std::uint32_t traits = 0;
};
inline constexpr std::size_t kShortNameSlots = 1024;
extern const std::array<ShortName, kShortNameSlots> kShortNames;

// The factor was found by trying.
constexpr std::size_t short_name_slot(std::uint64_t packed) {
  return static_cast<std::size_t>((packed * 0x090B20BB257E8455ULL) >> 54);
}

// The only one that it may be: compare `packed`.
inline const ShortName& short_name(std::uint64_t packed) {
  return kShortNames[short_name_slot(packed)];
}

}  // namespace marquee::brand
