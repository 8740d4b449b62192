#include "proxy/http/h2_stream_order.hpp"

#include <doctest/doctest.h>

#include <string>

#include "h2_wire.hpp"
#include "proxy/http/h2_flood.hpp"

using namespace marquee::proxy;
using namespace marquee::proxy::testing;
using Order = http::H2StreamOrder;
using Verdict = http::H2StreamOrder::Verdict;

TEST_CASE("h2 streams: what a client has ended stays ended") {
  Order order;
  CHECK(order.on_message(1, true, false) == Verdict::fine);
  CHECK(order.on_message(1, false, false) == Verdict::fine);
  CHECK(order.on_message(1, true, true) == Verdict::fine);  // trailers
  CHECK(order.on_message(1, false, true) == Verdict::stream_closed);
  CHECK(order.on_message(1, true, true) == Verdict::stream_closed);
  CHECK(order.on_message(3, true, false) == Verdict::fine);
  order.on_reset(3);
  CHECK(order.on_message(3, false, false) == Verdict::stream_closed);
}

TEST_CASE("h2 streams: passed over ones may not be opened") {
  Order order;
  CHECK(order.on_message(7, true, true) == Verdict::fine);
  for (const std::uint32_t id : {1u, 3u, 5u})
    CHECK(order.on_message(id, true, true) == Verdict::passed_over);
  CHECK(order.on_message(9, true, true) == Verdict::fine);
  CHECK(order.on_message(13, true, true) == Verdict::fine);
  CHECK(order.on_message(11, false, true) == Verdict::passed_over);
}

TEST_CASE("h2 streams: idle, even and unknown ones are for the codec") {
  Order order;
  CHECK(order.on_message(0, true, true) == Verdict::fine);
  CHECK(order.on_message(2, true, true) == Verdict::fine);
  CHECK(order.on_message(1, false, true) == Verdict::fine);  // DATA on an idle one
  order.on_reset(1);
  CHECK(order.on_message(1, true, false) == Verdict::fine);
}

TEST_CASE("h2 streams: what is forgotten is not held against a client") {
  Order order;
  for (std::uint32_t id = 1; id < 1001; id += 2)
    CHECK(order.on_message(id, true, true) == Verdict::fine);
  CHECK(order.on_message(1, false, true) == Verdict::fine);
  CHECK(order.on_message(999, false, true) == Verdict::stream_closed);
}

namespace {

http::H2Fault fault(const std::string& frames, std::size_t piece) {
  http::H2FrameScan scanner;
  http::H2Budget budget({});
  const std::string bytes = h2_open() + frames;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto r = scanner.take(std::string_view(bytes).substr(at, piece), budget,
                                http::H2Budget::Time{std::chrono::hours(1)});
    if (r.fault != http::H2Fault::none) return r.fault;
  }
  return http::H2Fault::none;
}

}  // namespace

TEST_CASE("h2 faults by frames, in any split") {
  const auto priority = [](std::uint32_t id, char on, std::size_t size = 5) {
    return h2_frame(2, 0, id, std::string("\0\0\0", 3) + on + std::string(size - 4, '\1'));
  };
  const std::string get = h2_frame(1, 5, 1, "\x82"), data = h2_frame(0, 0, 1, "x");
  const std::string open_block = h2_frame(1, 1, 1, "\x82");
  struct Row {
    std::string frames;
    http::H2Fault fault;
  };
  const Row rows[] = {
      {get, http::H2Fault::none},
      {get + data, http::H2Fault::stream_closed},
      {get + get, http::H2Fault::stream_closed},
      {open_block + data, http::H2Fault::none},  // nghttp2's: no CONTINUATION
      {priority(1, 0), http::H2Fault::none},
      {priority(1, 3), http::H2Fault::none},
      {priority(3, 3), http::H2Fault::protocol_error},
      {priority(0, 1), http::H2Fault::protocol_error},
      {priority(3, 3, 6), http::H2Fault::none},  // nghttp2's: its length
      {priority(1, 3) + priority(3, 3), http::H2Fault::protocol_error},
  };
  for (const Row& row : rows)
    for (const std::size_t piece : {1u, 3u, 12u, 1000u}) {
      CAPTURE(piece);
      CAPTURE(&row - rows);
      CHECK(fault(row.frames, piece) == row.fault);
    }
}
