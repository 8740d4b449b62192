// Tags that only move the list of open elements, read in one go: with attributes that
// have no value, or one in quotes directly behind their '='. At anything else it stops,
// and the general way reads on: that is the one that must be right, this one must agree
// with it.
#include <array>
#include <bit>
#include <cstring>

#include "brand/byte_scan.hpp"
#include "brand/html_elements.hpp"
#include "brand/html_tag_scan.hpp"

namespace marquee::brand {
namespace {

constexpr std::ptrdiff_t kBlock = 16;
constexpr std::ptrdiff_t kLongestTag = 256;  // the tokenizer's limit is never lower

// The bytes that tags are made of, '<', '>', '=' and quotes, one after another. They are
// looked for in 64 bytes at once; what is less at the end is left.
class Marks {
 public:
  Marks(const char* p, const char* end) : block_(p), end_(end) {
    if (end_ - block_ >= kSize) left_ = marks_in(block_);
  }
  // Null: there are no more.
  const char* next() {
    while (left_ == 0) {
      if (end_ - block_ < 2 * kSize) return nullptr;
      block_ += kSize;
      left_ = marks_in(block_);
    }
    const char* const at = block_ + std::countr_zero(left_);
    left_ &= left_ - 1;
    return at;
  }

 private:
  static constexpr std::ptrdiff_t kSize = 64;

  static std::uint64_t marks_in(const char* p) {
    std::uint64_t marks = 0;
#if defined(__SSE2__)
    for (int i = 0; i < 4; ++i) {
      const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i));
      // '<', '=' and '>' follow one another: moved to the lowest of signed numbers.
      const __m128i signs =
          _mm_cmplt_epi8(_mm_add_epi8(block, _mm_set1_epi8(0x80 - '<')), _mm_set1_epi8(-128 + 3));
      const __m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                          _mm_cmpeq_epi8(block, _mm_set1_epi8('\'')));
      const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(signs, quotes)));
      marks |= std::uint64_t{mask} << (16 * i);
    }
#else
    for (int i = 0; i < kSize; ++i)
      marks |= std::uint64_t{(p[i] >= '<' && p[i] <= '>') || p[i] == '"' || p[i] == '\''} << i;
#endif
    return marks;
  }

  const char* block_;
  const char* end_;
  std::uint64_t left_ = 0;  // of the block, one bit for each byte
};

constexpr std::uint64_t every_byte(std::uint8_t c) { return c * 0x0101010101010101U; }

std::uint64_t eight_bytes(const char* p) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, p, 8);
  if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
  return bytes;
}

// How many of them stand in front of the first space; eight if there is none.
std::size_t bytes_to_space(std::uint64_t bytes) {
  const std::uint64_t spaces = bytes ^ every_byte(' ');  // zero now
  const std::uint64_t found = (spaces - every_byte(1)) & ~spaces & every_byte(0x80);
  return static_cast<std::size_t>(std::countr_zero(found)) >> 3;
}

// The bits of the first bytes.
constexpr auto kFirst = [] {
  std::array<std::uint64_t, 9> masks{};
  for (std::size_t i = 1; i < masks.size(); ++i) masks[i] = ~std::uint64_t{0} >> (64 - 8 * i);
  return masks;
}();

// The key of any name that is plain, else zero. kBlock bytes may be read.
TagKey key_at(const char* p) {
  std::size_t size = 0;
  while (size < kBlock && !tag_byte(p[size], kEndsName)) ++size;
  return is_alpha(*p) ? key_of_name({p, size}) : 0;
}

// The '>' that ends the tag, from the first mark behind its name. Null: not plain, or
// not all there.
const char* end_of_tag(const char* mark, Marks& marks) {
  while (mark && *mark != '>') {
    if (*mark != '=') return nullptr;
    // Behind a space, a slash or a value it would begin a name.
    const char before = mark[-1];
    if (tag_byte(before, kSpace | kSlash) || before == '"' || before == '\'') return nullptr;
    const char* const quote = marks.next();
    if (quote != mark + 1 || (*quote != '"' && *quote != '\'')) return nullptr;
    do {
      mark = marks.next();
    } while (mark && *mark != *quote);
    if (mark) mark = marks.next();
  }
  return mark;
}

}  // namespace

bool OpenElements::start_plain(TagKey key, std::uint32_t traits) {
  if (size_ >= kMost || foreign()) return false;
  if (traits & (kPeculiar | kNotPushed | kClosesP | kImplies | kTablePart)) {
    if (traits & (kPeculiar | kNotPushed)) return false;
    if ((traits & kClosesP) && paragraphs_ != 0) return false;
    if ((traits & (kImplies | kTablePart)) && !closes_nothing(key, traits)) return false;
  }
  if (!(traits & kVoid)) add(key, traits);
  return true;
}

// The same, for most tags by one look at their traits.
inline bool OpenElements::start_known(TagKey key, std::uint32_t traits) {
  constexpr std::uint32_t rules = kPeculiar | kNotPushed | kImplies | kTablePart;
  if (size_ == open_.size() || (traits & rules)) return start_plain(key, traits);
  if (foreign()) return false;
  if (traits & kClosesP) {
    if (paragraphs_ != 0) return false;
    paragraphs_ += (traits & kCounted) != 0;
  }
  if (!(traits & kVoid)) open_[size_++] = {key, traits};
  return true;
}

const char* OpenElements::read_plain(const char* p, const char* end) {
  if (end - p < 2 + kBlock) return p;
  const char* const last_tag = end - 2 - kBlock;  // may begin here at most
  Marks marks(p, end);
  for (const char* tag = marks.next(); tag; tag = marks.next()) {
    if (*tag != '<') continue;  // text
    const char* mark = marks.next();
    if (!mark || tag > last_tag) return p;
    const bool closes = tag[1] == '/';
    const char* const name = tag + 1 + closes;
    const std::uint64_t bytes = eight_bytes(name);
    auto size = static_cast<std::size_t>(mark - name);
    if (*mark != '>' || size > 8) {
      size = bytes_to_space(bytes);
      mark = end_of_tag(mark, marks);
      if (!mark || mark - tag >= kLongestTag) return p;
    }
    const std::uint64_t packed = (bytes | every_byte(0x20)) & kFirst[size];
    const ShortName& known = short_name(packed);
    if (known.packed == packed && known.key != 0) {
      if (!(closes ? end_plain(known.key) : start_known(known.key, known.traits))) return p;
    } else {  // few names are longer, or have no traits
      const TagKey key = key_at(name);
      if (key == 0 || !(closes ? end_plain(key) : start_plain(key, html_traits(key)))) return p;
    }
    p = mark + 1;
  }
  return p;
}

}  // namespace marquee::brand
