// Bodies in every framing, given whole, cut at every byte and byte by byte, to a
// receiver that takes all or a part: the body and the verdict are the same.
#include "proxy/http/body_decoder.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace marquee::proxy::http;

namespace {

struct Decoded {
  std::string body;
  std::string trailers;
  bool ended = false;
  Refusal refusal = Refusal::none;
  std::size_t left = 0;  // bytes behind the body
  bool operator==(const Decoded&) const = default;
};

// Gives `bytes` in the runs that end at `ends`; at most `appetite` bytes are
// taken at a time.
Decoded decode_in(BodyFraming framing, const std::string& bytes, std::vector<std::size_t> ends,
                  std::size_t appetite, BodyLimits limits) {
  BodyDecoder decoder;
  decoder.begin(framing, limits);
  Decoded out;
  std::size_t at = 0;
  ends.push_back(bytes.size());
  for (std::size_t end : ends) {
    for (;;) {
      // A copy of its own: nothing may point into what was given before.
      const std::string given = bytes.substr(at, end - at);
      const BodyDecoder::Step step = decoder.next(given);
      REQUIRE(step.skip <= given.size());
      at += step.skip;
      if (step.kind == BodyDecoder::Step::need_more) {
        CHECK(at == end);
        break;
      }
      if (step.kind == BodyDecoder::Step::refused) {
        out.refusal = decoder.refusal();
        return out;
      }
      if (step.kind == BodyDecoder::Step::end) {
        CHECK(decoder.ended());
        out.ended = true;
        out.left = bytes.size() - at;
        if (decoder.has_trailers())
          for (const Field& f : decoder.trailers())
            out.trailers +=
                std::string(f.name) + "=" + std::string(f.value) + (f.dropped ? "(dropped);" : ";");
        return out;
      }
      REQUIRE_FALSE(step.slice.empty());
      const std::size_t n = std::min(step.slice.size(), appetite);
      out.body.append(step.slice.substr(0, n));
      decoder.took(n);
      at += n;
    }
  }
  out.ended = decoder.end_of_input_is_end();
  return out;
}

Decoded decode(BodyFraming framing, const std::string& bytes, BodyLimits limits = {}) {
  const Decoded whole = decode_in(framing, bytes, {}, std::string::npos, limits);
  std::vector<std::size_t> every;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    CAPTURE(cut);
    every.push_back(cut);
    if (bytes.size() > 3000) continue;
    for (std::size_t appetite : {std::size_t{1}, std::size_t{2}, std::string::npos}) {
      CAPTURE(appetite);
      CHECK(decode_in(framing, bytes, {cut}, appetite, limits) == whole);
    }
  }
  const Decoded crumbs = decode_in(framing, bytes, every, std::string::npos, limits);
  CHECK(name(crumbs.refusal) == name(whole.refusal));
  CHECK(crumbs == whole);
  return whole;
}

Decoded chunked(const std::string& bytes, BodyLimits limits = {}) {
  return decode({BodyKind::chunked, 0}, bytes, limits);
}

}  // namespace

TEST_CASE("bodies by length, and up to the end") {
  const Decoded none = decode({BodyKind::none, 0}, "next");
  CHECK(none.ended);
  CHECK(none.left == 4);
  const Decoded empty = decode({BodyKind::length, 0}, "next");
  CHECK(empty.ended);
  CHECK(empty.left == 4);
  const Decoded five = decode({BodyKind::length, 5}, "hellonext");
  CHECK(five.ended);
  CHECK(five.body == "hello");
  CHECK(five.left == 4);
  CHECK_FALSE(decode({BodyKind::length, 5}, "hell").ended);
  const Decoded all = decode({BodyKind::until_close, 0}, "all of it");
  CHECK(all.ended);
  CHECK(all.body == "all of it");
}

