// What a field block may hold, and what is a flood.
#include <doctest/doctest.h>

#include "h2_scenarios.hpp"
#include "proxy/http/h2_flood.hpp"
#include "proxy/http/h2_request_head.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;
using http::Refusal;

namespace {

struct Head {
  net::BufferPool pool;
  http::H2FieldBlock block;
  std::unique_ptr<http::RequestHead> head = std::make_unique<http::RequestHead>();

  Refusal read(const H2List& fields, bool ends = true, std::size_t most = 32u << 10) {
    block.clear();
    head->clear();
    for (const auto& [name, value] : fields) block.add(pool, most, name, value);
    block.close(pool);
    return http::read_h2_request(block, ends, {}, *head);
  }
};

H2List with(std::initializer_list<std::pair<std::string, std::string>> more) {
  H2List all = h2_request("/x");
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

H2List without(const std::string& name) {
  H2List all;
  for (const auto& f : h2_request("/x"))
    if (f.first != name) all.push_back(f);
  return all;
}

}  // namespace

TEST_CASE("h2 heads: what is good") {
  Head h;
  CHECK(h.read(with({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"te", "trailers"}})) ==
        Refusal::none);
  CHECK(h.head->method == http::Method::get);
  CHECK(h.head->path == "/x");
  CHECK(h.head->host == "a.test");
  CHECK(h.head->h2);
  REQUIRE(h.head->fields.size() == 3);
  CHECK(h.head->fields.begin()->value == "a=1; b=2");
  CHECK((h.head->fields.end() - 1)->dropped);  // te ends here
  // Empty crumbs leave nothing behind, least of all whitespace at the end.
  CHECK(h.read(with({{"cookie", "a=1"}, {"cookie", ""}})) == Refusal::none);
  REQUIRE(h.head->fields.size() == 1);
  CHECK(h.head->fields.begin()->value == "a=1");
  CHECK(h.read(with({{"cookie", ""}, {"cookie", ""}})) == Refusal::none);
  REQUIRE(h.head->fields.size() == 1);
  CHECK(h.head->fields.begin()->value.empty());
  CHECK(h.read(with({{"host", "A.test"}})) == Refusal::none);
  H2List host_only = without(":authority");
  host_only.push_back({"host", "a.test"});
  CHECK(h.read(host_only) == Refusal::none);
  CHECK(h.head->host == "a.test");
  CHECK(h.read(with({{"content-length", "0"}})) == Refusal::none);
  CHECK(h.read(with({{"content-length", "7"}}), false) == Refusal::none);
  CHECK(h.head->body.kind == http::BodyKind::length);
  CHECK(h.head->body.length == 7);
  CHECK(h.read(with({}), false) == Refusal::none);
  CHECK(h.head->body.kind == http::BodyKind::chunked);
  CHECK(h.read(h2_websocket(), false) == Refusal::none);
  CHECK(h.head->upgrade);
  CHECK(h.head->method_name == "GET");
}

