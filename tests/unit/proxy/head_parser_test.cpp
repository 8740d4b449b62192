// Each head is parsed whole, cut in two at every byte, and byte by byte: the
// verdict, the refusal and what was understood are the same.
#include "proxy/http/head_parser.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace marquee::proxy::http;

namespace {

struct Parsed {
  ParseState state = ParseState::more;
  Refusal refusal = Refusal::none;
  std::size_t consumed = 0;
  std::string text;  // what was understood
  bool operator==(const Parsed&) const = default;
};

std::string described(const RequestHead& h) {
  return std::string(h.method_name) + "|" + std::string(h.path) + "|" + std::string(h.authority) +
         "|" + std::to_string(static_cast<int>(h.form)) + "|" + std::to_string(h.minor);
}
std::string described(const ResponseHead& h) {
  return std::to_string(h.status) + "|" + std::string(h.reason) + "|" + std::to_string(h.minor);
}

// Parses the prefixes of `bytes` that end at `ends`, in order, then all of it.
template <typename Parser, typename Head>
Parsed parse_in(const std::string& bytes, const std::vector<std::size_t>& ends, HeadLimits limits) {
  Parser parser(limits);
  auto head = std::make_unique<Head>();
  head->clear();
  Parsed out;
  auto step = [&](std::size_t end) {
    if (out.state != ParseState::more) return;
    out.state = parser.parse(std::string_view(bytes).substr(0, end), *head);
  };
  for (std::size_t end : ends) step(end);
  step(bytes.size());
  if (out.state == ParseState::refused) out.refusal = parser.refusal();
  if (out.state != ParseState::done) return out;
  out.consumed = parser.consumed();
  out.text = described(*head);
  for (const Field& f : head->fields)
    out.text += "\n" + std::string(f.name) + "=" + std::string(f.value) + (f.twin ? "~" : "");
  return out;
}

template <typename Parser, typename Head>
Parsed parse_all_ways(const std::string& bytes, HeadLimits limits = {}) {
  const Parsed whole = parse_in<Parser, Head>(bytes, {}, limits);
  std::vector<std::size_t> every;
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    if (bytes.size() < 3000) CHECK(parse_in<Parser, Head>(bytes, {cut}, limits) == whole);
    every.push_back(cut);
  }
  CHECK(parse_in<Parser, Head>(bytes, every, limits) == whole);
  return whole;
}

Parsed request(const std::string& bytes, HeadLimits limits = {}) {
  return parse_all_ways<RequestHeadParser, RequestHead>(bytes, limits);
}
Parsed response(const std::string& bytes, HeadLimits limits = {}) {
  return parse_all_ways<ResponseHeadParser, ResponseHead>(bytes, limits);
}

const std::string host = "\r\nHost: a\r\n\r\n";

}  // namespace

TEST_CASE("request heads that are taken") {
  struct Row {
    std::string bytes;
    std::string understood;
  };
  const std::string origin = "|0|1", absolute = "|1|1";
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1" + host, "GET|/||0|1\nHost=a"},
      {"GET / HTTP/1.0" + host, "GET|/||0|0\nHost=a"},
      {"GET / HTTP/1.2" + host, "GET|/||0|1\nHost=a"},  // a later minor version: as 1.1
      {"\r\nGET / HTTP/1.1" + host, "GET|/||0|1\nHost=a"},
      {"get /a%20b?c=d/../e HTTP/1.1" + host, "get|/a%20b?c=d/../e||0|1\nHost=a"},
      {"OPTIONS * HTTP/1.1" + host, "OPTIONS|*||2|1\nHost=a"},
      {"CONNECT a:443 HTTP/1.1" + host, "CONNECT|||3|1\nHost=a"},
      {"GET http://h:80/p?q HTTP/1.1" + host, "GET|/p?q|h:80|1|1\nHost=a"},
      {"GET HTTPS://h HTTP/1.1" + host, "GET|/|h|1|1\nHost=a"},
      {"GET http://h?q HTTP/1.1" + host, "GET|?q|h|1|1\nHost=a"},
      {"GET //a/b HTTP/1.1" + host, "GET|//a/b||0|1\nHost=a"},
      {"GET / HTTP/1.1\r\n\r\n", "GET|/||0|1"},  // a missing Host is judge()'s
      {"GET / HTTP/1.1\r\nA:b\r\nC: \t d e\t \r\nE:\r\n\r\n", "GET|/||0|1\nA=b\nC=d e\nE="},
      {"GET / HTTP/1.1\r\nA: x\ty \x80\xff\r\n\r\n", "GET|/||0|1\nA=x\ty \x80\xff"},
      {"GET / HTTP/1.1\r\nX_Real_IP: 1\r\n!#$%&'*+-.^`|~9: 2\r\n\r\n",
       "GET|/||0|1\nX_Real_IP=1~\n!#$%&'*+-.^`|~9=2"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Parsed p = request(row.bytes);
    CHECK(p.state == ParseState::done);
    CHECK(p.text == row.understood);
    CHECK(p.consumed == row.bytes.size());
    // What follows is not looked at.
    const Parsed more = request(row.bytes + "\x01GET");
    CHECK(more.consumed == row.bytes.size());
  }
}

