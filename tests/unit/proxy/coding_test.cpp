// Content codings: which, and the filters that apply and undo them.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "filter_rig.hpp"
#include "proxy/coding/negotiation.hpp"
#include "proxy/filter/brand_filter.hpp"
#include "proxy/filter/coding_filter.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

const std::vector<Coding> kAll{Coding::br, Coding::zstd, Coding::gzip};

Coding chosen(std::string_view accept) {
  http::FieldTable request;
  request.push({"Accept-Encoding", accept, http::FieldId::other});
  return choose_coding(request, kAll);
}

// All that a codec makes of a text, given in pieces, taken in rooms.
std::string run(Codec& codec, std::string_view text, std::size_t piece, std::size_t room,
                bool* failed = nullptr) {
  std::string out;
  std::vector<char> buffer(room);
  for (int rounds = 0; rounds < 10'000'000; ++rounds) {
    const std::string_view in = text.substr(0, piece);
    const bool end = text.empty();
    const Codec::Step s = codec.step(in.data(), in.size(), buffer.data(), room,
                                     end ? Codec::Mode::end : Codec::Mode::more);
    out.append(buffer.data(), s.produced);
    text.remove_prefix(s.consumed);
    if (s.failed || (end && !s.done && s.produced == 0) ||
        (!end && s.consumed == 0 && s.produced == 0)) {
      if (failed) *failed = true;
      return out;
    }
    if (end && s.done) return out;
  }
  FAIL("a codec that does not end");
  return out;
}

std::string sample(std::size_t size) {
  std::mt19937 random(3);
  std::string out;
  while (out.size() < size) out += random() % 3 ? "<p>some text</p>" : std::to_string(random());
  return out.substr(0, size);
}

std::string encoded(Coding coding, std::string_view text) {
  return run(*make_encoder(coding, 4), text, 1 << 20, 1 << 16);
}

}  // namespace

TEST_CASE("the client's best coding") {
  CHECK(chosen("") == Coding::identity);
  CHECK(chosen("gzip, deflate, br, zstd") == Coding::br);
  CHECK(chosen("gzip") == Coding::gzip);
  CHECK(chosen("x-gzip") == Coding::gzip);
  CHECK(chosen("GZIP;q=0.5, zstd;q=0.8") == Coding::zstd);
  CHECK(chosen("br;q=0, *") == Coding::zstd);
  CHECK(chosen("*;q=0.1") == Coding::br);
  CHECK(chosen("*;q=0") == Coding::identity);
  CHECK(chosen("br;q=0.4, identity;q=0.5") == Coding::identity);
  CHECK(chosen("br;q=1.001") == Coding::identity);
  CHECK(chosen("br; q=0.001") == Coding::br);
  for (const char* bad : {"br;q=", "br;q=2", "br;q=0.0001", "br;x=1", "br;q=-1", ";;,", "deflate"})
    CHECK(chosen(bad) == Coding::identity);
}

TEST_CASE("which answers are compressed") {
  const auto yes = [](std::string_view type, std::uint64_t size = 5000, unsigned status = 200,
                      std::string_view control = "") {
    http::ResponseHead r;
    r.status = static_cast<std::uint16_t>(status);
    r.body = {http::BodyKind::length, size};
    r.fields.push({"Content-Type", type, http::FieldId::content_type});
    if (!control.empty()) r.fields.push({"Cache-Control", control, http::FieldId::other});
    return is_compressible(r, 1024);
  };
  for (const char* type : {"text/html; charset=utf-8", "TEXT/CSS", "application/json",
                           "application/ld+json", "image/svg+xml", "application/wasm"})
    CHECK(yes(type));
  for (const char* type : {"image/png", "video/mp4", "application/zip", "font/woff2",
                           "text/event-stream", "application/octet-stream", ""})
    CHECK_FALSE(yes(type));
  CHECK_FALSE(yes("text/html", 1023));
  CHECK_FALSE(yes("text/html", 5000, 206));
  CHECK_FALSE(yes("text/html", 5000, 200, "public, no-transform"));
}

TEST_CASE("Vary gets Accept-Encoding once, all lines in one") {
  http::FieldTable fields;
  CHECK(vary_by_coding(fields) == "Accept-Encoding");
  fields.push({"Vary", "Origin", http::FieldId::other});
  fields.push({"vary", "Cookie, X-A", http::FieldId::other});
  CHECK(vary_by_coding(fields) == "Origin, Cookie, X-A, Accept-Encoding");
  fields.push({"VARY", "accept-encoding", http::FieldId::other});
  CHECK_FALSE(vary_by_coding(fields));
}

