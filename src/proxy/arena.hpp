// Memory for the small strings of one request (forwarded addresses, ids, a
// rewritten path): a fixed run of bytes, and the heap for what is larger.
#pragma once
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace marquee::proxy {

class Arena {
 public:
  void clear() {
    used_ = 0;
    large_.clear();
  }
  // Uninitialised; lives until clear().
  char* take(std::size_t size) {
    if (size <= room_.size() - used_) {
      char* p = room_.data() + used_;
      used_ += size;
      return p;
    }
    large_.push_back(std::make_unique<char[]>(size));
    return large_.back().get();
  }
  std::string_view copy(std::string_view s) {
    char* p = take(s.size());
    std::memcpy(p, s.data(), s.size());
    return {p, s.size()};
  }

 private:
  std::size_t used_ = 0;
  std::array<char, 1536> room_;
  std::vector<std::unique_ptr<char[]>> large_;
};

}  // namespace marquee::proxy
