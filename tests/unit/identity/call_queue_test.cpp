// What is kept of calls of modules' APIs until it is written: texts, counts, bounds.
#include "identity/call_queue.hpp"

#include <doctest/doctest.h>

using namespace marquee::identity;

namespace {

ApiCall call(std::int64_t at) {
  ApiCall out;
  out.at_ms = at;
  return out;
}

CallBundle bundle(std::int64_t first, std::size_t count) {
  CallBundle out;
  for (std::size_t i = 0; i < count; ++i)
    out.calls.push_back(call(first + static_cast<std::int64_t>(i)));
  return out;
}

Use use(const std::string& id, std::uint64_t calls, std::int64_t last) {
  return {Use::Of::api_key, id, calls, last};
}

}  // namespace

TEST_CASE("texts of calls are bounded, printable, and UTF-8") {
  CHECK(call_text("/a b", 10) == "/a b");
  CHECK(call_text("", 10).empty());
  CHECK(call_text("0123456789", 4) == "0123");
  CHECK(call_text(std::string_view("a\0b\x01\x7f\n", 6), 10) == "a?b???");
  CHECK(call_text("\xc3\xa9t\xc3\xa9", 10) == "\xc3\xa9t\xc3\xa9");
  CHECK(call_text("\xc3\xa9t\xc3\xa9", 4) == "\xc3\xa9t");  // no half a character
  CHECK(call_text("\xf0\x9f\x98\x80", 4) == "\xf0\x9f\x98\x80");
  CHECK(call_text("\xf0\x9f\x98\x80", 3).empty());
  CHECK(call_text("\xc2\x85", 10) == "?");          // a C1 control
  CHECK(call_text("\xff\xc0\xafx", 10) == "???x");  // no UTF-8, overlong
  CHECK(call_text("\xed\xa0\x80", 10) == "???");    // a surrogate
  CHECK(call_text("\xe2\x82", 10) == "??");         // cut short
  CHECK(call_path("/a?token=secret") == "/a");
  CHECK(call_path("/a%3Fb") == "/a%3Fb");
  CHECK(call_path(std::string(3000, 'a')).size() == kMostCallPath);
}

TEST_CASE("uses are added up by id, and bounded by their number") {
  UseCounts counts(2);
  CHECK(counts.empty());
  CHECK(counts.add(Use::Of::api_key, "a", 5));
  CHECK(counts.add(use("a", 3, 4)));                  // an older one
  CHECK(counts.add(Use::Of::consumer, "a", 9));       // another table's
  CHECK_FALSE(counts.add(Use::Of::api_key, "b", 6));  // a third
  CHECK(counts.add(Use::Of::api_key, "a", 7));
  CHECK(counts.add(Use::Of::api_key, "a", 6));
  CHECK(counts.size() == 2);
  const auto first = counts.take(1);
  REQUIRE(first.size() == 1);
  CHECK(first[0] == use("a", 6, 7));
  const auto rest = counts.take(10);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0] == Use{Use::Of::consumer, "a", 1, 9});
  CHECK(counts.empty());
  CHECK(counts.add(Use::Of::api_key, "b", 6));
}

TEST_CASE("calls leave in batches, in order") {
  CallQueue queue;
  CHECK(queue.empty());
  queue.add(bundle(0, CallBook::kMostCalls + 5));
  queue.add({{}, {use("k", 2, 1)}, 0, 0});
  auto batch = queue.take();
  REQUIRE(batch.calls.size() == CallBook::kMostCalls);
  CHECK(batch.calls.front().at_ms == 0);
  CHECK(batch.uses == std::vector<Use>{use("k", 2, 1)});
  batch = queue.take();
  REQUIRE(batch.calls.size() == 5);
  CHECK(batch.calls.back().at_ms == static_cast<std::int64_t>(CallBook::kMostCalls) + 4);
  CHECK(batch.uses.empty());
  CHECK(queue.empty());
  CHECK(queue.take().empty());
}

TEST_CASE("of too many calls the oldest go and are counted; their uses stay") {
  CallQueue queue({10, 2});
  CallBundle many = bundle(0, 12);
  many.uses = {use("a", 12, 11)};
  many.dropped_calls = 3;  // by the worker
  many.dropped_uses = 1;
  queue.add(std::move(many));
  CHECK(queue.waiting() == 10);
  CHECK(queue.dropped_calls() == 5);
  CHECK(queue.dropped_uses() == 1);
  queue.add({{call(12)}, {use("a", 1, 12), use("b", 1, 1), use("c", 4, 1)}, 0, 0});
  CHECK(queue.waiting() == 10);
  CHECK(queue.dropped_calls() == 6);
  CHECK(queue.dropped_uses() == 5);  // no room for c
  const auto batch = queue.take();
  CHECK(batch.calls.front().at_ms == 3);
  CHECK(batch.calls.back().at_ms == 12);
  REQUIRE(batch.uses.size() == 2);
  CHECK((batch.uses[0].id == "a" ? batch.uses[0] : batch.uses[1]) == use("a", 13, 12));
}

TEST_CASE("what was not written comes again, before all others") {
  CallQueue queue({4, 10});
  queue.add(bundle(0, 3));
  auto batch = queue.take();
  batch.uses = {use("a", 3, 2)};
  queue.add({{call(3), call(4)}, {use("a", 2, 4)}, 0, 0});
  queue.give_back(std::move(batch));
  CHECK(queue.waiting() == 4);
  CHECK(queue.dropped_calls() == 1);
  batch = queue.take();
  REQUIRE(batch.calls.size() == 4);
  CHECK(batch.calls[0].at_ms == 1);
  CHECK(batch.calls[3].at_ms == 4);
  CHECK(batch.uses == std::vector<Use>{use("a", 5, 4)});
}

TEST_CASE("a batch that is never taken does not stand in the way, and its uses get one more try") {
  CallQueue queue;
  queue.add({{call(0)}, {use("a", 1, 0)}, 0, 0});
  queue.forget(queue.take());
  queue.add(bundle(1, 2));
  auto batch = queue.take();
  CHECK(batch.calls.empty());
  CHECK(batch.uses == std::vector<Use>{use("a", 1, 0)});
  queue.forget(std::move(batch));
  CHECK(queue.dropped_uses() == 1);
  CHECK(queue.take().calls.size() == 2);
  CHECK(queue.empty());
}
