#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/json_text.hpp"

using namespace marquee::base;
using namespace std::string_literals;

TEST_CASE("base64: the vectors of RFC 4648 section 10") {
  const char* plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
  const char* coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
  for (int i = 0; i < 7; ++i) {
    CHECK(base64_encode(plain[i]) == coded[i]);
    CHECK(base64_decode(coded[i]) == plain[i]);
    const std::string url = base64url_encode(plain[i]);
    CHECK(url.find('=') == std::string::npos);
    CHECK(base64url_decode(url) == plain[i]);
  }
  CHECK(base64_encode("\xfb\xff\xfe") == "+//+");
  CHECK(base64url_encode("\xfb\xff\xfe") == "-__-");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(base64_decode(base64_encode(all)) == all);
}

TEST_CASE("base64: one value has one spelling") {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "=", "====", "Zm9v\n",
                          "Zm 9", "-__-", "Zg==Zg=="}) {
    CHECK_MESSAGE(!base64_decode(bad), std::string(bad));
  }
  for (const char* bad : {"Z", "Zh", "Zg==", "+//+"}) {
    CHECK_MESSAGE(!base64url_decode(bad), std::string(bad));
  }
}

static std::string json(std::string_view text) {
  char buffer[4096];
  JsonText out(buffer, sizeof buffer);
  out.string(text);
  return std::string(out.view());
}

TEST_CASE("json text: escapes") {
  CHECK(json("plain /path?a=b") == "\"plain /path?a=b\"");
  CHECK(json("a\"b\\c") == "\"a\\\"b\\\\c\"");
  CHECK(json("\b\f\n\r\t") == "\"\\b\\f\\n\\r\\t\"");
  CHECK(json("\0\x01\x1f\x7f"s) == "\"\\u0000\\u0001\\u001f\\u007f\"");
  CHECK(json("") == "\"\"");
}

TEST_CASE("json text: UTF-8 passes, other bytes become replacement characters") {
  CHECK(json("b\u00fccher \u20ac \U0001f600") == "\"b\u00fccher \u20ac \U0001f600\"");
  CHECK(json("a\xff") == "\"a\\ufffd\"");
  CHECK(json("\xc0\xaf") == "\"\\ufffd\\ufffd\"");
  CHECK(json("\xed\xa0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(json("\xf4\x90\x80\x80") == "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  CHECK(json("\xe2\x82") == "\"\\ufffd\\ufffd\"");
  CHECK(json("\xc3(") == "\"\\ufffd(\"");
}

TEST_CASE("json text: numbers") {
  char buffer[256];
  JsonText out(buffer, sizeof buffer);
  out.number(std::int64_t{INT64_MIN});
  out.raw(",");
  out.number(std::uint64_t{UINT64_MAX});
  out.raw(",");
  out.thousandths(1234567);
  out.raw(",");
  out.thousandths(5);
  CHECK(out.view() == "-9223372036854775808,18446744073709551615,1234.567,0.005");
}

TEST_CASE("json text: what does not fit is left out whole and told") {
  for (std::size_t room = 0; room < 12; ++room) {
    char buffer[16] = "###############";
    JsonText out(buffer, room);
    out.string("ab\ncd\x01");
    CHECK(out.overflowed());
    CHECK(out.size() == 0);
    CHECK(buffer[room] == '#');
  }
  char buffer[16];
  JsonText out(buffer, 5);
  out.raw("ab");
  const std::size_t mark = out.size();
  out.number(std::uint64_t{12345});
  CHECK(out.overflowed());
  CHECK(out.view() == "ab");
  out.rewind(mark);
  CHECK_FALSE(out.overflowed());
  out.number(std::uint64_t{123});
  CHECK(out.view() == "ab123");
}

TEST_CASE("clock: manual and system") {
  ManualClock manual(5'000'000, 1'700'000'000'000);
  manual.advance_ms(3);
  CHECK(manual.steady_ns() == 8'000'000);
  CHECK(manual.wall_ms() == 1'700'000'000'003);
  manual.set_wall_ms(1);
  CHECK(manual.wall_ms() == 1);
  CHECK(manual.steady_ns() == 8'000'000);
  const SystemClock system;
  const auto first = system.steady_ns();
  CHECK(system.steady_ns() >= first);
  CHECK(system.wall_ms() > 1'700'000'000'000);
}