TEST_CASE("request heads that are refused") {
  struct Row {
    std::string bytes;
    Refusal refusal;
  };
  const std::string nul(1, '\0');
  std::vector<Row> rows = {
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", Refusal::bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", Refusal::bare_line_feed},
      {"\nGET / HTTP/1.1" + host, Refusal::bare_line_feed},
      {"\r\n\r\nGET / HTTP/1.1" + host, Refusal::bad_request_line},
      {"GET /\r\n\r\n", Refusal::bad_request_line},  // HTTP/0.9
      {"GET\r\n\r\n", Refusal::bad_request_line},
      {"GET  HTTP/1.1" + host, Refusal::bad_request_line},
      {" GET / HTTP/1.1" + host, Refusal::bad_method},
      {"G\"T / HTTP/1.1" + host, Refusal::bad_method},
      {"GET: / HTTP/1.1" + host, Refusal::bad_method},
      {"G\tT / HTTP/1.1" + host, Refusal::bad_method},
      {std::string(33, 'G') + " / HTTP/1.1" + host, Refusal::bad_method},
      {"GET / HTTP/2.0" + host, Refusal::unsupported_version},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::unsupported_version},
      {"GET / HTTP/0.9" + host, Refusal::unsupported_version},
      {"GET / http/1.1" + host, Refusal::bad_version},
      {"GET / HTTP/1.10" + host, Refusal::bad_version},
      {"GET / HTTP/1,1" + host, Refusal::bad_version},
      {"GET / HTTP/1." + host, Refusal::bad_version},
      {"GET / HTTP/1.1 " + host, Refusal::bad_version},
      {"GET / HTTP/1.1\r" + host, Refusal::bad_version},
      {"GET /a b HTTP/1.1" + host, Refusal::bad_target},
      {"GET  / HTTP/1.1" + host, Refusal::bad_target},
      {"GET /  HTTP/1.1" + host, Refusal::bad_target},
      {"GET /a#b HTTP/1.1" + host, Refusal::bad_target},
      {"GET /aaaaaaaaaaaa#b HTTP/1.1" + host, Refusal::bad_target},
      {"GET /a\x7f" + std::string("b HTTP/1.1") + host, Refusal::bad_target},
      {"GET /a\xc3\xa4 HTTP/1.1" + host, Refusal::bad_target},
      {"GET /aaaaaaa\xc3\xa4 HTTP/1.1" + host, Refusal::bad_target},
      {"GET /" + nul + " HTTP/1.1" + host, Refusal::bad_target},
      {"GET /\taaaaaaaaa HTTP/1.1" + host, Refusal::bad_target},
      {"GET * HTTP/1.1" + host, Refusal::bad_target},
      {"GET a/b HTTP/1.1" + host, Refusal::bad_target},
      {"GET ftp://a/ HTTP/1.1" + host, Refusal::bad_target},
      {"GET http:// HTTP/1.1" + host, Refusal::bad_target},
      {"GET http:///p HTTP/1.1" + host, Refusal::bad_target},
      {"GET http://u@h/ HTTP/1.1" + host, Refusal::bad_target},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refusal::folded_field},
      {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Refusal::folded_field},
      {"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n", Refusal::folded_field},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\n: a\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\nHost\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\nHo" + nul + "st: a\r\n\r\n", Refusal::bad_field_name},
      {"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Refusal::bad_field_value},
      {"GET / HTTP/1.1\r\nA: b\r\r\n\r\n", Refusal::bad_field_value},
  };
  for (int c = 0; c < 0x21; ++c)
    if (c != '\t' && c != '\n' && c != '\r' && c != ' ')
      for (const char* padding : {"", "12345678"})
        rows.push_back(
            {"GET / HTTP/1.1\r\nA: b" + std::string(padding) + static_cast<char>(c) + "c\r\n\r\n",
             Refusal::bad_field_value});
  rows.push_back({"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", Refusal::bad_field_value});
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Parsed p = request(row.bytes);
    CHECK(p.state == ParseState::refused);
    CHECK(name(p.refusal) == name(row.refusal));
    CHECK(status_of(p.refusal) >= 400);
  }
}

TEST_CASE("request heads that are not complete are no refusal") {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t n = 0; n < head.size(); ++n)
    CHECK(request(head.substr(0, n)).state == ParseState::more);
}