TEST_CASE("chunked bodies that are taken") {
  struct Row {
    std::string bytes, body, trailers;
  };
  const std::vector<Row> rows = {
      {"0\r\n\r\n", "", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
      {"00005\r\nhello\r\n000\r\n\r\n", "hello", ""},
      {"1\r\na\r\nA\r\n0123456789\r\nb\r\n\r\n\n\r\r\n-----\r\n0\r\n\r\n",
       "a0123456789\r\n\n\r\r\n-----", ""},
      {"3;a\r\nabc\r\n0;b=\"c\"\r\n\r\n", "abc", ""},
      {"3 ; a=b\r\nabc\r\n0\t;x\r\n\r\n", "abc", ""},
      {"0\r\nA: b\r\nC:\r\n\r\n", "", "A=b;C=;"},
      {"0\r\nContent-Type: a\r\nSet-Cookie: b\r\nLocation: c\r\nMax-Forwards: 1\r\n\r\n", "",
       "Content-Type=a(dropped);Set-Cookie=b(dropped);Location=c(dropped);Max-Forwards=1(dropped)"
       ";"},
      {"1\r\nx\r\n0\r\nX-Tenant-Id: 1\r\nX_Real_IP: 2\r\nETag: 3\r\n\r\n", "x",
       "X-Tenant-Id=1(dropped);X_Real_IP=2(dropped);ETag=3;"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Decoded d = chunked(row.bytes + "next");
    CHECK(name(d.refusal) == "none");
    CHECK(d.ended);
    CHECK(d.body == row.body);
    CHECK(d.trailers == row.trailers);
    CHECK(d.left == 4);
  }
}

TEST_CASE("chunked bodies that are refused") {
  struct Row {
    std::string bytes;
    Refusal refusal;
  };
  const std::vector<Row> rows = {
      {"\r\n", Refusal::bad_chunk},
      {"g\r\n", Refusal::bad_chunk},
      {"-1\r\n", Refusal::bad_chunk},
      {"+1\r\na\r\n", Refusal::bad_chunk},
      {"0x1\r\na\r\n", Refusal::bad_chunk},
      {" 1\r\na\r\n", Refusal::bad_chunk},
      {"1 \r\na\r\n", Refusal::bad_chunk},
      {"1 2\r\na\r\n", Refusal::bad_chunk},
      {"1,\r\na\r\n", Refusal::bad_chunk},
      {"1;a\x01\r\na\r\n", Refusal::bad_chunk},
      {"1;a\rb\r\na\r\n", Refusal::bad_chunk},
      {"1\na\r\n", Refusal::bad_chunk},
      {"1;a\nb\r\n", Refusal::bad_chunk},
      {"1\r\nab\r\n", Refusal::bad_chunk},
      {"1\r\na\n", Refusal::bad_chunk},
      {"1\r\na\r0\r\n", Refusal::bad_chunk},
      {"1\r\na0\r\n\r\n", Refusal::bad_chunk},
      {"1000000000000000\r\n", Refusal::bad_chunk},
      {"ffffffffffffffffff\r\n", Refusal::bad_chunk},
      {"0\r\nA: b\n\r\n", Refusal::bare_line_feed},
      {"0\r\n\n", Refusal::bare_line_feed},
      {"0\r\nA: b\r\n c\r\n\r\n", Refusal::folded_field},
      {"0\r\nA : b\r\n\r\n", Refusal::bad_field_name},
      {"0\r\nAb\r\n\r\n", Refusal::bad_field_name},
      {"0\r\nA: b\x01\r\n\r\n", Refusal::bad_field_value},
      {"0\r\nContent-Length: 3\r\n\r\n", Refusal::forbidden_trailer},
      {"0\r\nContent_Length: 3\r\n\r\n", Refusal::forbidden_trailer},
      {"0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::forbidden_trailer},
      {"0\r\nHost: a\r\n\r\n", Refusal::forbidden_trailer},
      {"0\r\nConnection: close\r\n\r\n", Refusal::forbidden_trailer},
      {"0\r\nTrailer: a\r\n\r\n", Refusal::forbidden_trailer},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    const Decoded d = chunked(row.bytes);
    CHECK(name(d.refusal) == name(row.refusal));
    CHECK(d.trailers.empty());
  }
}

TEST_CASE("a chunked body that is cut short has not ended") {
  const std::string body = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t n = 0; n < body.size(); ++n) {
    const Decoded d = chunked(body.substr(0, n));
    CHECK_FALSE(d.ended);
    CHECK(d.refusal == Refusal::none);
  }
}

TEST_CASE("limits of a chunked body") {
  const BodyLimits limits{40, 60, 3};
  CHECK(chunked("1;" + std::string(39, 'x') + "\r\na\r\n0\r\n\r\n", limits).ended);
  CHECK(chunked("1;" + std::string(40, 'x') + "\r\na\r\n0\r\n\r\n", limits).refusal ==
        Refusal::chunk_extension_too_long);
  CHECK(chunked("1;" + std::string(4000, 'x'), limits).refusal ==
        Refusal::chunk_extension_too_long);
  // All extensions of a body together: 64 KiB.
  std::string flood;
  for (int i = 0; i < 70; ++i) flood += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  CHECK(chunked(flood).refusal == Refusal::chunk_extension_too_long);

  CHECK(chunked("0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", limits).ended);
  CHECK(chunked("0\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", limits).refusal ==
        Refusal::trailers_too_large);
  CHECK(chunked("0\r\nA: " + std::string(57, 'x') + "\r\n\r\n", limits).ended);
  CHECK(chunked("0\r\nA: " + std::string(58, 'x') + "\r\n\r\n", limits).refusal ==
        Refusal::trailers_too_large);
  CHECK(chunked("0\r\nA: " + std::string(30, 'x') + "\r\nB: " + std::string(30, 'x') + "\r\n\r\n",
                limits)
            .refusal == Refusal::trailers_too_large);
  CHECK(chunked("0\r\nA: " + std::string(500, 'x'), limits).refusal == Refusal::trailers_too_large);
}

TEST_CASE("a decoder begins anew whatever came before") {
  BodyDecoder decoder;
  for (const char* before : {"5\r\nhel", "5;", "zz\r\n", "0\r\nA: b\r\n", "0\r\nA", "5\r\nhello"}) {
    CAPTURE(before);
    decoder.begin({BodyKind::chunked, 0}, {});
    for (BodyDecoder::Step s = decoder.next(before); s.kind == BodyDecoder::Step::data;) {
      decoder.took(s.slice.size());
      s = decoder.next({});
    }
    decoder.begin({BodyKind::chunked, 0}, {});
    const BodyDecoder::Step s = decoder.next("0\r\n\r\n");
    CHECK(s.kind == BodyDecoder::Step::end);
    CHECK_FALSE(decoder.has_trailers());
  }
}
