// What fuzzers share: a claim that must hold, and bytes that come in pieces.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

inline void require(bool holds) {
  if (!holds) std::abort();
}

// The first byte of an input says how the rest of it arrives.
struct Input {
  Input(const std::uint8_t* data, std::size_t size)
      : piece(size ? data[0] % 64u + 1 : 1),
        choice(size ? data[0] / 64u : 0),
        bytes(reinterpret_cast<const char*>(data) + (size ? 1 : 0), size ? size - 1 : 0) {}
  std::size_t piece;  // bytes at a time, 1 to 64
  unsigned choice;    // 0 to 3
  std::string_view bytes;
};
