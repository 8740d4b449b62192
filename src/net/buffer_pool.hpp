// Blocks of memory for one worker, kept on free lists and lent only while a
// request or a write is under way: an idle connection holds none.
// Not thread-safe: every worker has its own pool.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace marquee::net {

enum class BlockSize : std::uint8_t { small, medium, large };

// Usable bytes of each class. `large` holds four full TLS records with their
// overhead (4 * (16384 + 256)) and so one 64 KiB read, encrypted or not.
constexpr std::size_t bytes_of(BlockSize s) {
  constexpr std::array<std::size_t, 3> sizes{4096, 16384, 66560};
  return sizes[static_cast<std::size_t>(s)];
}

// The smallest class that holds `bytes`; large when none does.
constexpr BlockSize smallest_block(std::size_t bytes) {
  if (bytes <= bytes_of(BlockSize::small)) return BlockSize::small;
  return bytes <= bytes_of(BlockSize::medium) ? BlockSize::medium : BlockSize::large;
}

class BufferPool;

// A lent block; gives itself back. Empty after a move or reset().
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), pool_(other.pool_), size_(other.size_) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      pool_ = other.pool_;
      size_ = other.size_;
    }
    return *this;
  }
  ~Block() { reset(); }

  explicit operator bool() const { return data_ != nullptr; }
  char* data() const { return data_; }
  std::size_t size() const { return data_ ? bytes_of(size_) : 0; }
  void reset();

 private:
  friend class BufferPool;
  Block(char* data, BufferPool* pool, BlockSize size) : data_(data), pool_(pool), size_(size) {}
  char* data_ = nullptr;
  BufferPool* pool_ = nullptr;
  BlockSize size_ = BlockSize::small;
};

class BufferPool {
 public:
  // At most `keep_bytes` stay on the free lists; what is beyond is freed.
  explicit BufferPool(std::size_t keep_bytes = 16u << 20) : keep_bytes_(keep_bytes) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  Block acquire(BlockSize size);
  // Frees what nobody holds.
  void trim();
  std::size_t lent_bytes() const { return lent_bytes_; }
  std::size_t free_bytes() const { return free_bytes_; }

 private:
  friend class Block;
  void give_back(char* data, BlockSize size);

  std::array<std::vector<char*>, 3> free_{};
  std::size_t keep_bytes_;
  std::size_t free_bytes_ = 0;
  std::size_t lent_bytes_ = 0;
};

inline void Block::reset() {
  if (data_) pool_->give_back(std::exchange(data_, nullptr), size_);
}

}  // namespace marquee::net
