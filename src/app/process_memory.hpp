// What the kernel says of this process's memory, and of the most it may have.
#pragma once
#include <cstdint>
#include <string>

namespace marquee::app {

// Resident bytes, from /proc/self/statm; 0 when it cannot be read. Some
// microseconds.
std::uint64_t resident_memory();

// What the control group (v2 memory.max, v1 memory.limit_in_bytes; of the
// process's group and all above it) or the machine has, whichever is less.
// `root` stands before every path, for tests; empty: "/".
std::uint64_t memory_available(const std::string& root = {});

// limits.memory, with auto (0) made a number: 90 % of `available`.
constexpr std::uint64_t memory_mark(std::uint64_t setting, std::uint64_t available) {
  return setting != 0 ? setting : available / 10 * 9;
}

}  // namespace marquee::app
