#include "net/redis_value.hpp"

#include <doctest/doctest.h>

using namespace marquee::net;

namespace {

using Next = RedisValues::Next;

Next read(RedisValues& values, std::string_view bytes, std::size_t piece) {
  Next last = Next::none;
  for (std::size_t at = 0; at < bytes.size() && last == Next::none; at += piece) {
    if (!values.feed(bytes.substr(at, piece))) return Next::broken;
    last = values.next();
  }
  return last;
}

}  // namespace

TEST_SUITE("net redis value") {
  TEST_CASE("any shape, in every split") {
    const std::string bytes =
        "*2\r\n*3\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$-1\r\n*0\r\n+OK\r\n";
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
      CAPTURE(piece);
      RedisValues values;
      REQUIRE(read(values, bytes, piece) == Next::value);
      const RedisValue& v = values.value();
      REQUIRE(v.items.size() == 2);
      CHECK(v.items[0].items[1].integer == 5460);
      const RedisValue& node = v.items[0].items[2];
      CHECK(node.items[0].text == "127.0.0.1");
      CHECK(node.items[2].type == RedisValue::Type::nil);
      CHECK(node.items[3].type == RedisValue::Type::array);
      CHECK(v.items[1].text == "OK");
    }
    RedisValues values;
    CHECK(read(values, "-ERR no\r\n", 100) == Next::value);
    CHECK(values.value().is_error());
  }

  TEST_CASE("more than the bounds is broken") {
    for (const std::string& bytes :
         {std::string("*1000000000\r\n"), std::string("*20001\r\n"), std::string("HTTP/1.1\r\n"),
          "$90000000\r\n" + std::string(5u << 20, 'x'), [] {
            // 20,000 arrays of 20 each.
            std::string out = "*20000\r\n";
            for (int i = 0; i < 20'000; ++i) {
              out += "*20\r\n";
              for (int j = 0; j < 20; ++j) out += ":1\r\n";
            }
            return out;
          }()}) {
      RedisValues values;
      CHECK_MESSAGE(read(values, bytes, 65'536) == Next::broken, bytes.substr(0, 20));
      CHECK_FALSE(values.feed(":1\r\n"));
    }
  }
}
