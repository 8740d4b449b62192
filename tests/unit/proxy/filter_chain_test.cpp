#include "proxy/filter/filter_chain.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "proxy/filter/sample_filters.hpp"

using namespace marquee::proxy;
using marquee::base::Failure;
using marquee::base::FailureSource;

namespace {

class Head final : public ResponseHeadEdit {
 public:
  unsigned status() const override { return 200; }
  std::string_view field(std::string_view name) const override {
    const auto it = fields.find(std::string(name));
    return it == fields.end() ? std::string_view() : it->second;
  }
  void set(std::string_view name, std::string_view value) override {
    fields[std::string(name)] = value;
  }
  void remove(std::string_view name) override { fields.erase(std::string(name)); }
  std::optional<std::uint64_t> content_length() const override { return length; }
  void set_content_length(std::optional<std::uint64_t> n) override { length = n; }

  std::map<std::string, std::string> fields;
  std::optional<std::uint64_t> length;
};

// Both ends of a response. It offers `input` in slices, takes what `appetite`
// allows, and checks the rules of the chain at every call.
struct Bench final : ChainOwner, BodySink {
  explicit Bench(std::string body) : input(std::move(body)) {
    chain = std::make_unique<FilterChain>(*this, *this);
  }

  template <typename Filter, typename... Arguments>
  Filter* add(Arguments... arguments) {
    auto filter = std::make_unique<Filter>(arguments...);
    Filter* raw = filter.get();
    chain->add(std::move(filter));
    return raw;
  }

  // Offers until the chain is short or all is given. next_size says the slices.
  void offer() {
    while (chain && !end_given && !failed) {
      const std::size_t size = std::min(next_size(), input.size() - given);
      const bool last = given + size == input.size() && !bare_end;
      const bool end = last || (bare_end && given == input.size());
      FilterChain* before = chain.get();
      in_offer = true;
      const std::size_t n = chain->on_body({input.data() + given, size, 0, flush, end});
      in_offer = false;
      REQUIRE(n <= size);
      given += n;
      if (chain.get() != before) return;
      if (n < size) return;
      if (end) end_given = true;
    }
  }

  std::size_t on_body(const BodySlice& slice) override {
    REQUIRE_FALSE(in_sink);  // never entered twice
    REQUIRE_FALSE(ended);
    REQUIRE_FALSE(failed);
    REQUIRE_FALSE(gone);
    REQUIRE_FALSE(stopped);  // nothing is offered before a resume
    in_sink = true;
    const std::size_t n = std::min(slice.size, appetite());
    output.append(slice.data, n);
    ended = n == slice.size && slice.end;
    if (in_body) in_body();
    stopped = n < slice.size && !inner_resume;
    inner_resume = false;
    in_sink = false;
    return n;
  }
  void on_failed(const Failure& f) override {
    REQUIRE_FALSE(failed);
    REQUIRE_FALSE(in_sink);
    REQUIRE_FALSE(gone);
    failed = true;
    failure = f.sentence;
    if (in_failed) in_failed();
  }
  void on_chain_resume() override {
    REQUIRE_FALSE(in_offer);  // the source is never entered from its own call
    REQUIRE_FALSE(gone);
    ++resumed;
    if (in_resume) in_resume();
    if (chain) offer();
  }
  void on_chain_head(HeadVerdict v) override {
    REQUIRE_FALSE(gone);
    verdict = v;
    if (in_head) in_head();
  }

  void sink_resume() {
    stopped = false;
    chain->resume();
  }
  // The event loop of the test: resume the sink until nothing is left to do.
  bool run(int most = 100'000) {
    if (!end_given) offer();
    while (chain && !ended && !failed && most-- > 0) sink_resume();
    return ended;
  }
  void destroy() {
    gone = true;
    chain.reset();
  }

