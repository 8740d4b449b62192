#include "proxy/http/h2_response.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/upstream/stream_share.hpp"

using namespace marquee::proxy;
using namespace marquee::proxy::http;

namespace {

using Block = std::vector<H2Field>;

Refusal read(const Block& block, ResponseHead& head, bool ends = false,
             Method method = Method::get) {
  return read_h2_response(block, {1024, 10, 0}, method, ends, head);
}
Refusal read(const Block& block) {
  ResponseHead head;
  return read(block, head);
}

}  // namespace

TEST_CASE("an answer's block becomes a judged head") {
  ResponseHead head;
  REQUIRE(read({{":status", "200"}, {"content-length", "5"}, {"x-a", "1"}, {"x_b", ""}}, head) ==
          Refusal::none);
  CHECK(head.status == 200);
  CHECK(head.body.kind == BodyKind::length);
  CHECK(head.body.length == 5);
  CHECK(head.fields.size() == 3);
  CHECK(head.fields.begin()[0].dropped);  // the codec writes it anew
  CHECK_FALSE(head.fields.begin()[1].dropped);
  CHECK(head.fields.begin()[2].twin);

  REQUIRE(read({{":status", "200"}}, head) == Refusal::none);
  CHECK(head.body.kind == BodyKind::until_close);  // its length is not known
  REQUIRE(read({{":status", "200"}}, head, true) == Refusal::none);
  CHECK(head.body.kind == BodyKind::length);
  CHECK(head.body.length == 0);
  REQUIRE(read({{":status", "103"}, {"link", "</a>"}}, head) == Refusal::none);
  CHECK(head.status == 103);
  REQUIRE(read({{":status", "200"}, {"content-length", "5"}}, head, true, Method::head) ==
          Refusal::none);
  CHECK(head.body.kind == BodyKind::none);
  REQUIRE(read({{":status", "304"}, {"content-length", "5"}}, head, true) == Refusal::none);
}

TEST_CASE("what an answer's block may not be") {
  const std::string long_value(1100, 'x');
  const struct {
    Block block;
    Refusal why;
  } cases[] = {
      {{}, Refusal::bad_pseudo_fields},
      {{{"x-a", "1"}}, Refusal::bad_pseudo_fields},
      {{{"x-a", "1"}, {":status", "200"}}, Refusal::bad_pseudo_fields},
      {{{":status", "200"}, {":status", "200"}}, Refusal::bad_pseudo_fields},
      {{{":status", "200"}, {":path", "/"}}, Refusal::bad_pseudo_fields},
      {{{":status", "200"}, {"x-a", "1"}, {":x", "/"}}, Refusal::bad_pseudo_fields},
      {{{":status", "20"}}, Refusal::bad_status_line},
      {{{":status", "2000"}}, Refusal::bad_status_line},
      {{{":status", "600"}}, Refusal::bad_status_line},
      {{{":status", "099"}}, Refusal::bad_status_line},
      {{{":status", "+20"}}, Refusal::bad_status_line},
      {{{":status", "101"}}, Refusal::unrequested_upgrade},
      {{{":status", "200"}, {"X-a", "1"}}, Refusal::bad_field_name},
      {{{":status", "200"}, {"", "1"}}, Refusal::bad_field_name},
      {{{":status", "200"}, {"x a", "1"}}, Refusal::bad_field_name},
      {{{":status", "200"}, {"x:a", "1"}}, Refusal::bad_field_name},
      {{{":status", "200"}, {"x-a", "1\r\n"}}, Refusal::bad_field_value},
      {{{":status", "200"}, {"x-a", std::string_view("\0", 1)}}, Refusal::bad_field_value},
      {{{":status", "200"}, {"x-a", " 1"}}, Refusal::bad_field_value},
      {{{":status", "200"}, {"x-a", "1\t"}}, Refusal::bad_field_value},
      {{{":status", "200"}, {"connection", "close"}}, Refusal::connection_field},
      {{{":status", "200"}, {"keep-alive", "1"}}, Refusal::connection_field},
      {{{":status", "200"}, {"proxy-connection", "x"}}, Refusal::connection_field},
      {{{":status", "200"}, {"transfer-encoding", "chunked"}}, Refusal::connection_field},
      {{{":status", "200"}, {"upgrade", "x"}}, Refusal::connection_field},
      {{{":status", "200"}, {"te", "trailers"}}, Refusal::connection_field},
      {{{":status", "200"}, {"content-length", "-1"}}, Refusal::bad_content_length},
      {{{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}},
       Refusal::repeated_content_length},
      {{{":status", "200"}, {"x-a", long_value}}, Refusal::head_too_large},
      {Block{{":status", "200"},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""},
             {"a", ""}},
       Refusal::too_many_fields},
  };
  for (const auto& c : cases) {
    CAPTURE(c.block.size());
    CAPTURE(name(c.why));
    CHECK(name(read(c.block)) == name(c.why));
  }
  ResponseHead head;
  CHECK(read({{":status", "103"}}, head, true) == Refusal::bad_pseudo_fields);
  CHECK(read({{":status", "200"}, {"content-length", "5"}}, head, true) ==
        Refusal::length_mismatch);
}

