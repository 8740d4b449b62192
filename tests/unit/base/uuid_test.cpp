#include "base/uuid.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using namespace marquee::base;

static std::string uuid(std::uint64_t ms, std::uint64_t a, std::uint64_t b) {
  char out[kUuidSize];
  format_uuid7(ms, a, b, out);
  return {out, sizeof out};
}

TEST_CASE("uuid: version 7, the example of RFC 9562 appendix A.6") {
  CHECK(uuid(0x017F22E279B0, 0xCC3, 0x18C4DC0C0C07398F) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  CHECK(uuid(~0ull, ~0ull, ~0ull) == "ffffffff-ffff-7fff-bfff-ffffffffffff");
  CHECK(uuid(0, 0, 0) == "00000000-0000-7000-8000-000000000000");
  CHECK(uuid(1, ~0ull, ~0ull) < uuid(2, 0, 0));
}

TEST_CASE("random: the reference sequence, never stuck at zero, distinct seeds") {
  Random random({1, 2, 3, 4});
  CHECK(random.next() == 11520u);
  CHECK(random.next() == 0u);
  CHECK(random.next() == 1509978240u);
  CHECK(random.next() == 1215971899390074240u);
  Random zero({0, 0, 0, 0});
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(zero.next());
  CHECK(seen.size() > 900);
  Random a = Random::from_kernel();
  Random b = Random::from_kernel();
  CHECK(a.next() != b.next());
  std::set<std::uint32_t> small;
  for (int i = 0; i < 1000; ++i) small.insert(a.below(7));
  CHECK(small.size() == 7);
  CHECK(*small.rbegin() == 6);
  CHECK(a.below(0) == 0);
}

static const std::string kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE("traceparent: read and written back") {
  const auto context = parse_traceparent(kExample);
  REQUIRE(context);
  CHECK(context->trace_id[0] == 0x4b);
  CHECK(context->parent_id[7] == 0xb7);
  CHECK(context->flags == 1);
  char out[kTraceparentSize];
  format_traceparent(*context, out);
  CHECK(std::string(out, sizeof out) == kExample);
  char id[32];
  format_trace_id(*context, id);
  CHECK(std::string(id, 32) == kExample.substr(3, 32));
}

TEST_CASE("traceparent: what is not valid is refused") {
  const auto with = [](std::size_t at, std::string_view text) {
    std::string s = kExample;
    s.replace(at, text.size(), text);
    return s;
  };
  CHECK_FALSE(parse_traceparent(""));
  CHECK_FALSE(parse_traceparent(kExample.substr(0, 54)));
  CHECK_FALSE(parse_traceparent(kExample + "x"));
  CHECK_FALSE(parse_traceparent(kExample + "-00"));
  CHECK_FALSE(parse_traceparent(with(0, "ff")));
  CHECK_FALSE(parse_traceparent(with(3, "4BF9")));
  CHECK_FALSE(parse_traceparent(with(3, std::string(32, '0'))));
  CHECK_FALSE(parse_traceparent(with(36, std::string(16, '0'))));
  CHECK_FALSE(parse_traceparent(with(2, "_")));
  CHECK_FALSE(parse_traceparent(with(53, "0g")));
  CHECK(parse_traceparent(with(0, "01") + "-more"));
  CHECK_FALSE(parse_traceparent(with(0, "01") + "more"));
}

TEST_CASE("traceparent: unknown flags are not passed on") {
  auto context = *parse_traceparent(kExample);
  context.flags = 0xff;
  char out[kTraceparentSize];
  format_traceparent(context, out);
  CHECK(std::string(out, sizeof out).ends_with("-01"));
}

TEST_CASE("traceparent: a child keeps the trace and changes the parent") {
  Random random({1, 2, 3, 4});
  const TraceContext parent = start_trace(random, true);
  const TraceContext child = child_of(parent, random);
  CHECK(child.trace_id == parent.trace_id);
  CHECK(child.parent_id != parent.parent_id);
  CHECK(child.flags == 1);
  CHECK(start_trace(random, false).flags == 0);
}

TEST_CASE("ids of databases: a UUID in every case is one, other texts stay as they are") {
  const std::string lower = "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01";
  const std::string upper = "6F1C9A52-8F0E-4F0B-9D3A-5F0F3F1F7C01";
  CHECK(is_uuid(lower));
  CHECK(is_uuid(upper));
  const std::vector<std::string> none{"",
                                      lower + "0",
                                      lower.substr(1),
                                      "{" + lower.substr(2) + "}",
                                      "6f1c9a5208f0e-4f0b-9d3a-5f0f3f1f7c01",
                                      "gf1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01"};
  for (const std::string& no : none) {
    CAPTURE(no);
    CHECK_FALSE(is_uuid(no));
    CHECK(canonical_id(no) == no);
  }
  CHECK(canonical_id(upper) == lower);
  CHECK(canonical_id("Site-A") == "Site-A");
  CHECK(same_id(upper, lower));
  CHECK(same_id("x", "x"));
  CHECK(same_id("", ""));
  CHECK_FALSE(same_id("Site-A", "site-a"));
  CHECK_FALSE(same_id(upper, ""));
}
