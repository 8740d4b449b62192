// Redis's protocol (RESP2): commands to bytes, and bytes to replies by hiredis'
// reader. No socket, no clock. Hostile replies are bounded: at most
// kMostItems integers of one array and kMostReplyText bytes of text are kept, and
// a reply that would need more than kMostReplyBytes is broken.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct redisReader;
struct redisReadTask;

namespace marquee::net {

// Appends one command of at least one word.
void append_command(std::string& out, std::span<const std::string_view> words);

struct RedisReply {
  enum class Type : std::uint8_t { status, error, integer, text, nil, array };
  static constexpr std::size_t kMostItems = 64;

  Type type = Type::nil;
  // Status, error, text, or the text that an array begins with: cut after
  // kMostReplyText.
  std::string text;
  std::int64_t integer = 0;
  // Of an array of integers; `odd`: it holds something else, too.
  std::array<std::int64_t, kMostItems> items{};
  std::size_t count = 0;
  bool odd = false;

  bool is_ok() const { return type == Type::status && text == "OK"; }
  bool is_pong() const { return type == Type::status && text == "PONG"; }
  bool is_error(std::string_view word) const {
    return type == Type::error && std::string_view(text).starts_with(word);
  }
};

class RedisReplies {
 public:
  static constexpr std::size_t kMostReplyText = 512;
  static constexpr std::size_t kMostReplyBytes = 64u << 10;

  RedisReplies();
  // Begins anew, for another connection.
  void reset();

  // False: broken, from now on until reset().
  bool feed(std::string_view bytes);
  enum class Next : std::uint8_t { none, reply, broken };
  // The reply is valid until the next call.
  Next next();
  const RedisReply& reply() const { return reply_; }

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  struct Make;  // hiredis's callbacks
  RedisReply reply_;
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace marquee::net
