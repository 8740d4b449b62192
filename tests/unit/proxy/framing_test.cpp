// What a head means: its body's framing, its one authority, its connection.
#include "proxy/http/framing.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/http/head_parser.hpp"

using namespace marquee::proxy::http;

namespace {

struct Request {
  explicit Request(std::string fields, const std::string& line = "GET / HTTP/1.1",
                   const std::string& host = "Host: a\r\n")
      : bytes(line + "\r\n" + host + std::move(fields) + "\r\n") {
    RequestHeadParser parser;
    REQUIRE(parser.parse(bytes, head) == ParseState::done);
    refusal = judge(head);
  }
  std::string bytes;
  RequestHead head;
  Refusal refusal;
};

struct Response {
  explicit Response(std::string fields, const std::string& line = "HTTP/1.1 200 OK",
                    ResponseContext context = {})
      : bytes(line + "\r\n" + std::move(fields) + "\r\n") {
    ResponseHeadParser parser;
    REQUIRE(parser.parse(bytes, head) == ParseState::done);
    refusal = judge(head, context);
  }
  std::string bytes;
  ResponseHead head;
  Refusal refusal;
};

template <typename Message>
std::string travelling(const Message& m) {
  std::string out;
  for (const Field& f : m.head.fields)
    if (!f.dropped) out += std::string(f.name) + ";";
  return out;
}

}  // namespace