TEST_CASE("codecs: every piece and every room gives back the text") {
  for (const Coding coding : kAll) {
    CAPTURE(name(coding));
    for (const std::size_t size : {0u, 1u, 1000u, 300'000u}) {
      const std::string text = sample(size);
      const std::string packed = run(*make_encoder(coding, 4), text, 777, 100);
      if (size > 1000) CHECK(packed.size() < text.size() / 2);
      for (const auto& [piece, room] :
           {std::pair<std::size_t, std::size_t>{1 << 20, 1 << 16}, {1, 1 << 16}, {1000, 7}}) {
        bool failed = false;
        CHECK(run(*make_decoder(coding), packed, piece, room, &failed) == text);
        CHECK_FALSE(failed);
      }
    }
  }
}

TEST_CASE("codecs: a stream that is cut short, or is none, fails") {
  for (const Coding coding : kAll) {
    CAPTURE(name(coding));
    const std::string packed = encoded(coding, sample(5000));
    for (const std::size_t cut : {std::size_t{1}, packed.size() / 2, packed.size() - 1}) {
      bool failed = false;
      run(*make_decoder(coding), packed.substr(0, cut), 100, 1000, &failed);
      CHECK(failed);
    }
    bool failed = false;
    run(*make_decoder(coding), "<html>this is no coded stream at all", 100, 1000, &failed);
    CHECK(failed);
  }
}

TEST_CASE("codecs: a flush brings out all that was given") {
  for (const Coding coding : kAll) {
    CAPTURE(name(coding));
    const auto encoder = make_encoder(coding, 4);
    const auto decoder = make_decoder(coding);
    for (const std::string text : {"first words", "second words", "third"}) {
      std::string packed(4096, '\0');
      std::size_t size = 0;
      Codec::Step s =
          encoder->step(text.data(), text.size(), packed.data(), packed.size(), Codec::Mode::more);
      CHECK(s.consumed == text.size());
      size += s.produced;
      s = encoder->step(nullptr, 0, packed.data() + size, packed.size() - size, Codec::Mode::flush);
      CHECK(s.done);
      size += s.produced;
      std::string plain(4096, '\0');
      s = decoder->step(packed.data(), size, plain.data(), plain.size(), Codec::Mode::more);
      CHECK(plain.substr(0, s.produced) == text);
    }
  }
}

TEST_CASE("coding filters in an exchange: decode, brand, encode") {
  routing::WhiteLabel w;
  w.brand_name = "Rose";
  const auto brand = make_domain_brand(w, {});
  const std::string page =
      "<html><head><title>Bread</title></head><body>" + sample(40'000) + "</body></html>";
  std::string wanted = page;
  wanted.replace(wanted.find("</title>"), 0, " | Rose");
  for (const Coding in : kAll) {
    for (const Coding out : kAll) {
      const std::string packed = encoded(in, page);
      Scenario scenario{
          "coded",
          {{"", get("/")}, leave("<end>")},
          {{{"\r\n\r\n", answer(packed,
                                "Content-Type: text/html; charset=utf-8\r\nETag: \"e\"\r\n"
                                "Content-Encoding: " +
                                    std::string(name(in)) + "\r\n")}}}};
      const TestSource::Make make = [&](FilterChain& chain) {
        chain.add(std::make_unique<DecodeFilter>(in));
        chain.add(std::make_unique<BrandFilter>(brand));
        chain.add(std::make_unique<EncodeFilter>(out, 4u, "Accept-Encoding"));
      };
      for (const RunOptions& options :
           {RunOptions{}, RunOptions{.upstream = {{}, 11}, .client_room = 900}}) {
        FilterRig f(scenario, options, make);
        f.rig.play();
        const std::string client = f.client();
        const std::size_t at = client.find("<chunked>");
        REQUIRE(at != std::string::npos);
        const std::size_t end = client.rfind("<end>");
        const std::string body = client.substr(at + 9, end - at - 9);
        bool failed = false;
        CHECK(run(*make_decoder(out), body, 1 << 20, 1 << 16, &failed) == wanted);
        CHECK_FALSE(failed);
        CHECK(client.find("content-encoding: " + std::string(name(out)) + "\r\n") !=
              std::string::npos);
        CHECK(client.find("ETag: W/\"e\"\r\n") != std::string::npos);
        CHECK(client.find("vary: Accept-Encoding\r\n") != std::string::npos);
        CHECK(client.find("Content-Length") == std::string::npos);
        f.finish();
      }
    }
  }
}

TEST_CASE("a coded answer that is broken breaks off") {
  for (const std::size_t cut : {0u, 40u}) {
    const std::string packed = encoded(Coding::gzip, sample(20'000));
    const std::string broken = cut ? packed.substr(0, packed.size() - cut) : "not coded at all";
    Scenario scenario{"broken",
                      {{"", get("/")}, leave("")},
                      {{{"\r\n\r\n", answer(broken, "Content-Encoding: gzip\r\n")}}}};
    FilterRig f(scenario, {}, one<DecodeFilter>(Coding::gzip));
    f.rig.play();
    f.rig.pass_time();
    CHECK(f.client().find("<end>") == std::string::npos);
    REQUIRE(f.rig.records.all.size() == 1);
    CHECK(f.outcome().cause == RefusalCause::response_filter);
  }
}

TEST_CASE("a little that becomes a lot is held back by a client that takes nothing") {
  const std::string packed = encoded(Coding::gzip, std::string(20'000'000, 'x'));
  DecodeFilter filter(Coding::gzip);
  struct Full final : BodySink {
    std::size_t on_body(const BodySlice& s) override {
      seen += s.size;
      return 0;
    }
    void on_failed(const base::Failure&) override { failed = true; }
    std::size_t seen = 0;
    bool failed = false;
  } sink;
  const std::size_t taken = filter.on_body({packed.data(), packed.size(), 0, false, true}, sink);
  CHECK(taken < packed.size());
  CHECK(sink.seen == 16384);
  CHECK_FALSE(sink.failed);
}
