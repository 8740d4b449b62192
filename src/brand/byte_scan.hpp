// Searches for one or two bytes. The runs between tags are short as a rule: the
// first sixteen bytes are looked at in line, the C library does the rest.
#pragma once
#include <cstring>
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

// The first `a`, `b` or `c` in [p, end), or end.
inline const char* find_any(const char* p, const char* end, char a, char b, char c) {
#if defined(__SSE2__)
  const __m128i first = _mm_set1_epi8(a);
  const __m128i second = _mm_set1_epi8(b);
  const __m128i third = _mm_set1_epi8(c);
  for (; end - p >= 16; p += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i either =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, first), _mm_cmpeq_epi8(block, second)),
                     _mm_cmpeq_epi8(block, third));
    const int mask = _mm_movemask_epi8(either);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (p != end && *p != a && *p != b && *p != c) ++p;
  return p;
}

}  // namespace marquee::brand
