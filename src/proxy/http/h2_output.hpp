// Frames that wait to leave, in pooled blocks: empty it holds none.
#pragma once
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "net/buffer_pool.hpp"

namespace marquee::proxy::http {

class H2Output {
 public:
  // DATA is packed up to here; four records of TLS. Other frames go beyond.
  static constexpr std::size_t full_size = 64u << 10;

  explicit H2Output(net::BufferPool& pool) : pool_(pool) {}

  void append(const void* data, std::size_t size) {
    const char* from = static_cast<const char*>(data);
    size_ += size;
    while (size > 0) {
      if (pieces_.empty() || pieces_.back().end == pieces_.back().block.size()) {
        const bool small = pieces_.empty() && size_ <= net::bytes_of(net::BlockSize::small) / 2;
        pieces_.push_back(
            {pool_.acquire(small ? net::BlockSize::small : net::BlockSize::large), 0, 0});
      }
      Piece& p = pieces_.back();
      const std::size_t n = std::min(size, p.block.size() - p.end);
      std::memcpy(p.block.data() + p.end, from, n);
      p.end += n;
      from += n;
      size -= n;
    }
  }
  std::size_t size() const { return size_; }
  bool full() const { return size_ >= full_size; }
  // The first of what waits; at most 4 parts, as ByteStream::write() takes.
  std::size_t parts(std::span<iovec, 4> into) const {
    std::size_t n = 0;
    for (const Piece& p : pieces_) {
      if (n == into.size()) break;
      into[n++] = {p.block.data() + p.begin, p.end - p.begin};
    }
    return n;
  }
  void consume(std::size_t bytes) {
    size_ -= bytes;
    std::size_t gone = 0;
    while (bytes > 0) {
      Piece& p = pieces_[gone];
      const std::size_t n = std::min(bytes, p.end - p.begin);
      p.begin += n;
      bytes -= n;
      if (p.begin == p.end) ++gone;
    }
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(gone));
  }
  void clear() {
    pieces_.clear();
    size_ = 0;
  }

 private:
  struct Piece {
    net::Block block;
    std::size_t begin;
    std::size_t end;
  };
  net::BufferPool& pool_;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
};

}  // namespace marquee::proxy::http
