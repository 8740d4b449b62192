#include "base/allocation_count.hpp"

#include <cstdlib>
#include <new>

static thread_local std::size_t allocations = 0;

std::size_t marquee::base::AllocationCount::total() { return allocations; }

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
