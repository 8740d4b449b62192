// Conversations of one HTTP/2 client with HTTP/1.1 upstreams.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "h2_wire.hpp"
#include "proxy/http/websocket_key.hpp"
#include "session_scenarios.hpp"

namespace marquee::proxy::testing {

// The key that the rig's random numbers make for its first request.
inline std::string rig_websocket_key() {
  base::Random random({1, 2, 3, 4});
  const std::uint64_t a = random.next();
  const std::uint64_t b = random.next();
  std::array<char, 24> key;
  http::make_websocket_key(a, b, key);
  return {key.data(), key.size()};
}
std::string websocket_accept(const std::string& key);

inline H2List h2_websocket() {
  return {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"},
          {":path", "/ws"},       {":authority", "a.test"},   {"sec-websocket-version", "13"}};
}

inline std::vector<Scenario> h2_scenarios() {
  const std::string head_end = "\r\n\r\n";
  std::vector<Scenario> all;
  auto add = [&all](Scenario s) {
    s.h2 = true;
    all.push_back(std::move(s));
  };
  add({"h2_get",
       {{"", h2_open() + h2_get(1, "/x?y=1")}, leave("hello")},
       {{{head_end, answer("hello")}}}});
  add({"h2_get_of_no_bytes",
       {{"", h2_open() + h2_get(1, "/1")}, leave("\x01\x30")},  // a Content-Length of "0"
       {{{head_end, answer("")}}}});
  all.back().client.back().await = "";
  add({"h2_one_after_the_other",
       {{"", h2_open() + h2_get(1, "/1")}, {"~", h2_get(3, "/2")}, leave("two")},
       {{{head_end, answer("one~")}, {head_end, answer("two")}}},
       2});
  all.back().upstream_whole = true;
  add({"h2_three_at_once",
       {{"", h2_open() + h2_get(1, "/1") + h2_get(3, "/2") + h2_get(5, "/3")},
        {"onetwo", ""},
        leave("")},
       {{{head_end, answer("onetwo")}},
        {{head_end, answer("onetwo")}},
        {{head_end, answer("onetwo")}}},
       3});
  all.back().upstream_same = false;  // which takes which path
  add({"h2_post_with_length",
       {{"", h2_open() +
                 h2_head(
                     1,
                     [] {
                       H2List l = h2_request("/", "POST");
                       l.push_back({"content-length", "11"});
                       return l;
                     }(),
                     false) +
                 h2_body(1, "hello ") + h2_body(1, "world", true)},
        leave("thanks")},
       {{{"hello world", answer("thanks")}}}});
  add({"h2_post_with_trailers",
       {{"", h2_open() + h2_head(1, h2_request("/", "POST"), false) + h2_body(1, "hello") +
                 h2_head(1, {{"x-sum", "12"}, {"x-tenant-id", "forged"}})},
        leave("thanks")},
       {{{"x-sum: 12\r\n\r\n", answer("thanks")}}}});
  all.back().upstream_same = false;  // chunks are as the bytes came
  add({"h2_post_of_nothing",
       {{"", h2_open() + h2_head(1, h2_request("/", "POST"), false) + h2_body(1, "", true)},
        leave("thanks")},
       {{{"0\r\n\r\n", answer("thanks")}}}});
  add({"h2_padded",
       {{"", h2_open() + h2_head(1, h2_request("/", "POST"), false) +
                 h2_frame(h2_data, h2_end_stream | 8, 1, std::string("\3hello\0\0\0", 9))},
        leave("thanks")},
       {{{"hello", ""}, {"0\r\n\r\n", answer("thanks")}}}});
  all.back().upstream_same = false;
  add({"h2_chunked_answer_with_trailers",
       {{"", h2_open() + h2_get(1, "/")}, leave("defg")},
       {{{head_end, chunked_answer("3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nX-End: yes\r\n\r\n")}}}});
  add({"h2_head",
       {{"", h2_open() + h2_head(1, h2_request("/", "HEAD"))}, {"", h2_get(3, "/2")}, leave("two")},
       {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"}, {head_end, answer("two")}},
        {{head_end, answer("two")}}},
       2});
  all.back().upstream_same = false;
  add({"h2_early_hints",
       {{"", h2_open() + h2_get(1, "/")}, leave("page")},
       {{{head_end, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                        answer("page")}}}});
  add({"h2_small_window",
       {{"", h2_open(h2_number(4, 2) + h2_number(4)) + h2_get(1, "/")},
        {"~", h2_frame(h2_window, 0, 1, h2_number(3))},
        {"^", h2_frame(h2_window, 0, 1, h2_number(100))},
        leave("9")},
       {{{head_end, answer("012~45^789")}}}});
  add({"h2_early_answer",
       {{"", h2_open() + h2_head(1, h2_request("/", "POST"), false) + h2_body(1, "01234")},
        leave(h2_reset(1, 0))},
       {{{head_end, answer("no thanks", "", "403 Forbidden")}}}});
  all.back().upstream_same = false;
  add({"h2_taken_back",
       {{"", h2_open() + h2_get(1, "/")},
        {"", h2_reset(1, 8)},
        {"", h2_get(3, "/2")},
        leave("two")},
       {{{head_end, answer("two")}}, {{head_end, answer("two")}}},
       2});
  all.back().upstream_same = false;
  all.back().client_same = false;
  add({"h2_field_block_in_pieces",
       {{"",
         h2_open() +
             h2_frame(h2_headers, h2_end_stream, 1, h2_block(h2_request("/")).substr(0, 9)) +
             h2_frame(h2_continuation, 0, 1, h2_block(h2_request("/")).substr(9, 5)) +
             h2_frame(h2_continuation, h2_end_headers, 1, h2_block(h2_request("/")).substr(14))},
        leave("hello")},
       {{{head_end, answer("hello")}}}});
  add({"h2_malformed",
       {{"", h2_open() + h2_get(1, "/", {{"connection", "close"}})}, leave(h2_reset(1, 1))},
       {}});
  add({"h2_too_much_body",
       {{"", h2_open() +
                 h2_head(
                     1,
                     [] {
                       H2List l = h2_request("/", "POST");
                       l.push_back({"content-length", "3"});
                       return l;
                     }(),
                     false) +
                 h2_body(1, "0123", true)},
        leave(h2_reset(1, 1))},
       {{}}});
  all.back().upstream_same = false;
  add({"h2_unknown_host",
       {{"", h2_open() + h2_head(1, h2_request("/", "GET", "b.test"))}, leave("Not Found")},
       {}});
  add({"h2_upstream_that_is_cut_short",
       {{"", h2_open() + h2_get(1, "/")}, leave(h2_reset(1, 2))},
       {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Action::fin}}}});
  add({"h2_no_upstream", {{"", h2_open() + h2_get(1, "/")}, leave("Bad Gateway")}, {}});
  add({"h2_broken_frame",
       {{"", h2_open() + h2_get(1, "/") + h2_frame(h2_window, 0, 0, "abc")},
        leave(h2_number(6))},  // FRAME_SIZE_ERROR
       {{{head_end, "", Action::go_on}}}});
  all.back().upstream_same = all.back().client_same = false;
  add({"h2_tunnel",
       {{"", h2_open() + h2_head(1, h2_websocket(), false) + h2_body(1, "ping")},
        {"pong", h2_body(1, "bye", true)},
        leave("farewell")},
       {{{head_end,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
          "websocket\r\nSec-WebSocket-Accept: " +
              websocket_accept(rig_websocket_key()) + "\r\n\r\nhello"},
         {"ping", "pong"},
         {"bye", "farewell", Action::fin}}}});
  all.back().upstream_whole = true;
  add({"h2_tunnel_without_proof",
       {
           {"", h2_open() + h2_head(1, h2_websocket(), false)},
           leave("Bad Gateway"),
       },
       {{{head_end,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
          "websocket\r\nSec-WebSocket-Accept: nonsense\r\n\r\nhello"}}}});
  add({"h2_going_away",
       {{"", h2_open() + h2_get(1, "/") + h2_frame(h2_goaway, 0, 0, std::string(8, '\0'))},
        {our_end, "", Action::fin}},
       {{{head_end, answer("hello")}}}});
  return all;
}

}  // namespace marquee::proxy::testing