TEST_CASE("trailers") {
  FieldTable table;
  const BodyLimits limits{0, 64, 3};
  REQUIRE(read_h2_trailers(Block{{"grpc-status", "0"}, {"set-cookie", "a"}}, limits, table) ==
          Refusal::none);
  CHECK_FALSE(table.begin()[0].dropped);
  CHECK(table.begin()[1].dropped);  // not from there
  CHECK(read_h2_trailers(Block{{":status", "200"}}, limits, table) == Refusal::bad_pseudo_fields);
  CHECK(read_h2_trailers(Block{{"connection", "x"}}, limits, table) == Refusal::connection_field);
  CHECK(read_h2_trailers(Block{{"content-length", "1"}}, limits, table) ==
        Refusal::forbidden_trailer);
  CHECK(read_h2_trailers(Block{{"X", "1"}}, limits, table) == Refusal::bad_field_name);
  CHECK(read_h2_trailers(Block{{"x", std::string(70, 'y')}}, limits, table) ==
        Refusal::trailers_too_large);
  CHECK(read_h2_trailers(Block{{"x", ""}, {"x", ""}, {"x", ""}, {"x", ""}}, limits, table) ==
        Refusal::trailers_too_large);
}

TEST_CASE("a body is held to its length") {
  H2BodyCount count;
  count.begin({BodyKind::length, 5});
  CHECK(count.add(3));
  CHECK_FALSE(count.complete());
  CHECK_FALSE(count.add(3));
  CHECK(count.add(2));
  CHECK(count.complete());
  count.begin({BodyKind::none, 0});
  CHECK(count.complete());
  CHECK_FALSE(count.add(1));
  count.begin({BodyKind::until_close, 0});
  CHECK(count.add(1'000'000));
  CHECK(count.complete());
}

TEST_CASE("a tenant's part of the streams") {
  CHECK(tenant_quota(100, 50) == 50);
  CHECK(tenant_quota(100, 100) == 100);
  CHECK(tenant_quota(100, 250) == 100);
  CHECK(tenant_quota(7, 50) == 3);
  CHECK(tenant_quota(1, 50) == 1);  // one may always come
  CHECK(tenant_quota(100, 0) == 1);
  CHECK(tenant_quota(0, 50) == 0);
  CHECK(tenant_quota(4'000'000'000u, 50) == 2'000'000'000u);

  StreamShare share;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(share.room(1, 10, 50));
    share.enter(1);
  }
  CHECK_FALSE(share.room(1, 10, 50));
  CHECK(share.room(2, 10, 50));
  for (int i = 0; i < 4; ++i) share.enter(2);
  CHECK(share.room(3, 10, 50));
  share.enter(3);
  CHECK_FALSE(share.room(3, 10, 50));  // all are out
  CHECK(share.total() == 10);
  share.leave(1);
  CHECK(share.of(1) == 4);
  CHECK(share.room(1, 10, 50));
  share.leave(3);
  CHECK(share.of(3) == 0);
  share.leave(3);  // no effect
  CHECK(share.total() == 8);
}
