// Counts operator new of this thread, to prove that a path allocates nothing.
#pragma once
#include <cstddef>

namespace marquee::base {

class AllocationCount {
 public:
  AllocationCount() : before_(total()) {}
  std::size_t made() const { return total() - before_; }

 private:
  static std::size_t total();
  std::size_t before_;
};

}  // namespace marquee::base