TEST_CASE("h2 heads: what is malformed") {
  Head h;
  for (const char* name : {":method", ":scheme", ":path"}) {
    CAPTURE(name);
    CHECK(http::is_malformed(h.read(without(name))));
    H2List twice = h2_request("/x");
    twice.push_back(
        *std::find_if(twice.begin(), twice.end(), [&](const auto& f) { return f.first == name; }));
    CHECK(h.read(twice) == Refusal::bad_pseudo_fields);
  }
  CHECK(h.read(without(":authority")) == Refusal::missing_host);
  H2List late = without(":path");
  late.push_back({"x", "y"});
  late.push_back({":path", "/"});
  CHECK(h.read(late) == Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("")) == Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("x")) == Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("*")) == Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("*", "OPTIONS")) == Refusal::none);
  CHECK(h.read(h2_request("/a b")) == Refusal::bad_target);
  CHECK(h.read(h2_request("/a#b")) == Refusal::bad_target);
  CHECK(h.read(h2_request("/", "G T")) == Refusal::bad_method);
  CHECK(h.read(h2_request("/", "GET", "u@a.test")) == Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("/", "GET", "")) == Refusal::bad_pseudo_fields);
  CHECK(h.read(with({{"host", "b.test"}})) == Refusal::host_mismatch);
  CHECK(h.read(with({{"host", "a.test"}, {"host", "a.test"}})) == Refusal::repeated_host);
  CHECK(h.read({{":status", "200"}}) == Refusal::bad_pseudo_fields);
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"}) {
    CAPTURE(name);
    CHECK(h.read(with({{name, "x"}})) == Refusal::connection_field);
  }
  for (const char* name : {"X-Upper", "", "a b", "a:b", "a\x80", "\x01"}) {
    CAPTURE(name);
    CHECK(h.read(with({{name, "x"}})) == Refusal::bad_field_name);
  }
  for (const char* value : {" x", "x ", "\tx", "a\rb", "a\nb", "a\x7f"}) {
    CAPTURE(value);
    CHECK(h.read(with({{"x", value}})) == Refusal::bad_field_value);
  }
  CHECK(h.read(with({{"x", std::string("a\0b", 3)}})) == Refusal::bad_field_value);
  CHECK(h.read(with({{"content-length", "7"}})) == Refusal::length_mismatch);
  CHECK(h.read(with({{"content-length", "x"}}), false) == Refusal::bad_content_length);
  CHECK(h.read(with({{"content-length", "1"}, {"content-length", "1"}}), false) ==
        Refusal::repeated_content_length);
}

TEST_CASE("h2 heads: what is answered") {
  Head h;
  CHECK(h.read({{":method", "CONNECT"}, {":authority", "a.test:443"}}, false) ==
        Refusal::unsupported_method);
  CHECK(h.read({{":method", "CONNECT"}, {":authority", "a.test"}, {":path", "/"}}, false) ==
        Refusal::bad_pseudo_fields);
  CHECK(h.read(h2_request("/", "TRACE")) == Refusal::unsupported_method);
  CHECK(h.read(with({{"expect", "more"}})) == Refusal::bad_expect);
  CHECK(h.read(h2_request("/" + std::string(9000, 'x'))) == Refusal::target_too_long);
  CHECK(h.read(with({{"x", std::string(200, 'y')}}), true, 300) == Refusal::head_too_large);
  H2List many = h2_request("/");
  for (int i = 0; i < 101; ++i) many.push_back({"x", "y"});
  CHECK(h.read(many) == Refusal::too_many_fields);
}

TEST_CASE("h2 trailers") {
  net::BufferPool pool;
  const auto read = [&pool](const H2List& fields) {
    http::H2FieldBlock block;
    http::FieldTable table;
    for (const auto& [name, value] : fields) block.add(pool, 4096, name, value);
    block.close(pool);
    return http::read_h2_trailers(block, 8, table);
  };
  CHECK(read({{"grpc-status", "0"}}) == Refusal::none);
  CHECK(read({{":path", "/"}}) == Refusal::bad_pseudo_fields);
  CHECK(read({{"content-length", "1"}}) == Refusal::forbidden_trailer);
  CHECK(read({{"trailer", "x"}}) == Refusal::forbidden_trailer);  // as over HTTP/1.1
  CHECK(read({{"content_length", "1"}}) == Refusal::none);
  CHECK(read({{"connection", "close"}}) == Refusal::connection_field);
  CHECK(read(H2List(9, {"a", "b"})) == Refusal::trailers_too_large);
}

TEST_CASE("h2 priorities") {
  CHECK(http::urgency_of("") == 3);
  CHECK(http::urgency_of("u=0") == 0);
  CHECK(http::urgency_of("i, u=7") == 7);
  CHECK(http::urgency_of("u=8") == 3);
  CHECK(http::urgency_of("u=12") == 3);
  CHECK(http::urgency_of("u=5;x=1,i") == 5);
}

