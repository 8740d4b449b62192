// SHA-256 over several parts, each preceded by its length, so that no two lists
// of parts give the same input.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace marquee::tls {

using Digest = std::array<std::uint8_t, 32>;
Digest digest_of(std::initializer_list<std::string_view> parts);
inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace marquee::tls