TEST_CASE("framing of request bodies") {
  struct Row {
    const char* fields;
    Refusal refusal;
    BodyKind kind = BodyKind::none;
    std::uint64_t length = 0;
  };
  const std::vector<Row> rows = {
      {"", Refusal::none},
      {"Content-Length: 0\r\n", Refusal::none, BodyKind::length, 0},
      {"Content-Length: 12\r\n", Refusal::none, BodyKind::length, 12},
      {"content-LENGTH:0012\r\n", Refusal::none, BodyKind::length, 12},
      {"Content-Length: 999999999999999999\r\n", Refusal::none, BodyKind::length,
       999999999999999999},
      {"Content-Length: 9999999999999999999\r\n", Refusal::bad_content_length},
      {"Content-Length: 18446744073709551617\r\n", Refusal::bad_content_length},
      {"Content-Length:\r\n", Refusal::bad_content_length},
      {"Content-Length: -1\r\n", Refusal::bad_content_length},
      {"Content-Length: +1\r\n", Refusal::bad_content_length},
      {"Content-Length: 1 2\r\n", Refusal::bad_content_length},
      {"Content-Length: 1,1\r\n", Refusal::bad_content_length},
      {"Content-Length: 0x1\r\n", Refusal::bad_content_length},
      {"Content-Length: 1.0\r\n", Refusal::bad_content_length},
      {"Content-Length: 1\r\nContent-Length: 1\r\n", Refusal::repeated_content_length},
      {"Content-Length: 1\r\nContent-Length: 2\r\n", Refusal::repeated_content_length},
      {"Transfer-Encoding: chunked\r\n", Refusal::none, BodyKind::chunked},
      {"Transfer-Encoding: CHUNKED\r\n", Refusal::none, BodyKind::chunked},
      {"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Refusal::length_and_chunked},
      {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Refusal::length_and_chunked},
      {"Transfer-Encoding: identity\r\nContent-Length: 1\r\n", Refusal::length_and_chunked},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
       Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: chunked, chunked\r\n", Refusal::unsupported_transfer_encoding},
      {"Transfer-Encoding: gzip, chunked\r\n", Refusal::unsupported_transfer_encoding},
      {"Transfer-Encoding: chunked, gzip\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: gzip\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: identity\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding:\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: \"chunked\"\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: xchunked\r\n", Refusal::bad_transfer_encoding},
      {"Transfer-Encoding: chunked;a=b\r\n", Refusal::bad_transfer_encoding},
      // The twin is another field: it neither frames nor travels.
      {"Transfer_Encoding: chunked\r\n", Refusal::none},
      {"Content_Length: 5\r\n", Refusal::none},
      {"Content-Length: 5\r\nContent_Length: 6\r\n", Refusal::none, BodyKind::length, 5},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const Request r(row.fields, "POST / HTTP/1.1");
    CHECK(name(r.refusal) == name(row.refusal));
    if (r.refusal != Refusal::none) continue;
    CHECK(r.head.body.kind == row.kind);
    CHECK(r.head.body.length == row.length);
    CHECK(travelling(r).empty());  // framing is written anew
  }
  CHECK(Request("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0").refusal ==
        Refusal::bad_transfer_encoding);
}

TEST_CASE("the one authority of a request") {
  struct Row {
    const char* line;
    const char* hosts;
    Refusal refusal;
    const char* host = "";
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1", "Host: a.test:81\r\n", Refusal::none, "a.test:81"},
      {"GET / HTTP/1.1", "", Refusal::missing_host},
      {"GET / HTTP/1.0", "", Refusal::missing_host},
      {"GET / HTTP/1.1", "Host:\r\n", Refusal::bad_host},
      {"GET / HTTP/1.1", "Host: a\r\nHost: a\r\n", Refusal::repeated_host},
      {"GET / HTTP/1.1", "Host: a\r\nHost: b\r\n", Refusal::repeated_host},
      {"GET http://a/ HTTP/1.1", "Host: a\r\n", Refusal::none, "a"},
      {"GET http://A/ HTTP/1.1", "Host: a\r\n", Refusal::none, "A"},
      {"GET http://a/ HTTP/1.1", "Host: b\r\n", Refusal::host_mismatch},
      {"GET http://a/ HTTP/1.1", "Host: a:80\r\n", Refusal::host_mismatch},
      {"GET http://a/ HTTP/1.1", "", Refusal::missing_host},
      {"GET http://a/ HTTP/1.0", "", Refusal::none, "a"},
      {"OPTIONS * HTTP/1.1", "Host: a\r\n", Refusal::none, "a"},
      {"CONNECT a:1 HTTP/1.1", "Host: a\r\n", Refusal::unsupported_method},
      {"TRACE / HTTP/1.1", "Host: a\r\n", Refusal::unsupported_method},
      {"GET / HTTP/1.1", "Ho_st: b\r\nHost: a\r\n", Refusal::none, "a"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CAPTURE(row.hosts);
    const Request r("", row.line, row.hosts);
    CHECK(name(r.refusal) == name(row.refusal));
    if (r.refusal == Refusal::none) CHECK(r.head.host == row.host);
  }
}

TEST_CASE("hop-by-hop fields, and those named in Connection, end here") {
  CHECK(
      travelling(Request("Connection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: a\r\n"
                         "Proxy: p\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\n"
                         "Upgrade: z\r\nHTTP2-Settings: s\r\nAccept: t\r\n")) == "Accept;");
  CHECK(travelling(Request(
            "Connection: X-A , x-b,,\r\nX-A: 1\r\nX-a: 2\r\nX-B: 3\r\nX-C: 4\r\n")) == "X-C;");
  CHECK(travelling(Request("Connection: X-A\r\nX-A: 1\r\nConnection: X-B\r\nX-B: 3\r\n")).empty());
  CHECK(travelling(Response("Connection: X-A\r\nX-A: 1\r\nKeep-Alive: 5\r\nX-B: 3\r\n")) == "X-B;");
  // Twins of names that somebody trusts do not travel, others do.
  CHECK(travelling(Request("X_Forwarded_For: 1\r\nX_Tenant_Id: 2\r\nx-site_id: 3\r\nMy_Own: 4\r\n"
                           "Connection_: 5\r\nUser_Agent: 6\r\n")) ==
        "My_Own;Connection_;User_Agent;");
  CHECK(Request("Connection: a b\r\n").refusal == Refusal::bad_connection);
  CHECK(Request("Connection: \"close\"\r\n").refusal == Refusal::bad_connection);
  CHECK(Response("Connection: a/b\r\n").refusal == Refusal::bad_connection);
  std::string many = "Connection: a";
  for (int i = 0; i < 32; ++i) many += ",a";
  CHECK(Request(many + "\r\n").refusal == Refusal::bad_connection);
}

TEST_CASE("a field named in Connection twice, twin or not, stays out") {
  CHECK(travelling(Request("X-Custom: 1\r\nConnection: x-custom\r\nX_Custom: 2\r\n")) ==
        "X_Custom;");
  // What frames the message cannot be taken out by naming it.
  const Request r("Connection: content-length, host\r\nContent-Length: 3\r\n", "POST / HTTP/1.1");
  CHECK(r.refusal == Refusal::none);
  CHECK(r.head.body.length == 3);
  CHECK(r.head.host == "a");
}

TEST_CASE("who keeps the connection") {
  CHECK(Request("").head.keep_alive);
  CHECK_FALSE(Request("Connection: close\r\n").head.keep_alive);
  CHECK_FALSE(Request("Connection: keep-alive, Close\r\n").head.keep_alive);
  CHECK_FALSE(Request("", "GET / HTTP/1.0").head.keep_alive);
  CHECK(Request("Connection: Keep-Alive\r\n", "GET / HTTP/1.0").head.keep_alive);
  CHECK(Response("Content-Length: 1\r\n").head.keep_alive);
  CHECK_FALSE(Response("").head.keep_alive);  // ends with the connection
  CHECK_FALSE(Response("Content-Length: 1\r\n", "HTTP/1.0 200 OK").head.keep_alive);
  CHECK_FALSE(Response("Content-Length: 1\r\nConnection: close\r\n").head.keep_alive);
}

TEST_CASE("Expect") {
  CHECK(Request("Expect: 100-Continue\r\nContent-Length: 1\r\n").head.expects_continue);
  CHECK_FALSE(Request("Expect: 100-continue\r\n").head.expects_continue);
  CHECK(Request("Expect: tea\r\n").refusal == Refusal::bad_expect);
  CHECK(Request("Expect: 100-continue\r\nExpect: 100-continue\r\n").refusal == Refusal::bad_expect);
  CHECK(Request("Expect: tea\r\n", "GET / HTTP/1.0").refusal == Refusal::none);
}

TEST_CASE("upgrades that are asked for") {
  const std::string asks = "Connection: Upgrade\r\n";
  CHECK(Request(asks + "Upgrade: websocket\r\n").head.upgrade_to == "websocket");
  CHECK_FALSE(Request("Upgrade: websocket\r\n").head.upgrade);
  CHECK_FALSE(Request(asks).head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: h2c\r\nHTTP2-Settings: AAA\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: H2C-14\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: websocket, h2c\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: HTTP/2.0\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: TLS/1.0\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: a\r\n").head.upgrade_to.empty());
  CHECK_FALSE(Request(asks + "Upgrade:\r\n").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: websocket\r\n", "POST / HTTP/1.1").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: websocket\r\n", "GET / HTTP/1.0").head.upgrade);
  CHECK_FALSE(Request(asks + "Upgrade: websocket\r\nContent-Length: 1\r\n").head.upgrade);
}

TEST_CASE("framing of answers") {
  struct Row {
    const char* line;
    const char* fields;
    Method method;
    Refusal refusal;
    BodyKind kind = BodyKind::none;
    std::uint64_t length = 0;
    const char* travels = "";
  };
  const auto get = Method::get, head = Method::head;
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", get, Refusal::none, BodyKind::length, 5},
      {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", get, Refusal::none, BodyKind::chunked},
      {"HTTP/1.1 200 OK", "", get, Refusal::none, BodyKind::until_close},
      {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", head, Refusal::none, BodyKind::none, 0,
       "Content-Length;"},
      {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", head, Refusal::none},
      {"HTTP/1.1 204 No", "Content-Length: 5\r\n", get, Refusal::none},
      {"HTTP/1.1 304 No", "Content-Length: 5\r\n", get, Refusal::none, BodyKind::none, 0,
       "Content-Length;"},
      {"HTTP/1.1 304 No", "Transfer-Encoding: chunked\r\n", get, Refusal::none},
      {"HTTP/1.1 103 Hints", "Content-Length: 5\r\n", get, Refusal::none},
      {"HTTP/1.1 200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", get,
       Refusal::length_and_chunked},
      {"HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5\r\n", get,
       Refusal::repeated_content_length},
      {"HTTP/1.1 304 No", "Content-Length: x\r\n", get, Refusal::bad_content_length},
      {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", Method::post, Refusal::none, BodyKind::length,
       5},
      {"HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", get, Refusal::bad_transfer_encoding},
      {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n", get, Refusal::bad_transfer_encoding},
      {"HTTP/1.1 101 Switching", "", get, Refusal::unrequested_upgrade},
      // Two Host or Expect fields in an answer frame nothing.
      {"HTTP/1.1 200 OK", "Expect: a\r\nExpect: b\r\nContent-Length: 1\r\n", get, Refusal::none,
       BodyKind::length, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CAPTURE(row.fields);
    const Response r(row.fields, row.line, {row.method, {}});
    CHECK(name(r.refusal) == name(row.refusal));
    if (r.refusal != Refusal::none) continue;
    CHECK(r.head.body.kind == row.kind);
    CHECK(r.head.body.length == row.length);
    CHECK(travelling(r) == row.travels);
  }
  CHECK(Response("Upgrade: websocket\r\n", "HTTP/1.1 101 Switching", {get, "WebSocket"}).refusal ==
        Refusal::none);
}

TEST_CASE("an answer's faults are not hidden by one another") {
  // gather() keeps the last fault that it met; the one that frames must win.
  CHECK(Response("Content-Length: 1\r\nContent-Length: 2\r\nHost: a\r\nHost: b\r\n").refusal ==
        Refusal::repeated_content_length);
  CHECK(
      Response(
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nExpect: a\r\nExpect: b\r\n")
          .refusal == Refusal::bad_transfer_encoding);
}
