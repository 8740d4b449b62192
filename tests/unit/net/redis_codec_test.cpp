#include "net/redis_codec.hpp"

#include <doctest/doctest.h>
#include <hiredis/hiredis.h>

#include <vector>

using namespace marquee::net;

namespace {

using Next = RedisReplies::Next;
using Type = RedisReply::Type;

struct Seen {
  std::vector<RedisReply> replies;
  bool broken = false;
};

Seen read(std::string_view bytes, std::size_t piece) {
  RedisReplies replies;
  Seen out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (!replies.feed(bytes.substr(at, piece))) out.broken = true;
    for (;;) {
      const Next next = replies.next();
      if (next == Next::broken) out.broken = true;
      if (next != Next::reply) break;
      out.replies.push_back(replies.reply());
    }
    if (out.broken) break;
  }
  return out;
}

}  // namespace

TEST_SUITE("net redis codec") {
  TEST_CASE("commands") {
    std::string out;
    const std::string_view words[] = {"SET", "k", ""};
    append_command(out, words);
    CHECK(out == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    // As hiredis writes them.
    const std::string longer(1234, 'x');
    const char* data[] = {"EVALSHA", longer.c_str(), "\r\n"};
    const std::size_t sizes[] = {7, longer.size(), 2};
    char* theirs = nullptr;
    const auto size = redisFormatCommandArgv(&theirs, 3, data, sizes);
    const std::string_view same[] = {"EVALSHA", longer, "\r\n"};
    out.clear();
    append_command(out, same);
    CHECK(out == std::string_view(theirs, static_cast<std::size_t>(size)));
    redisFreeCommand(theirs);
  }

  TEST_CASE("replies of every kind, in every split") {
    const std::string bytes =
        "+OK\r\n-ERR no\r\n:42\r\n$3\r\nabc\r\n$-1\r\n*3\r\n:1\r\n:-2\r\n:9007199254740993\r\n"
        "*2\r\n:5\r\n$1\r\nx\r\n*0\r\n*-1\r\n";
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
      CAPTURE(piece);
      const Seen seen = read(bytes, piece);
      REQUIRE_FALSE(seen.broken);
      REQUIRE(seen.replies.size() == 9);
      CHECK(seen.replies[0].is_ok());
      CHECK(seen.replies[1].is_error("ERR"));
      CHECK_FALSE(seen.replies[1].is_error("NOSCRIPT"));
      CHECK(seen.replies[2].integer == 42);
      CHECK(seen.replies[3].text == "abc");
      CHECK(seen.replies[4].type == Type::nil);
      REQUIRE(seen.replies[5].count == 3);
      CHECK_FALSE(seen.replies[5].odd);
      CHECK(seen.replies[5].items[1] == -2);
      CHECK(seen.replies[5].items[2] == 9007199254740993);
      CHECK(seen.replies[6].odd);
      CHECK(seen.replies[7].count == 0);
      CHECK(seen.replies[8].type == Type::nil);
    }
  }

  TEST_CASE("garbage is broken, and never more than a bound is kept") {
    for (const char* bytes :
         {"HTTP/1.1 200 OK\r\n\r\n", "?\r\n", "*1000000000\r\n", "*65\r\n", "*-2\r\n",
          "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"})
      CHECK_MESSAGE(read(bytes, 1000).broken, bytes);
    CHECK(read("$100000000\r\n" + std::string(200'000, 'x'), 16'384).broken);
    CHECK(read("+" + std::string(200'000, 'x'), 16'384).broken);
    const Seen longer = read("+" + std::string(5000, 'x') + "\r\n", 16'384);
    REQUIRE(longer.replies.size() == 1);
    CHECK(longer.replies[0].text.size() == RedisReplies::kMostReplyText);
  }

  TEST_CASE("a broken reader begins anew for another connection") {
    RedisReplies replies;
    replies.feed("nonsense\r\n");
    CHECK(replies.next() == Next::broken);
    replies.reset();
    CHECK(replies.feed(":1\r\n"));
    CHECK(replies.next() == Next::reply);
  }
}
