// A connection's bytes give the same events whole and in pieces, and whatever they
// are, the codec, the scan for floods and the reading of heads keep their bounds.
#include "proxy/http/h2_codec.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "input.hpp"
#include "proxy/http/h2_flood.hpp"
#include "proxy/http/h2_request_head.hpp"

namespace http = marquee::proxy::http;
namespace net = marquee::net;
using Kind = http::H2Codec::Kind;

static constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Told {
  std::string text;  // heads and bodies by stream, in order
  bool over = false;
  http::H2Flood flood = http::H2Flood::none;
  bool operator==(const Told&) const = default;
};

static void take(http::H2Codec& codec, net::BufferPool& pool, http::RequestHead& head, Told& told) {
  auto& events = codec.events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const http::H2Codec::Event e = events[i];
    const std::string id = e.stream ? std::to_string(e.stream->id) : "";
    if (e.kind == Kind::request) {
      head.clear();
      const http::Refusal r = http::read_h2_request(e.stream->head, e.stream->head_ends, {}, head);
      told.text += "H" + id + std::string(http::name(r)) + std::string(head.host) + "\n";
      require(e.stream->head.too_large() || e.stream->head.list_size() <= 4096);
      if (r == http::Refusal::none) {
        require(!head.host.empty() && !head.path.empty());
        for (const http::Field& f : head.fields) require(!f.name.empty());
      }
      if (r == http::Refusal::none && head.path.size() % 2 == 0) {
        marquee::proxy::OutgoingResponse out;
        out.bodiless = head.path.size() % 4 == 0;
        codec.send_head(*e.stream, out, out.bodiless);
        if (!out.bodiless) codec.send_body(*e.stream, "hello", 5, true);
      } else if (http::is_malformed(r)) {
        codec.reset(*e.stream, http::H2Error::protocol_error);
      }
    } else if (e.kind == Kind::data && e.stream) {
      codec.consumed(*e.stream, e.size);
      codec.consumed(e.size);
    } else if (e.kind == Kind::trailers) {
      http::FieldTable table;
      (void)http::read_h2_trailers(e.stream->tail, 100, table);
    } else if (e.kind == Kind::closed) {
      codec.release(*e.stream);
    }
    require(events.size() < 1u << 20);
  }
  events.clear();
  codec.pack();
  codec.output().clear();
  (void)pool;
}

static Told run(std::string_view bytes, std::size_t piece) {
  net::BufferPool pool;
  Told told;
  {
    http::H2Codec codec(pool, {.header_list = 4096});
    http::H2FrameScan scan;
    http::H2Budget budget({});
    const http::H2Budget::Time now{std::chrono::hours(1)};
    const auto head = std::make_unique<http::RequestHead>();
    while (!bytes.empty() && !codec.over() && told.flood == http::H2Flood::none) {
      const std::string_view part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      const auto scanned = scan.take(part, budget, now);
      require(scanned.bytes <= part.size());
      told.flood = scanned.flood;
      if (told.flood == http::H2Flood::none) codec.receive(part.substr(0, scanned.bytes));
      take(codec, pool, *head, told);
      require(codec.streams() <= 200);
    }
    told.over = codec.over();
  }
  require(pool.lent_bytes() == 0);
  return told;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input in(data, size);
  // Seeds and mutations are frames; the preface is the same for all.
  const std::string bytes = std::string(in.choice == 3 ? "" : preface).append(in.bytes);
  const Told whole = run(bytes, std::max<std::size_t>(bytes.size(), 1));
  const Told split = run(bytes, in.piece);
  // A reset in the same batch may take back what was told in pieces.
  if (whole.text.size() == split.text.size()) require(whole.text == split.text);
  require(whole.flood == split.flood || whole.over || split.over);
  return 0;
}
