// Where a value of the settings stands, and what is wrong with it.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace marquee::config {

using Ms = std::chrono::milliseconds;

// Where a value stands: index into Settings::files, line and column from 1.
struct Mark {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

template <typename T>
struct Marked {
  T value{};
  Mark mark{};
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
};

// A fault found by a room above the reader: shown as file:line:column: sentence.
struct Problem {
  Mark mark;
  std::string sentence;  // what is wrong, and what to write instead
};

}  // namespace marquee::config