  std::unique_ptr<FilterChain> chain;
  std::string input, output, failure;
  std::function<std::size_t()> next_size = [] { return std::size_t{1} << 20; };
  std::function<std::size_t()> appetite = [] { return std::size_t{1} << 20; };
  std::function<void()> in_body, in_resume, in_failed, in_head;
  std::optional<HeadVerdict> verdict;
  std::size_t given = 0;
  int resumed = 0;
  bool flush = false, bare_end = false, end_given = false, ended = false, failed = false;
  bool gone = false, in_sink = false, in_offer = false, stopped = false;
  bool inner_resume = false;  // the sink resumed from inside its own call
};

std::string doubled(std::string_view s) {
  std::string out;
  for (const char c : s) out += std::string(2, c);
  return out;
}

// A filter whose answers the test writes.
struct Scripted final : ResponseFilter {
  std::function<HeadVerdict(ResponseHeadEdit&)> head = [](ResponseHeadEdit&) {
    return HeadVerdict::engage;
  };
  std::function<std::size_t(const BodySlice&, BodySink&)> body =
      [](const BodySlice& in, BodySink& out) { return out.on_body(in); };
  std::function<void(BodySink&)> go_on = [](BodySink&) {};
  bool* destroyed = nullptr;
  ~Scripted() override {
    if (destroyed) *destroyed = true;
  }
  HeadVerdict on_head(ResponseHeadEdit& h) override { return head(h); }
  std::size_t on_body(const BodySlice& in, BodySink& out) override { return body(in, out); }
  void resume(BodySink& out) override { go_on(out); }
  using ResponseFilter::wake;
};

const std::string kBody = "the quick brown fox";

}  // namespace

TEST_CASE("filter chain: empty, it passes everything on") {
  Bench b(kBody);
  Head head;
  CHECK(b.chain->empty());
  CHECK(b.chain->on_head(head) == HeadVerdict::pass);
  b.appetite = [] { return std::size_t{3}; };
  CHECK(b.run());
  CHECK(b.output == kBody);
  Bench f(kBody);
  f.chain->on_failed({FailureSource::upstream, false, "reset"});
  CHECK(f.failure == "reset");
}

TEST_CASE("filter chain: filters that pass leave it, and the head may be edited") {
  Bench b(kBody);
  Head head;
  head.length = 19;
  head.fields = {{"etag", "\"x\""}, {"server", "s"}};
  bool gone = false;
  auto* passing = b.add<Scripted>();
  passing->head = [](ResponseHeadEdit&) { return HeadVerdict::pass; };
  passing->destroyed = &gone;
  b.add<DoublingFilter>(std::size_t{8});
  CHECK(b.chain->on_head(head) == HeadVerdict::engage);
  CHECK(gone);
  CHECK(head.length == 38);
  CHECK(head.field("etag").empty());
  CHECK(head.field("server") == "s");
  CHECK(b.run());
  CHECK(b.output == doubled(kBody));
  Head unknown;
  DoublingFilter(2).on_head(unknown);
  CHECK_FALSE(unknown.length.has_value());
  unknown.length = ~std::uint64_t{0};
  DoublingFilter(2).on_head(unknown);
  CHECK_FALSE(unknown.length.has_value());

  Bench all(kBody);
  all.add<Scripted>()->head = [](ResponseHeadEdit&) { return HeadVerdict::pass; };
  CHECK(all.chain->on_head(head) == HeadVerdict::pass);
  CHECK(all.chain->empty());
  CHECK(all.run());
}

TEST_CASE("filter chain: every split in two and three, with identity and stacked doubling") {
  for (std::size_t i = 0; i <= kBody.size(); ++i) {
    for (std::size_t j = i; j <= kBody.size(); ++j) {
      for (const bool bare : {false, true}) {
        Bench b(kBody);
        b.bare_end = bare;
        b.flush = j % 2 == 0;
        b.add<IdentityFilter>();
        b.add<DoublingFilter>(std::size_t{3});
        b.add<DoublingFilter>(std::size_t{5});
        Head head;
        b.chain->on_head(head);
        std::vector<std::size_t> sizes = {i, j - i};
        std::size_t at = 0;
        b.next_size = [&] { return at < sizes.size() ? sizes[at++] : kBody.size(); };
        b.appetite = [&] { return (i + j) % 7; };
        if ((i + j) % 7 == 0) b.appetite = [] { return std::size_t{1}; };
        REQUIRE(b.run());
        REQUIRE(b.output == doubled(doubled(kBody)));
      }
    }
  }
}

