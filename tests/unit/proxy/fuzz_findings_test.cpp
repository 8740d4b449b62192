// What fuzzers found (tests/fuzz), one case each.
#include <doctest/doctest.h>

#include <string>

#include "proxy/http/body_decoder.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/head_parser.hpp"

using namespace marquee::proxy;
using http::Refusal;

TEST_CASE("an answer's repeated Host does not hide two lengths") {
  for (
      const char* head : {
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\nHost: a\r\nHost: b\r\n\r\n",
          "HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
      }) {
    http::ResponseHeadParser parser;
    http::ResponseHead response;
    REQUIRE(parser.parse(head, response) == http::ParseState::done);
    CHECK(http::judge(response, {}) == Refusal::repeated_content_length);
  }
}

TEST_CASE("a bare LF in a trailer is called so, however many bytes follow it") {
  const std::string tail(200, 'x');
  for (const std::string& in : {std::string("0\r\nX: 1\n"), "0\r\nX: 1\n" + tail}) {
    http::BodyDecoder decoder;
    decoder.begin({http::BodyKind::chunked, 0}, {40, 80, 4});
    CHECK(decoder.next(in).kind == http::BodyDecoder::Step::refused);
    CHECK(decoder.refusal() == Refusal::bare_line_feed);
  }
}
