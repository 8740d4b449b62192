#include "base/uuid.hpp"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace marquee::base {
namespace {

// Eight hex digits of `value` at once, the first in the lowest byte: nibbles are
// spread to bytes, and those above nine moved on to the letters.
std::uint64_t hex_word(std::uint32_t value) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  std::uint64_t x = value;
  x = (x | x << 16) & 0x0000ffff0000ffffu;
  x = (x | x << 8) & 0x00ff00ff00ff00ffu;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
  const std::uint64_t letters = (x + ones * 6) >> 4 & ones;
  x += ones * '0' + letters * ('a' - '0' - 10);
  return std::endian::native == std::endian::little ? __builtin_bswap64(x) : x;
}

// The low `Digits` hex digits of `value`.
template <unsigned Digits>
char* put_hex(char* out, std::uint64_t value) {
  if constexpr (Digits > 8) {
    out = put_hex<Digits - 8>(out, value >> 32);
    return put_hex<8>(out, value);
  } else {
    const std::uint64_t word = hex_word(static_cast<std::uint32_t>(value << (4 * (8 - Digits))));
    std::memcpy(out, &word, Digits);
    return out + Digits;
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

template <std::size_t N>
bool read_hex(const char* in, std::array<std::uint8_t, N>& out) {
  for (std::size_t i = 0; i < N; ++i) {
    const int high = hex_value(in[2 * i]);
    const int low = hex_value(in[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

template <std::size_t N>
char* write_hex(char* out, const std::array<std::uint8_t, N>& bytes) {
  static_assert(N % 4 == 0);
  for (std::size_t i = 0; i < N; i += 4)
    out = put_hex<8>(out, static_cast<std::uint32_t>(bytes[i] << 24 | bytes[i + 1] << 16 |
                                                     bytes[i + 2] << 8 | bytes[i + 3]));
  return out;
}

template <std::size_t N>
bool all_zero(const std::array<std::uint8_t, N>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// Fills an id and keeps it from being all zero, which means "none".
template <std::size_t N>
void fill_id(std::array<std::uint8_t, N>& id, Random& random) {
  do {
    for (std::size_t i = 0; i < N; i += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(id.data() + i, &word, 8);
    }
  } while (all_zero(id));
}

}  // namespace

bool is_uuid(std::string_view text) {
  if (text.size() != kUuidSize) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string canonical_id(std::string_view text) {
  std::string out(text);
  if (!is_uuid(text)) return out;
  for (char& c : out)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
  return out;
}

bool same_id(std::string_view a, std::string_view b) {
  return a == b || (a.size() == kUuidSize && is_uuid(a) && canonical_id(a) == canonical_id(b));
}

void format_uuid7(std::uint64_t unix_ms, std::uint64_t random_a, std::uint64_t random_b,
                  char (&out)[kUuidSize]) {
  char* at = put_hex<8>(out, unix_ms >> 16);
  *at++ = '-';
  at = put_hex<4>(at, unix_ms);
  *at++ = '-';
  at = put_hex<4>(at, 0x7000u | (random_a & 0xfff));
  *at++ = '-';
  at = put_hex<4>(at, 0x8000u | ((random_b >> 48) & 0x3fff));
  *at++ = '-';
  put_hex<12>(at, random_b);
}

Random::Random(const std::array<std::uint64_t, 4>& seed) : state_(seed) {
  if (std::all_of(seed.begin(), seed.end(), [](std::uint64_t s) { return s == 0; })) state_[0] = 1;
}

Random Random::from_kernel() {
  std::array<std::uint64_t, 4> seed{};
  ssize_t got = 0;
  do {
    got = getrandom(seed.data(), sizeof seed, 0);
  } while (got < 0 && errno == EINTR);
  // Up to 256 bytes come whole or not at all (getrandom(2)).
  if (got != static_cast<ssize_t>(sizeof seed)) std::abort();
  return Random(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint32_t Random::below(std::uint32_t bound) {
  return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
}

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kTraceparentSize) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceContext context;
  const bool read = read_hex(text.data(), version) && read_hex(text.data() + 3, context.trace_id) &&
                    read_hex(text.data() + 36, context.parent_id) &&
                    read_hex(text.data() + 53, flags);
  if (!read || version[0] == 0xff) return std::nullopt;
  if (text.size() > kTraceparentSize && (version[0] == 0 || text[kTraceparentSize] != '-')) {
    return std::nullopt;
  }
  if (all_zero(context.trace_id) || all_zero(context.parent_id)) return std::nullopt;
  context.flags = flags[0];
  return context;
}

void format_traceparent(const TraceContext& context, char (&out)[kTraceparentSize]) {
  char* at = put_hex<2>(out, 0);
  *at++ = '-';
  at = write_hex(at, context.trace_id);
  *at++ = '-';
  at = write_hex(at, context.parent_id);
  *at++ = '-';
  // Of the flags level 1 defines only `sampled`; others must not be passed on.
  put_hex<2>(at, context.flags & 1u);
}

void format_trace_id(const TraceContext& context, char (&out)[32]) {
  write_hex(out, context.trace_id);
}

TraceContext start_trace(Random& random, bool sampled) {
  TraceContext context;
  fill_id(context.trace_id, random);
  fill_id(context.parent_id, random);
  context.flags = sampled ? 1 : 0;
  return context;
}

TraceContext child_of(const TraceContext& parent, Random& random) {
  TraceContext context = parent;
  fill_id(context.parent_id, random);
  return context;
}

}  // namespace marquee::base