TEST_CASE("filter chain: sinks that take nothing, one byte, or anything") {
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string body(random() % 200, ' ');
    for (char& c : body) c = static_cast<char>('a' + random() % 26);
    Bench b(body);
    std::string expected = body;
    const std::size_t filters = 1 + random() % 3;
    for (std::size_t f = 0; f < filters; ++f) {
      if (random() % 3 == 0) {
        b.add<IdentityFilter>();
      } else {
        b.add<DoublingFilter>(std::size_t{random() % 9});
        expected = doubled(expected);
      }
    }
    b.bare_end = random() % 2 == 0;
    b.next_size = [&] { return std::size_t{random() % 20}; };
    const auto kind = random() % 3;
    b.appetite = [&, kind] {
      return kind == 0 ? std::size_t{random() % 2} : std::size_t{random() % (kind == 1 ? 3 : 100)};
    };
    if (random() % 2 == 0) {
      b.in_body = [&] {
        if (random() % 2 == 0) return;
        b.inner_resume = true;
        b.chain->resume();
      };
    }
    Head head;
    b.chain->on_head(head);
    REQUIRE(b.run());
    REQUIRE(b.output == expected);
  }
}

TEST_CASE("filter chain: a pending head waits for wake(), also from inside on_head") {
  Bench b(kBody);
  auto* f = b.add<Scripted>();
  b.add<DoublingFilter>(std::size_t{4});
  int asked = 0;
  f->head = [&](ResponseHeadEdit&) {
    return ++asked < 3 ? HeadVerdict::pending : HeadVerdict::pass;
  };
  Head head;
  CHECK(b.chain->on_head(head) == HeadVerdict::pending);
  b.offer();  // too early: nothing is taken, and it is asked for later
  CHECK(b.given == 0);
  f->wake();
  CHECK_FALSE(b.verdict.has_value());
  b.in_head = [&] { b.offer(); };  // refused as well: the head is being reported
  f->wake();
  CHECK(b.verdict == HeadVerdict::engage);
  CHECK(b.resumed == 1);
  CHECK(b.ended);
  CHECK(b.output == doubled(kBody));

  Bench inside(kBody);
  auto* g = inside.add<Scripted>();
  int calls = 0;
  g->head = [&](ResponseHeadEdit&) {
    if (++calls == 2) return HeadVerdict::engage;
    g->wake();
    return HeadVerdict::pending;
  };
  CHECK(inside.chain->on_head(head) == HeadVerdict::engage);
  CHECK_FALSE(inside.verdict.has_value());

  // A body of nothing but its end, offered while the head is pending, is not lost.
  Bench empty("");
  auto* h = empty.add<Scripted>();
  bool known = false;
  h->head = [&](ResponseHeadEdit&) { return known ? HeadVerdict::engage : HeadVerdict::pending; };
  CHECK(empty.chain->on_head(head) == HeadVerdict::pending);
  empty.offer();
  CHECK(empty.end_given);
  known = true;
  h->wake();
  CHECK(empty.ended);
}

TEST_CASE("filter chain: a filter that waits in mid-body goes on after wake()") {
  Bench b(kBody);
  auto* f = b.add<Scripted>();
  bool open = false;
  f->body = [&](const BodySlice& in, BodySink& out) -> std::size_t {
    return open ? out.on_body(in) : 0;
  };
  Head head;
  b.chain->on_head(head);
  b.offer();
  CHECK(b.given == 0);
  b.chain->resume();  // the sink's resume changes nothing
  CHECK(b.given == 0);
  open = true;
  f->wake();
  CHECK(b.ended);
  CHECK(b.output == kBody);
}