TEST_CASE("h2 budgets: a sliding second") {
  using namespace std::chrono_literals;
  http::H2Budget budget({.resets = 100, .control_frames = 10});
  http::H2Budget::Time now{1h};
  for (int i = 0; i < 99; ++i) CHECK_FALSE(budget.spend(http::H2Flood::rapid_reset, 1, now));
  CHECK(budget.spend(http::H2Flood::rapid_reset, 1, now));
  // Other kinds have their own.
  for (int i = 0; i < 9; ++i) CHECK_FALSE(budget.spend(http::H2Flood::ping, 1, now));
  CHECK(budget.spend(http::H2Flood::ping, 1, now + 500ms));
  // Half a second later half of what was counts still.
  http::H2Budget other({.resets = 100, .control_frames = 10});
  for (int i = 0; i < 8; ++i) CHECK_FALSE(other.spend(http::H2Flood::ping, 1, now));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(other.spend(http::H2Flood::ping, 1, now + 1500ms));
  CHECK(other.spend(http::H2Flood::ping, 1, now + 1500ms));
  CHECK_FALSE(other.spend(http::H2Flood::ping, 1, now + 10s));
  // What answers to DATA is free.
  other.earn_window_updates(50);
  for (int i = 0; i < 59; ++i) CHECK_FALSE(other.spend(http::H2Flood::window_update, 1, now));
  CHECK(other.spend(http::H2Flood::window_update, 1, now));
}

namespace {

// Frames until one is too many, given `piece` bytes at a time; the frames passed.
struct Scanned {
  http::H2Flood flood = http::H2Flood::none;
  std::size_t bytes = 0;
};
Scanned scan(const std::string& bytes, std::size_t piece) {
  http::H2FrameScan scanner;
  http::H2Budget budget({});
  const http::H2Budget::Time now{std::chrono::hours(1)};
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view part = std::string_view(bytes).substr(at, piece);
    const auto r = scanner.take(part, budget, now);
    if (r.flood != http::H2Flood::none) return {r.flood, at + r.bytes};
    at += part.size();
  }
  return {http::H2Flood::none, at};
}

std::string times(const std::string& s, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += s;
  return all;
}

}  // namespace

