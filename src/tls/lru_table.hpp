// Values by digest (base/lru_table.hpp).
#pragma once
#include <cstring>

#include "base/lru_table.hpp"
#include "tls/digest.hpp"

namespace marquee::tls {

struct DigestHash {
  // A digest is random already.
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t value;
    std::memcpy(&value, digest.data(), sizeof value);
    return value;
  }
};

template <typename Value>
using LruTable = base::LruTable<Digest, Value, DigestHash>;

}  // namespace marquee::tls