TEST_CASE("filter chain: failures reach the sink once, and nothing follows") {
  const Failure reset{FailureSource::upstream, false, "reset"};
  Head head;
  for (const bool inside : {false, true}) {
    Bench b(kBody);
    b.add<DoublingFilter>(std::size_t{4});
    b.chain->on_head(head);
    b.appetite = [] { return std::size_t{3}; };
    if (inside) b.in_body = [&] { b.chain->on_failed(reset); };
    b.offer();
    if (!inside) b.chain->on_failed(reset);
    CHECK(b.failed);
    CHECK(b.failure == "reset");
    CHECK(b.output == "tth");
    b.chain->on_failed(reset);
    b.chain->resume();
    CHECK(b.chain->on_body({"x", 1, 0, false, true}) == 0);
    CHECK(b.output == "tth");
  }
  // From a filter; and a filter that breaks the rules.
  for (int kind = 0; kind < 3; ++kind) {
    Bench b(kBody);
    b.add<IdentityFilter>();
    b.add<Scripted>()->body = [&](const BodySlice& in, BodySink& out) -> std::size_t {
      if (kind == 0) out.on_failed({FailureSource::self, false, "filter"});
      if (kind == 1) return in.size + 1;
      if (kind == 2) {
        out.on_body({"a", 1, 0, false, true});
        out.on_body({"b", 1, 0, false, false});
      }
      return in.size;
    };
    b.chain->on_head(head);
    b.offer();
    CHECK(b.failed);
    CHECK(b.output == (kind == 2 ? "a" : ""));
  }
}

TEST_CASE("filter chain: destroyed from inside every callback") {
  Head head;
  for (const int place : {0, 1, 2, 3, 4, 5, 6, 7}) {
    CAPTURE(place);
    Bench b(kBody);
    bool gone = false;
    auto* f = b.add<Scripted>();
    f->destroyed = &gone;
    b.add<DoublingFilter>(std::size_t{4});
    bool pending = place == 5 || place == 6;
    // Destroys the chain, then proves that the filter on the stack still lives.
    const auto destroy_on_stack = [&] {
      b.destroy();
      CHECK_FALSE(gone);
    };
    f->head = [&](ResponseHeadEdit&) {
      if (place == 0 || (place == 6 && !pending)) destroy_on_stack();
      return pending ? HeadVerdict::pending : HeadVerdict::engage;
    };
    f->body = [&](const BodySlice& in, BodySink& out) {
      if (place == 1) destroy_on_stack();
      const std::size_t n = out.on_body(in);
      if (place == 1) CHECK(n == 0);
      return n;
    };
    f->go_on = [&](BodySink& out) {
      if (place == 2) {
        destroy_on_stack();
        CHECK(out.on_body({"x", 1, 0, false, false}) == 0);
      }
    };
    if (place == 3) b.in_body = destroy_on_stack;
    if (place == 4) b.in_resume = [&] { b.destroy(); };
    if (place == 5) b.in_head = destroy_on_stack;
    if (place == 7) b.in_failed = destroy_on_stack;
    b.appetite = [] { return std::size_t{1}; };
    b.chain->on_head(head);
    if (pending) {
      pending = false;
      f->wake();
    }
    if (b.chain) b.offer();
    if (b.chain && place == 7) b.chain->on_failed({FailureSource::upstream, false, "x"});
    if (b.chain) b.sink_resume();
    CHECK(b.chain == nullptr);
    CHECK(gone);
  }
}

TEST_CASE("filter chain: re-entered from inside every callback") {
  Head head;
  Bench b(kBody);
  auto* f = b.add<Scripted>();
  b.add<DoublingFilter>(std::size_t{2});
  const auto enter = [&] {
    CHECK(b.chain->on_body({"?", 1, 0, false, false}) == 0);
    CHECK(b.chain->on_head(head) == HeadVerdict::pending);
    b.inner_resume = b.in_sink;
    b.chain->resume();
  };
  f->head = [&](ResponseHeadEdit&) {
    CHECK(b.chain->on_head(head) == HeadVerdict::pending);
    b.chain->resume();
    return HeadVerdict::engage;
  };
  f->body = [&](const BodySlice& in, BodySink& out) {
    f->wake();
    const std::size_t n = out.on_body(in);
    CHECK(b.chain->on_body({"?", 1, 0, false, false}) == 0);
    return n;
  };
  int depth = 0;
  f->go_on = [&](BodySink&) {
    CHECK(++depth == 1);
    CHECK(b.chain->on_body({"?", 1, 0, false, false}) == 0);
    --depth;
  };
  b.in_body = enter;
  b.appetite = [n = 0]() mutable { return static_cast<std::size_t>(n++ % 3); };
  CHECK(b.chain->on_head(head) == HeadVerdict::engage);
  CHECK(b.run());
  CHECK(b.output == doubled(kBody));
}