TEST_CASE("h2 floods by frames") {
  struct Row {
    std::string frames;
    http::H2Flood flood;
  };
  const std::string open_block = h2_frame(h2_headers, h2_end_stream, 1, "\x82");
  std::string resets;
  for (std::uint32_t id = 1; id < 400; id += 2) resets += h2_get(id, "/") + h2_reset(id, 8);
  const Row rows[] = {
      {times(h2_frame(h2_settings, 0, 0), 1000), http::H2Flood::settings},
      {times(h2_frame(h2_settings, 1, 0), 1000), http::H2Flood::settings},
      {times(h2_frame(h2_ping, 0, 0, std::string(8, 'x')), 1000), http::H2Flood::ping},
      {times(h2_frame(h2_data, 0, 1), 1000), http::H2Flood::empty_data},
      {times(h2_frame(h2_data, 8, 1, std::string("\2\0\0", 3)), 1000), http::H2Flood::empty_data},
      {times(h2_frame(h2_window, 0, 0, h2_number(1)), 1000), http::H2Flood::window_update},
      {times(h2_frame(h2_priority, 0, 3, std::string(5, '\0')), 1000), http::H2Flood::priority},
      {times(h2_frame(0x10, 0, 0, h2_number(3) + "u=1"), 1000), http::H2Flood::priority},
      {times(h2_frame(0x42, 0, 0, "x"), 1000), http::H2Flood::unknown_frame},
      {resets, http::H2Flood::rapid_reset},
      {open_block + times(h2_frame(h2_continuation, 0, 1), 8), http::H2Flood::continuation},
      {open_block + times(h2_frame(h2_continuation, 0, 1, std::string(16384, 'x')), 4),
       http::H2Flood::continuation},
      {times(h2_get(1, "/"), 1000), http::H2Flood::none},
      {times(h2_frame(h2_data, 8, 1, std::string("\2x\0\0", 4)), 1000), http::H2Flood::none},
      {times(h2_body(1, "x"), 10'000), http::H2Flood::none},
  };
  for (const Row& row : rows) {
    CAPTURE(http::name(row.flood));
    const std::string bytes = h2_preface + row.frames;
    const Scanned whole = scan(bytes, bytes.size());
    CHECK(whole.flood == row.flood);
    for (std::size_t piece : {1u, 2u, 7u, 100u}) {
      const Scanned cut = scan(bytes, piece);
      CHECK(cut.flood == whole.flood);
    }
    if (row.flood == http::H2Flood::continuation) CHECK(whole.bytes < 64u << 10);
  }
}

TEST_CASE("h2: a flood ends the connection with ENHANCE_YOUR_CALM, and little of it gets through") {
  const auto flooded = [](const std::string& frames, std::size_t upstreams, Splits splits) {
    Scenario s{"flood", {{"", h2_open() + frames}, {our_end, "", Action::fin}}, {}};
    s.h2 = true;
    s.upstreams.assign(upstreams, {{"never", ""}});
    ProxyRig rig(s, {.client = std::move(splits)});
    rig.play();
    const H2Seen seen = h2_read(rig.client_wire.out);
    CHECK(seen.goaway == 11);
    rig.pass_time();
    rig.check_over();
    return rig.pool->connections.size();
  };
  std::string resets;
  for (std::uint32_t i = 0; i < 300; ++i) resets += h2_get(2 * i + 1, "/") + h2_reset(2 * i + 1, 8);
  CHECK(flooded(resets, 300, {}) == 0);
  // A frame at a time: each request reaches an upstream before it is taken back.
  const std::size_t get = h2_get(1, "/").size();
  Splits frames;
  for (std::size_t i = 0; i < 600; ++i)
    frames.cuts.push_back(h2_open().size() + i / 2 * (get + 13) + (i % 2) * get);
  CHECK(flooded(resets, 300, frames) <= 100);
  // "MadeYouReset": trailers that do not end, windows that overflow, lengths that lie.
  for (int kind = 0; kind < 4; ++kind) {
    CAPTURE(kind);
    std::string provoked;
    for (std::uint32_t i = 0; i < 300; ++i) {
      const std::uint32_t id = 2 * i + 1;
      H2List post = h2_request("/", "POST");
      post.push_back({"content-length", "3"});
      switch (kind) {
        case 0:
          provoked +=
              h2_head(id, h2_request("/", "POST"), false) + h2_head(id, {{"x", "y"}}, false);
          break;
        case 1:
          provoked += h2_head(id, h2_request("/", "POST"), false) +
                      h2_frame(h2_window, 0, id, h2_number(0x7fffffff));
          break;
        case 2:
          provoked += h2_head(id, post, false) + h2_body(id, "xxxxx", true);
          break;
        default:
          provoked += h2_get(id, "/", {{"connection", "close"}});
      }
    }
    CHECK(flooded(provoked, 300, {{}, 100}) <= 100);
  }
}

TEST_CASE("h2: an idle connection keeps no block, and is told to go") {
  Scenario s{"idle",
             {{"", h2_open() + h2_get(1, "/")}, {our_end, "", Action::fin}},
             {{{"\r\n\r\n", answer("hello")}}}};
  s.h2 = true;
  ProxyRig rig(s, {});
  rig.play();
  CHECK_FALSE(rig.closed);
  CHECK(rig.turn.buffers().lent_bytes() == 0);
  CHECK(rig.exchanges.in_use() == 0);
  rig.pass_time();
  CHECK(h2_read(rig.client_wire.out).goaway == 0);
  rig.check_over();
}

TEST_CASE("h2: one slow reader of a body does not stop the others, and stops its upstream") {
  // Stream 1 has a window of 4 bytes, stream 3 as well, but 3 is given more.
  const std::string big(200'000, 'x');
  Scenario s{"stalled",
             {{"", h2_open(h2_number(4, 2) + h2_number(4)) + h2_get(1, "/1") +
                       h2_frame(h2_window, 0, 0, h2_number(1u << 20))},
              {"xxxx", h2_get(3, "/2") + h2_frame(h2_window, 0, 3, h2_number(1u << 20))}},
             {{{"\r\n\r\n", answer(big)}}, {{"\r\n\r\n", answer(big)}}},
             2};
  s.h2 = true;
  ProxyRig rig(s, {});
  rig.play();
  const H2Seen seen = h2_read(rig.client_wire.out);
  CHECK(seen.streams.at(3).ended);
  CHECK_FALSE(seen.streams.at(1).ended);
  // What was not taken waits in one block of the upstream's end, and in its socket.
  CHECK(rig.turn.buffers().lent_bytes() <= 2 * net::bytes_of(net::BlockSize::large));
  rig.pass_time();
  rig.check_over();
}

TEST_CASE(
    "h2: a client that gives credit and does not read is reset by the floor, not the idle limit") {
  Scenario s{"unread", {{"", h2_open() + h2_get(1, "/")}}, {{{"\r\n\r\n", answer("hello")}}}};
  s.h2 = true;
  s.settings.timeouts.idle = config::Ms(600'000);
  ProxyRig rig(s, {.client_room = 40});
  rig.each_event = [&] {
    if (rig.records.all.size() == 1) rig.allow_events(0);  // its answer is complete
  };
  rig.play();
  REQUIRE(rig.records.all.size() == 1);
  CHECK(rig.records.all[0].outcome.loss == ClientLoss::none);
  const net::TimePoint begun = rig.turn.now();
  rig.pass_time();
  CHECK(rig.closed_by_reset);
  CHECK(rig.turn.now() - begun > config::Ms(9'000));
  CHECK(rig.turn.now() - begun <= config::Ms(15'000) + s.settings.upstreams[0].idle);
  CHECK(rig.records.lost_clients == std::vector{ClientLoss::too_slow});
}

TEST_CASE("h2: a request body waits for its upstream within the windows") {
  std::string frames = h2_open() + h2_head(1, h2_request("/", "POST"), false);
  for (int i = 0; i < 4; ++i) frames += h2_body(1, std::string(16'000, 'x'));
  Scenario s{"held", {{"", frames}}, {{{"never", ""}}}};
  s.h2 = true;
  ProxyRig rig(s, {.upstream_room = 50});
  std::size_t most = 0;
  rig.each_event = [&] { most = std::max(most, rig.services.backlog->bytes()); };
  rig.play();
  CHECK(most > 32'000);
  CHECK(most <= 64u << 10);
  CHECK(rig.services.backlog->bytes() == 0);  // in the end it took all
  // The credit went back as it did.
  CHECK(h2_read(rig.client_wire.out).frames[h2_window] > 1);
  rig.close_client();
  rig.pass_time();
  rig.check_over();
}

TEST_CASE("h2: a request that is taken back is taken back from its upstream") {
  Scenario s{"back", {{"", h2_open() + h2_get(1, "/")}, {"", ""}}, {{{"never", ""}}}};
  s.h2 = true;
  ProxyRig rig(s, {});
  rig.play();
  REQUIRE(rig.pool->connections.size() == 1);
  CHECK(rig.pool->connections[0]->end);
  rig.client_peer.script.push_back({"", h2_reset(1, 8)});
  rig.play();
  CHECK_FALSE(rig.pool->connections[0]->end);
  CHECK(rig.records.all.size() == 1);
  CHECK_FALSE(rig.closed);
  rig.pass_time();
  rig.check_over();
}
