// A browser's request head: read, judged and rewritten for the upstream; and the
// same bytes through Beast (docs/decisions/002-head-parser.md has the numbers).
//
// What is measured stands in functions that are not inlined, so that callgrind
// can tell the instructions of each:
//   valgrind --tool=callgrind --callgrind-out-file=OUT build/release/bench/bench_head_parser
//     --benchmark_filter=NAME --benchmark_min_time=0.02
//   callgrind_annotate --tree=caller --inclusive=yes OUT | grep -B1 '\* .*measured::NAME'
// The first pair of lines holds the calls, as (232x), and the instructions of all.
#include "proxy/http/head_parser.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <string_view>

#include "base/uuid.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/head_writer.hpp"
#include "proxy/request_fields.hpp"
#include "proxy/snapshot.hpp"

namespace {

namespace http = marquee::proxy::http;
namespace beast = boost::beast;
using namespace marquee;

constexpr std::string_view browser_head =
    "GET /menu?day=friday&table=12 HTTP/1.1\r\n"
    "Host: bakery.localhost\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.8,de;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://bakery.localhost/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=4f1d2c3b4a5968778695a4b3c2d1e0f0; theme=dark; basket=17\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Cache-Control: max-age=0\r\n"
    "\r\n";

// Beast's events fill the table that our parser fills. It knows most names
// itself, but not those of the tenant context: `identify` looks ours up.
class SliceParser final : public beast::http::basic_parser<true> {
 public:
  SliceParser(http::RequestHead& head, bool identify) : head_(head), identify_(identify) {}

 private:
  using Error = beast::error_code;
  static std::string_view view(beast::string_view s) { return {s.data(), s.size()}; }
  void on_request_impl(beast::http::verb, beast::string_view name, beast::string_view target,
                       int version, Error&) override {
    head_.method_name = view(name);
    head_.method = http::method_of(head_.method_name);
    head_.target = head_.path = view(target);
    head_.minor = static_cast<std::uint8_t>(version % 10);
  }
  void on_response_impl(int, beast::string_view, int, Error&) override {}
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     Error& e) override {
    if (head_.fields.full()) {
      e = beast::http::error::header_limit;
      return;
    }
    http::Field& f = head_.fields.push({view(name), view(value)});
    if (identify_) f.id = http::identify(f.name);
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(beast::string_view s, Error&) override { return s.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view s, Error&) override {
    return s.size();
  }
  void on_finish_impl(Error&) override {}

  http::RequestHead& head_;
  bool identify_;
};

// What a request under way holds.
struct Way {
  http::RequestHeadParser parser;
  http::RequestHead head;
  base::Random random = base::Random::from_kernel();
  proxy::DomainPlan plan;
  proxy::ConnectionFacts facts;
  config::Settings settings;
  base::CidrList trusted;
  proxy::Arena arena;
  proxy::Additions additions;
  proxy::RequestIds ids;
  std::array<char, 8192> out;

  Way() {
    for (const char* name : {"x-tenant-agency-id", "x-tenant-client-id", "x-site-id",
                             "x-site-module-installation-id", "x-module-id", "x-domain-id"})
      plan.context.add(name, "7d8b5e5c-2f43-4a0b-9d0e-1c2d3e4f5a6b");
    facts.client = *base::IpAddress::parse("203.0.113.7");
    facts.secure = true;
    facts.public_port = 443;
  }
};

}  // namespace

namespace measured {

__attribute__((noinline)) bool own_parse(Way& w) {
  w.head.clear();
  w.parser.reset();
  return w.parser.parse(browser_head, w.head) == http::ParseState::done;
}

__attribute__((noinline)) bool own_parse_judge(Way& w) {
  w.head.clear();
  w.parser.reset();
  return w.parser.parse(browser_head, w.head) == http::ParseState::done &&
         http::judge(w.head) == http::Refusal::none;
}

// With ids, forwarding and tenant fields, up to the bytes for the upstream.
__attribute__((noinline)) bool own_parse_judge_rewrite(Way& w) {
  w.head.clear();
  w.parser.reset();
  w.arena.clear();
  w.additions.clear();
  if (w.parser.parse(browser_head, w.head) != http::ParseState::done) return false;
  if (http::judge(w.head) != http::Refusal::none) return false;
  constexpr std::int64_t now = 1795226116123;
  static const proxy::FieldBlock tenant;  // without a signed context
  w.ids.make(w.head, w.facts, w.settings.forwarding, w.random, now);
  proxy::add_request_fields(w.head, w.plan, w.facts, w.settings, w.trusted, tenant, w.ids, now,
                            w.arena, w.additions);
  proxy::OutgoingRequest request;
  request.method = w.head.method_name;
  request.target = w.head.path;
  request.host = w.head.host;
  request.fields = &w.head.fields;
  request.additions = &w.additions;
  request.body = w.head.body;
  if (http::head_bound(request) > w.out.size()) return false;
  return http::compose(request, w.out.data()) > 0;
}

// Beast's parser cannot be reset: a new one for each head.
bool beast_parse(Way& w, bool identify) {
  w.head.clear();
  SliceParser parser(w.head, identify);
  parser.header_limit(32 << 10);
  beast::error_code error;
  parser.put(boost::asio::buffer(browser_head), error);
  return !error && parser.is_header_done();
}

__attribute__((noinline)) bool beast_slices(Way& w) { return beast_parse(w, false); }

// The work of own_parse_judge.
__attribute__((noinline)) bool beast_slices_judge(Way& w) {
  return beast_parse(w, true) && http::judge(w.head) == http::Refusal::none;
}

// Beast's own container: http::fields, a node per field.
__attribute__((noinline)) bool beast_message() {
  beast::http::request_parser<beast::http::empty_body> parser;
  parser.header_limit(32 << 10);
  beast::error_code error;
  parser.put(boost::asio::buffer(browser_head), error);
  return !error && parser.is_header_done();
}

}  // namespace measured

namespace {

template <typename Run>
void loop(benchmark::State& state, Run run) {
  for (auto _ : state) {
    if (!run()) return state.SkipWithError("the head was refused");
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * browser_head.size()));
}

void own_parse(benchmark::State& state) {
  Way way;
  loop(state, [&] { return measured::own_parse(way); });
}
void own_parse_judge(benchmark::State& state) {
  Way way;
  loop(state, [&] { return measured::own_parse_judge(way); });
}
void own_parse_judge_rewrite(benchmark::State& state) {
  Way way;
  loop(state, [&] { return measured::own_parse_judge_rewrite(way); });
}
void beast_slices(benchmark::State& state) {
  Way way;
  loop(state, [&] { return measured::beast_slices(way); });
}
void beast_slices_judge(benchmark::State& state) {
  Way way;
  loop(state, [&] { return measured::beast_slices_judge(way); });
}
void beast_message(benchmark::State& state) {
  loop(state, [] { return measured::beast_message(); });
}
BENCHMARK(own_parse);
BENCHMARK(own_parse_judge);
BENCHMARK(own_parse_judge_rewrite);
BENCHMARK(beast_slices);
BENCHMARK(beast_slices_judge);
BENCHMARK(beast_message);

}  // namespace
