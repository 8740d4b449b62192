#include "net/buffer_pool.hpp"

namespace marquee::net {

BufferPool::~BufferPool() {
  for (auto& list : free_)
    for (char* data : list) delete[] data;
}

Block BufferPool::acquire(BlockSize size) {
  auto& list = free_[static_cast<std::size_t>(size)];
  char* data = nullptr;
  if (list.empty()) {
    data = new char[bytes_of(size)];
  } else {
    data = list.back();
    list.pop_back();
    free_bytes_ -= bytes_of(size);
  }
  lent_bytes_ += bytes_of(size);
  return Block(data, this, size);
}

void BufferPool::give_back(char* data, BlockSize size) {
  const auto bytes = bytes_of(size);
  lent_bytes_ -= bytes;
#ifdef __SANITIZE_ADDRESS__
  // Nothing is kept, so that a use after it was given back is seen.
  delete[] data;
  return;
#endif
  if (free_bytes_ + bytes > keep_bytes_) {
    delete[] data;
    return;
  }
  free_bytes_ += bytes;
  free_[static_cast<std::size_t>(size)].push_back(data);
}

void BufferPool::trim() {
  for (auto& list : free_) {
    for (char* data : list) delete[] data;
    list.clear();
  }
  free_bytes_ = 0;
}

}  // namespace marquee::net
