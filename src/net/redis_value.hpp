// Replies of Redis of any shape (RESP2), for the control thread: what sentinels and
// clusters tell of themselves. Workers read replies by redis_codec.hpp, which keeps
// numbers only. No socket, no clock. Hostile replies are bounded: whatever needs more
// than kMostReplyBytes, or holds more than kMostValues, is broken.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/redis_codec.hpp"

namespace marquee::net {

struct RedisValue {
  using Type = RedisReply::Type;
  Type type = Type::nil;
  std::int64_t integer = 0;
  std::string text;               // status, error, text
  std::vector<RedisValue> items;  // array

  bool is_error() const { return type == Type::error; }
  bool is_text() const { return type == Type::text || type == Type::status; }
};

class RedisValues {
 public:
  static constexpr std::size_t kMostValues = 200'000;
  static constexpr std::size_t kMostItems = 20'000;  // of one array: more than there are slots
  static constexpr std::size_t kMostReplyBytes = 4u << 20;

  RedisValues();
  ~RedisValues();

  // False: broken, for good.
  bool feed(std::string_view bytes);
  enum class Next : std::uint8_t { none, value, broken };
  // The value is valid until the next call.
  Next next();
  RedisValue& value() { return value_; }

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  struct Make;  // hiredis's callbacks
  RedisValue value_;
  std::size_t count_ = 0;  // values of the present reply
  std::size_t bytes_ = 0;  // fed and not read
  bool broken_ = false;
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace marquee::net
