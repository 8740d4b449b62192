// How often keys and consumers were used, and when last: few numbers for many calls,
// so that they outlast the calls' rows where these have to go. Bounded by the number
// of ids. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace marquee::identity {

struct Use {
  enum class Of : std::uint8_t { api_key, consumer };
  Of of = Of::api_key;
  std::string id;
  std::uint64_t calls = 0;
  std::int64_t last_ms = 0;  // Unix time

  friend bool operator==(const Use&, const Use&) = default;
};

class UseCounts {
 public:
  explicit UseCounts(std::size_t most_ids) : most_(most_ids) {}

  // False: there are too many others, and this one is not counted.
  bool add(Use::Of of, const std::string& id, std::int64_t at_ms) {
    return add({of, id, 1, at_ms});
  }
  bool add(const Use& use);
  bool empty() const { return keys_.empty() && consumers_.empty(); }
  std::size_t size() const { return keys_.size() + consumers_.size(); }
  // At most so many, which are then in it no more.
  std::vector<Use> take(std::size_t most);

 private:
  struct Count {
    std::uint64_t calls = 0;
    std::int64_t last_ms = 0;
  };
  using Counts = std::unordered_map<std::string, Count>;
  Counts& of(Use::Of of) { return of == Use::Of::api_key ? keys_ : consumers_; }

  std::size_t most_;
  Counts keys_;
  Counts consumers_;
};

}  // namespace marquee::identity
