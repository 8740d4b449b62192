// Conversations of one client connection with its upstreams, as scripts.
// Each ends with the client's end, so that every run comes to rest.
#pragma once
#include <vector>

#include "proxy_rig.hpp"

namespace marquee::proxy::testing {

inline std::string get(const std::string& path, const std::string& fields = {},
                       const std::string& method = "GET", const std::string& version = "1.1") {
  return method + " " + path + " HTTP/" + version + "\r\nHost: a.test\r\n" + fields + "\r\n";
}
inline std::string answer(const std::string& body, const std::string& fields = {},
                          const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
inline std::string chunked_answer(const std::string& chunks, const std::string& fields = {}) {
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields + "\r\n" + chunks;
}
// The client's last action: when `await` came, it leaves.
inline Action leave(const std::string& await) { return {await, "", Action::fin}; }

inline std::vector<Scenario> scenarios() {
  const std::string head_end = "\r\n\r\n";
  std::vector<Scenario> all;
  auto add = [&all](Scenario s) { all.push_back(std::move(s)); };

  add({"get", {{"", get("/x?y=1")}, leave("hello")}, {{{head_end, answer("hello")}}}});
  add({"get_of_no_bytes",
       {{"", get("/")}, leave("Content-Length: 0\r\n\r\n")},
       {{{head_end, answer("")}}}});
  add({"two_requests_on_one_connection",
       {{"", get("/1")}, {"one", get("/2")}, leave("two")},
       {{{head_end, answer("one")}, {head_end, answer("two")}}},
       2});
  add({"pipelined",
       {{"", get("/1") + get("/2") + get("/3")}, leave("three")},
       {{{head_end, answer("one")}, {head_end, answer("two")}, {head_end, answer("three")}}},
       3});
  add({"post_with_length",
       {{"", get("/", "Content-Length: 11\r\n", "POST") + "hello world"}, leave("thanks")},
       {{{"hello world", answer("thanks")}}}});
  add({"post_chunked",
       {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") +
                 "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
        leave("thanks")},
       {{{"0\r\n\r\n", answer("thanks")}}}});
  add({"post_chunked_with_trailers",
       {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") +
                 "5\r\nhello\r\n0\r\nX-Sum: 12\r\nX-Tenant-Id: forged\r\n\r\n"},
        leave("thanks")},
       {{{"X-Sum: 12\r\n\r\n", answer("thanks")}}}});
  add({"post_of_trailers_only",
       {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") + "0\r\nX-Sum: 12\r\n\r\n"},
        leave("thanks")},
       {{{"X-Sum: 12\r\n\r\n", answer("thanks")}}}});
  add({"pipelined_posts",
       {{"", get("/1", "Content-Length: 3\r\n", "POST") + "abc" +
                 get("/2", "Transfer-Encoding: chunked\r\n", "PUT") + "3\r\ndef\r\n0\r\n\r\n"},
        leave("two")},
       {{{"abc", answer("one")}, {"0\r\n\r\n", answer("two")}}},
       2});
  add({"chunked_answer_with_trailers",
       {{"", get("/")}, leave("X-End: yes\r\n\r\n")},
       {{{head_end, chunked_answer("3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nX-End: yes\r\n\r\n")}}}});
  add({"answer_until_close",
       {{"", get("/")}, leave("0\r\n\r\n")},
       {{{head_end, "HTTP/1.1 200 OK\r\n\r\nto the end", Action::fin}}}});
  add({"head",
       {{"", get("/", "", "HEAD")}, {"\r\n\r\n", get("/2")}, leave("two")},
       {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"}, {head_end, answer("two")}}},
       2});
  add({"no_content_and_not_modified",
       {{"", get("/1")}, {"204", get("/2")}, {"304", get("/3")}, leave("three")},
       {{{head_end, "HTTP/1.1 204 No Content\r\n\r\n"},
         {head_end, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"e\"\r\n\r\n"},
         {head_end, answer("three")}}},
       3});
  add({"expect_continue",
       {{"", get("/", "Content-Length: 4\r\nExpect: 100-continue\r\n", "POST")},
        {"100 Continue\r\n\r\n", "body"},
        leave("thanks")},
       {{{"body", answer("thanks")}}}});
  add({"early_hints",
       {{"", get("/")}, leave("page")},
       {{{head_end, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                        answer("page")}}}});
  {
    Scenario s{"early_answer",
               {{"", get("/", "Content-Length: 20\r\n", "POST") + "0123456789"},
                {"no thanks", "0123456789"},
                leave("")},
               {{{head_end, answer("no thanks", "", "403 Forbidden")}}}};
    s.upstream_same = false;
    add(s);
  }
  add({"http_1_0",
       {{"", get("/", "", "GET", "1.0")}, leave("hello")},
       {{{head_end, answer("hello")}}}});
  add({"http_1_0_keep_alive",
       {{"", get("/1", "Connection: keep-alive\r\n", "GET", "1.0")},
        {"one", get("/2", "", "GET", "1.0")},
        leave("two")},
       {{{head_end, answer("one")}, {head_end, answer("two")}}},
       2});
  add({"http_1_0_of_unknown_length",
       {{"", get("/", "", "GET", "1.0")}, leave("abcdef")},
       {{{head_end, chunked_answer("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")}}}});
  add({"tunnel",
       {{"", get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n")},
        {"101 Switching", "ping"},
        {"pong", "bye", Action::fin}},
       {{{head_end,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
          "websocket\r\n\r\nhello"},
         {"ping", "pong"},
         {"bye", "farewell", Action::fin}}}});
  add({"tunnel_that_the_upstream_ends",
       {{"", get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n")},
        {our_end, "bye", Action::fin}},
       {{{head_end,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
          "websocket\r\n\r\nfarewell",
          Action::fin}}}});
  add({"client_half_closes", {{"", get("/"), Action::fin}}, {{{head_end, answer("still here")}}}});
  add({"pipelined_then_half_closed",
       {{"", get("/1") + get("/2", "Content-Length: 3\r\n", "POST") + "abc", Action::fin}},
       {{{head_end, answer("one")}, {"abc", answer("two")}}},
       2});
  add({"half_closed_within_the_second_head",
       {{"", get("/1") + "GET /2 HTTP", Action::fin}},
       {{{head_end, answer("one")}}},
       2});
  add({"half_closed_within_the_second_body",
       {{"", get("/1") + get("/2", "Content-Length: 3\r\n", "POST") + "ab", Action::fin}},
       {{{head_end, answer("one")}}},
       2});
  all.back().upstream_same = false;
  add({"half_closed_before_the_tunnel",
       {{"", get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), Action::fin}},
       {{{head_end,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
          "websocket\r\n\r\nhello"},
         {our_end, "farewell", Action::fin}}}});
  add({"connection_close",
       {{"", get("/", "Connection: close\r\n")}, leave("hello")},
       {{{head_end, answer("hello", "Connection: close\r\n"), Action::fin}}}});
  add({"retry_of_a_dead_connection",
       {{"", get("/1")}, {"one", get("/2", "Content-Length: 4\r\n", "PUT") + "body"}, leave("two")},
       {{{head_end, answer("one")}, {"body", "", Action::fin}}, {{"body", answer("two")}}},
       2});
  all.back().fresh_connections_have_room = true;
  add({"upstream_that_is_cut_short",
       {{"", get("/")}, leave("abc")},
       {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Action::fin}}}});
  add({"upstream_without_an_answer",
       {{"", get("/")}, leave("502")},
       {{{head_end, "", Action::fin}}}});
  add({"upstream_that_speaks_nonsense",
       {{"", get("/")}, leave("502")},
       {{{head_end, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}}}});
  add({"no_upstream", {{"", get("/")}, leave("503")}, {}});
  all.back().client[1].await = "502";
  add({"unknown_host", {{"", "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n"}, leave("404")}, {}});
  add({"refused_head", {{"", "GET / HTTP/1.1\nHost: a.test\r\n\r\n"}, leave("400")}, {}});
  add({"refused_second_head",
       {{"", get("/")}, {"hello", "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n"}, leave("400")},
       {{{head_end, answer("hello")}}},
       2});
  {
    Scenario s{
        "early_answer_whose_small_rest_is_read",
        {{"", get("/1", "Content-Length: 10\r\n", "POST") + "01234"},
         {"no thanks", "56789" + get("/2")},
         leave("two")},
        {{{head_end, answer("no thanks", "", "403 Forbidden")}}, {{head_end, answer("two")}}},
        2};
    s.upstream_same = false;
    add(s);
  }
  {
    Scenario s{"refused_chunk",
               {{"", get("/", "Transfer-Encoding: chunked\r\n", "POST") + "3\r\nabc\r\nzz\r\n"},
                leave("400")},
               {{}}};
    s.upstream_same = false;
    add(s);
  }
  return all;
}

}  // namespace marquee::proxy::testing
