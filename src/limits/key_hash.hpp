// SipHash-1-3 (Aumasson, Bernstein 2012): keys of counters are partly chosen by
// strangers, who must not be able to make them fall together.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace marquee::limits {

struct HashSeed {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

inline std::uint64_t key_hash(std::string_view text, HashSeed seed) {
  std::uint64_t a = seed.k0 ^ 0x736f6d6570736575u;
  std::uint64_t b = seed.k1 ^ 0x646f72616e646f6du;
  std::uint64_t c = seed.k0 ^ 0x6c7967656e657261u;
  std::uint64_t d = seed.k1 ^ 0x7465646279746573u;
  const auto round = [&] {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    d ^= word;
    round();
    a ^= word;
  }
  std::uint64_t last = static_cast<std::uint64_t>(text.size()) << 56;
  for (std::size_t shift = 0; i < text.size(); ++i, shift += 8)
    last |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << shift;
  d ^= last;
  round();
  a ^= last;
  c ^= 0xff;
  round();
  round();
  round();
  return a ^ b ^ c ^ d;
}

}  // namespace marquee::limits
