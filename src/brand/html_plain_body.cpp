// Tags that only move the list of open elements, read in one go: with attributes that
// have no value, or one in quotes directly behind their '='. At anything else it stops,
// and the general way reads on: that is the one that must be right, this one must agree
// with it.
#include <cstring>

#include "brand/byte_scan.hpp"
#include "brand/html_elements.hpp"
#include "brand/html_tag_scan.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

constexpr std::ptrdiff_t kBlock = 16;
constexpr std::ptrdiff_t kLongestTag = 256;  // the tokenizer's limit is never lower

// Where the name that begins at p ends, if within the block; else p + kBlock.
const char* name_end(const char* p) {
#if defined(__SSE2__)
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x20)), block);
  const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('>')),
                                     _mm_cmpeq_epi8(block, _mm_set1_epi8('/')));
  const int mask = _mm_movemask_epi8(_mm_or_si128(low, marks));
  return p + __builtin_ctz(static_cast<unsigned>(mask) | 1U << kBlock);
#else
  const char* const end = p + kBlock;
  while (p != end && !tag_byte(*p, kEndsName)) ++p;
  return p;
#endif
}

// Behind the tag's '>', from behind its name. Null: not plain, or not all there.
const char* skip_plain_attributes(const char* p, const char* end) {
  while (true) {
    // The first of '=', '>' and quotes; a quote that no '=' opens is unusual.
    p = find_any(p, end, '=', '>', '"', '\'');
    if (p == end) return nullptr;
    if (*p == '>') return p + 1;
    if (*p != '=' || end - p < 2 || (p[1] != '"' && p[1] != '\'')) return nullptr;
    // Behind a space, a slash or a value it would begin a name.
    if (tag_byte(p[-1], kSpace | kSlash) || p[-1] == '"' || p[-1] == '\'') return nullptr;
    p = find_byte(p + 2, end, p[1]);
    if (p == end) return nullptr;
    ++p;
  }
}

struct Name {
  TagKey key;
  std::uint32_t traits;
};

// Of size bytes at p, where kBlock may be read. A key of zero: none.
Name name_at(const char* p, std::size_t size) {
  if (size <= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, p, 8);
    const std::uint64_t packed =
        (bytes | 0x2020202020202020U) & (~std::uint64_t{0} >> (64 - 8 * size));
    if (const ShortName* known = find_short_name(packed)) return {known->key, known->traits};
  }
  const TagKey key = key_of_name({p, size});
  return {key, html_traits(key)};
}

}  // namespace

bool OpenElements::start_plain(TagKey key, std::uint32_t traits) {
  if (open_.size() >= kMost || foreign()) return false;
  if (traits & (kPeculiar | kNotPushed | kClosesP | kImplies | kTablePart)) {
    if (traits & (kPeculiar | kNotPushed)) return false;
    if ((traits & kClosesP) && paragraphs_ != 0) return false;
    if ((traits & (kImplies | kTablePart)) && !closes_nothing(key, traits)) return false;
  }
  if (traits & kVoid) return true;
  add(key, traits);
  return true;
}

const char* OpenElements::read_plain(const char* p, const char* end) {
  while (true) {
    const char* const tag = find_byte(p, end, '<');
    if (end - tag < 2 + kBlock) return p;
    const bool closes = tag[1] == '/';
    const char* const name = tag + (closes ? 2 : 1);
    const char* at = name_end(name);
    const auto size = static_cast<std::size_t>(at - name);
    if (size == 0 || size == kBlock || !is_alpha(*name)) return p;
    if (*at == '>') {
      ++at;
    } else {
      if (!tag_byte(*at, kSpace | kSlash)) return p;
      at = skip_plain_attributes(at, end);
      if (!at || at - tag > kLongestTag) return p;
    }
    const Name of = name_at(name, size);
    if (of.key == 0 || !(closes ? end_plain(of.key) : start_plain(of.key, of.traits))) return p;
    p = at;
  }
}

}  // namespace marquee::brand
