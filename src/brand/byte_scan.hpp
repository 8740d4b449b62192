// Searches for one or two bytes. The runs between tags are short as a rule: the
// first sixteen bytes are looked at in line, the C library does the rest.
#pragma once
#include <cstring>
#include <string_view>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace marquee::brand {

// The first `c` in [p, end), or end.
inline const char* find_byte(const char* p, const char* end, char c) {
#if defined(__SSE2__)
  if (end - p >= 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
    p += 16;
  }
#endif
  if (p == end) return end;
  const void* found = std::memchr(p, c, static_cast<std::size_t>(end - p));
  return found ? static_cast<const char*>(found) : end;
}

// The last `c` in [p, end), or null.
inline const char* find_last_byte(const char* p, const char* end, char c) {
  if (p == end) return nullptr;
  return static_cast<const char*>(memrchr(p, c, static_cast<std::size_t>(end - p)));
}

// The first of four bytes in [p, end), or end.
inline const char* find_any(const char* p, const char* end, char a, char b, char c, char d) {
#if defined(__SSE2__)
  const __m128i first = _mm_set1_epi8(a);
  const __m128i second = _mm_set1_epi8(b);
  const __m128i third = _mm_set1_epi8(c);
  const __m128i fourth = _mm_set1_epi8(d);
  for (; end - p >= 16; p += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i either =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, first), _mm_cmpeq_epi8(block, second)),
                     _mm_or_si128(_mm_cmpeq_epi8(block, third), _mm_cmpeq_epi8(block, fourth)));
    const int mask = _mm_movemask_epi8(either);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (p != end && *p != a && *p != b && *p != c && *p != d) ++p;
  return p;
}

// The first place in [p, end) where `lower` stands, whatever the case of its ASCII
// letters, or end. A place is looked at where its first and last byte agree, sixteen
// places at a time; both sides are folded alike, so that no place is missed.
inline const char* find_folded(const char* p, const char* end, std::string_view lower) {
  const std::size_t n = lower.size();
  const auto fold = [](char c) { return static_cast<char>(c | 0x20); };
  const auto agrees = [&](const char* at) {
    for (std::size_t i = 0; i < n; ++i)
      if (fold(at[i]) != fold(lower[i])) return false;
    return true;
  };
  if (n == 0 || static_cast<std::size_t>(end - p) < n) return end;
  const char* const last = end - n;  // where it may begin at most
#if defined(__SSE2__)
  const __m128i folded = _mm_set1_epi8(0x20);
  const __m128i first_byte = _mm_set1_epi8(fold(lower.front()));
  const __m128i last_byte = _mm_set1_epi8(fold(lower.back()));
  const auto both = [&](const char* at) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + n - 1));
    return _mm_and_si128(_mm_cmpeq_epi8(_mm_or_si128(a, folded), first_byte),
                         _mm_cmpeq_epi8(_mm_or_si128(b, folded), last_byte));
  };
  const auto any_in_64 = [&](const char* at) {
    const __m128i some = _mm_or_si128(_mm_or_si128(both(at), both(at + 16)),
                                      _mm_or_si128(both(at + 32), both(at + 48)));
    return _mm_movemask_epi8(some) != 0;
  };
  while (last - p >= 16) {
    if (last - p >= 64 && !any_in_64(p)) {
      p += 64;
      continue;
    }
    for (auto mask = static_cast<unsigned>(_mm_movemask_epi8(both(p))); mask != 0; mask &= mask - 1)
      if (agrees(p + __builtin_ctz(mask))) return p + __builtin_ctz(mask);
    p += 16;
  }
#endif
  for (; p <= last; ++p)
    if (agrees(p)) return p;
  return end;
}

}  // namespace marquee::brand