TEST_CASE("limits of a request head, to the byte") {
  const HeadLimits limits{200, 3, 40};
  auto target = [](std::size_t n) {
    return "GET /" + std::string(n - 1, 't') + " HTTP/1.1" + host;
  };
  CHECK(request(target(40), limits).state == ParseState::done);
  CHECK(request(target(41), limits).refusal == Refusal::target_too_long);
  CHECK(status_of(Refusal::target_too_long) == 414);
  // Endless, without ever a line's end or a second space.
  CHECK(request("GET /" + std::string(150, 't'), limits).refusal == Refusal::target_too_long);

  auto fields = [](int n) {
    std::string s = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < n; ++i) s += "A: b\r\n";
    return s + "\r\n";
  };
  CHECK(request(fields(3), limits).state == ParseState::done);
  CHECK(request(fields(4), limits).refusal == Refusal::too_many_fields);
  CHECK(request(fields(256), {1u << 20, 1000, 40}).state == ParseState::done);
  CHECK(request(fields(257), {1u << 20, 1000, 40}).refusal == Refusal::too_many_fields);
  CHECK(status_of(Refusal::too_many_fields) == 431);

  auto sized = [](std::size_t n) {
    const std::string s = "GET / HTTP/1.1\r\nA: \r\n\r\n";
    return "GET / HTTP/1.1\r\nA: " + std::string(n - s.size(), 'v') + "\r\n\r\n";
  };
  CHECK(request(sized(200), limits).state == ParseState::done);
  CHECK(request(sized(201), limits).refusal == Refusal::head_too_large);
  CHECK(request(sized(300).substr(0, 250), limits).refusal == Refusal::head_too_large);
  CHECK(status_of(Refusal::head_too_large) == 431);
}

TEST_CASE("response heads that are taken") {
  struct Row {
    std::string bytes;
    std::string understood;
  };
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK\r\n\r\n", "200|OK|1"},
      {"HTTP/1.1 200 \r\n\r\n", "200||1"},
      {"HTTP/1.1 200\r\n\r\n", "200||1"},
      {"HTTP/1.0 404 Not \t found \x80\r\nA: b\r\n\r\n", "404|Not \t found \x80|0\nA=b"},
      {"HTTP/1.9 599 x\r\n\r\n", "599|x|1"},
      {"HTTP/1.1 100 Continue\r\n\r\n", "100|Continue|1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Parsed p = response(row.bytes);
    CHECK(p.state == ParseState::done);
    CHECK(p.text == row.understood);
    CHECK(p.consumed == row.bytes.size());
  }
}

TEST_CASE("response heads that are refused") {
  struct Row {
    std::string bytes;
    Refusal refusal;
  };
  const std::vector<Row> rows = {
      {"HTTP/1.1 200 OK\n\r\n", Refusal::bare_line_feed},
      {"HTTP/1.1 200 OK\r\nA: b\n\r\n", Refusal::bare_line_feed},
      {"\r\nHTTP/1.1 200 OK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/2.0 200 OK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 99 Low\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 099 Low\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 600 High\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 2x0 OK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 2000 OK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1  200 OK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 200 O\rK\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 200 O\x01K\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 200\tOK\r\n\r\n", Refusal::bad_status_line},
      {"ICY 200 OK\r\n\r\n", Refusal::bad_status_line},
      {"<html>\r\n\r\n", Refusal::bad_status_line},
      {"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", Refusal::folded_field},
      {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Refusal::folded_field},
      {"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", Refusal::bad_field_name},
      {"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\n\r\n", Refusal::bad_field_value},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Parsed p = response(row.bytes);
    CHECK(p.state == ParseState::refused);
    CHECK(name(p.refusal) == name(row.refusal));
  }
  const std::string endless = "HTTP/1.1 200 " + std::string(300, 'x');
  CHECK(response(endless, {200, 3, 0}).refusal == Refusal::head_too_large);
  CHECK(response("HTTP/1.1 200\r\nA: b\r\nA: b\r\n\r\n", {200, 1, 0}).refusal ==
        Refusal::too_many_fields);
}

TEST_CASE("a field value: every byte at every place of every short value") {
  const auto allowed = [](int c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; };
  std::size_t wrong = 0;
  for (std::size_t size = 1; size <= 26; ++size)
    for (std::size_t at = 0; at < size; ++at)
      for (int c = 0; c < 256; ++c) {
        std::string value(size, 'v');
        value[at] = static_cast<char>(c);
        wrong += is_field_value(value) != allowed(c);
        value[size - 1 - at] = '\t';  // beside one that is allowed
        if (size - 1 - at != at) wrong += is_field_value(value) != allowed(c);
      }
  CHECK(wrong == 0);
  CHECK(is_field_value(""));
}
