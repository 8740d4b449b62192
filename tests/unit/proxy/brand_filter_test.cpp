// The filter that brands pages, alone and between the two ends of an exchange.
#include "proxy/filter/brand_filter.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "filter_rig.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

std::shared_ptr<const DomainBrand> brand_named(const std::string& name, bool hide = false) {
  routing::WhiteLabel w;
  w.brand_name = name;
  w.favicon_url = "/i.png";
  w.hide_powered_by = hide;
  return make_domain_brand(w, {});
}

class Head final : public ResponseHeadEdit {
 public:
  unsigned status() const override { return 200; }
  std::string_view field(std::string_view name) const override {
    return name == "content-type" ? std::string_view(type) : std::string_view();
  }
  void set(std::string_view, std::string_view) override {}
  void remove(std::string_view) override {}
  std::optional<std::uint64_t> content_length() const override { return length; }
  void set_content_length(std::optional<std::uint64_t> n) override { length = n; }
  std::string type = "text/html; charset=utf-8";
  std::optional<std::uint64_t> length = 5;
};

// A sink of limited appetite that checks the rules of body_slice and the chain.
struct Sink final : BodySink {
  std::size_t on_body(const BodySlice& slice) override {
    REQUIRE_FALSE(ended);
    if (slice.size != 0 && stopped) return 0;
    const std::size_t n = std::min(slice.size, room);
    out.append(slice.data, n);
    most = std::max(most, slice.size);
    ++calls;
    stopped = n < slice.size;
    if (n == slice.size) {
      ended = slice.end;
      flushes += slice.flush;
    }
    return n;
  }
  void on_failed(const base::Failure&) override { FAIL("a brand filter does not fail"); }
  std::string out;
  std::size_t room = ~std::size_t{0};
  std::size_t most = 0;
  std::size_t calls = 0;
  std::size_t flushes = 0;
  bool stopped = false;
  bool ended = false;
};

// Offers as the chain does: what is not taken again after a resume.
void offer(BrandFilter& filter, Sink& sink, std::string_view bytes, bool flush, bool end) {
  for (int rounds = 0;; ++rounds) {
    REQUIRE(rounds < 1'000'000);
    const std::size_t n = filter.on_body({bytes.data(), bytes.size(), 0, flush, end}, sink);
    REQUIRE(n <= bytes.size());
    const bool all = n == bytes.size();
    bytes.remove_prefix(n);
    if (all) return;
    sink.stopped = false;
    filter.resume(sink);
  }
}

std::string branded(const std::shared_ptr<const DomainBrand>& brand, const std::string& page,
                    std::size_t size, std::size_t room = ~std::size_t{0},
                    const std::string& type = "text/html; charset=utf-8", bool flush = false) {
  BrandFilter filter(brand);
  Head head;
  head.type = type;
  REQUIRE(filter.on_head(head) == HeadVerdict::engage);
  CHECK_FALSE(head.length);
  Sink sink;
  sink.room = room;
  for (std::size_t at = 0; at < page.size(); at += size)
    offer(filter, sink, std::string_view(page).substr(at, size), flush, false);
  offer(filter, sink, {}, false, true);
  for (int i = 0; i < 1'000'000 && !sink.ended; ++i) {
    sink.stopped = false;
    filter.resume(sink);
  }
  CHECK(sink.ended);
  return sink.out;
}

const std::string kPage =
    "<!doctype html><html><head><title>Bread</title><link rel=icon href=/x.ico></head>"
    "<body><p>fresh</p><div class=\"dramac-branding\"><b>ad</b></div><p data-dramac-branding>x</p>"
    "</body></html>";
const std::string kBranded =
    "<!doctype html><html><head><title>Bread | Rose</title>"
    "<link rel=\"icon\" href=\"/i.png\"><link rel=\"apple-touch-icon\" href=\"/i.png\"></head>"
    "<body><p>fresh</p><p >x</p></body></html>";

}  // namespace

TEST_CASE("brand filter: every split and every appetite gives the same page") {
  const auto brand = brand_named("Rose", true);
  CHECK(branded(brand, kPage, kPage.size()) == kBranded);
  for (std::size_t size = 1; size < kPage.size(); ++size) {
    CHECK(branded(brand, kPage, size) == kBranded);
    CHECK(branded(brand, kPage, size, 1 + size % 7) == kBranded);
    CHECK(branded(brand, kPage, size, ~std::size_t{0}, "text/html; charset=utf-8", true) ==
          kBranded);
  }
}

TEST_CASE("brand filter: a charset that is told late") {
  const auto brand = brand_named("Rose");
  const std::string head = "<html><head><title>x</title>";
  const std::string pad = "<!--" + std::string(400, ' ') + "-->";
  for (const std::size_t size : {1u, 7u, 300u, 5000u}) {
    const std::string sjis = head + pad + "<meta charset=shift_jis></head>" + pad + pad;
    CHECK(branded(brand, sjis, size, ~std::size_t{0}, "text/html") == sjis);
    const std::string utf = head + pad + "<meta charset=utf-8></head>" + pad + pad;
    const std::string out = branded(brand, utf, size, ~std::size_t{0}, "text/html");
    CHECK(out.find("<title>x | Rose</title>") != std::string::npos);
    CHECK(branded(brand, "\xFF\xFE<\0h", size) == "\xFF\xFE<");  // UTF-16, whatever is declared
  }
  // A stream that pauses is judged by what there is, and passed on at once.
  BrandFilter filter(brand);
  Head undeclared;
  undeclared.type = "text/html";
  filter.on_head(undeclared);
  Sink sink;
  offer(filter, sink, "<html><head><title>x</title></head>", true, false);
  CHECK(sink.out.find("Rose") != std::string::npos);
  CHECK(sink.flushes == 1);
  CHECK_FALSE(sink.ended);
}

TEST_CASE("brand filter: a pause before the charset is said does not say it") {
  const auto brand = brand_named("Rose");
  const auto utf16 = [](std::string_view mark, bool big) {
    std::string out(mark);
    for (const char c : kPage) big ? (out += '\0') += c : (out += c) += '\0';
    return out;
  };
  const std::string sjis =
      "<!doctype html><html><head><meta charset=shift_jis><title>\x83\x5C</title></head>"
      "<body>\x83\x3C</body></html>";
  struct Page {
    std::string type, bytes;
    bool changed;
  };
  const Page pages[] = {{"text/html", sjis, false},
                        {"text/html", utf16("\xFF\xFE", false), false},
                        {"text/html; charset=utf-8", utf16("\xFF\xFE", false), false},
                        {"text/html", utf16("\xFE\xFF", true), false},
                        {"text/html; charset=utf-8", utf16("\xFE\xFF", true), false},
                        {"text/html", kPage, true},
                        {"text/html; charset=utf-8", "\xEF\xBB\xBF" + kPage, true},
                        {"text/html; charset=utf-8", kPage, true}};
  for (const Page& page : pages) {
    for (std::size_t at = 0; at <= 40; ++at) {
      CAPTURE(page.bytes);
      CAPTURE(at);
      BrandFilter filter(brand);
      Head head;
      head.type = page.type;
      filter.on_head(head);
      Sink sink;
      offer(filter, sink, {}, true, false);  // the head came alone
      CHECK(sink.flushes == 1);              // and goes on at once
      CHECK(sink.out.empty());
      offer(filter, sink, std::string_view(page.bytes).substr(0, at), true, false);
      offer(filter, sink, std::string_view(page.bytes).substr(at), true, false);
      offer(filter, sink, {}, false, true);
      CHECK(sink.ended);
      CHECK((sink.out != page.bytes) == page.changed);
      CHECK((sink.out.find("Bread | Rose") != std::string::npos) == page.changed);
    }
  }
}

TEST_CASE("brand filter: a stream without a charset flows from its body on") {
  BrandFilter filter(brand_named("Rose"));
  Head head;
  head.type = "text/html";
  filter.on_head(head);
  Sink sink;
  offer(filter, sink, {}, true, false);
  offer(filter, sink, "<html><head><title>x</title>", true, false);
  CHECK(sink.out.empty());  // <meta charset> may still come
  offer(filter, sink, "<body><p>one", true, false);
  CHECK(sink.out.ends_with("<body><p>one"));
  CHECK(sink.out.find("x | Rose") != std::string::npos);
  offer(filter, sink, "<p>two", true, false);
  CHECK(sink.out.ends_with("<p>two"));
}

TEST_CASE("brand filter: what has come is passed on with each flush") {
  const auto brand = brand_named("Rose", true);
  BrandFilter filter(brand);
  Head head;
  filter.on_head(head);
  Sink sink;
  offer(filter, sink, "<!doctype html><head></head><body><p>one</p>", true, false);
  CHECK(sink.out.ends_with("<p>one</p>"));
  offer(filter, sink, "<p>two</p><scr", true, false);
  CHECK(sink.out.ends_with("<p>two</p>"));  // the open tag waits
  offer(filter, sink, "ipt>3", true, false);
  CHECK(sink.out.ends_with("<script>3"));
  CHECK(sink.flushes == 3);
}

TEST_CASE("brand filter: nothing is gathered but small pieces, nothing kept but one slice") {
  const auto brand = brand_named("Rose");
  BrandFilter filter(brand);
  Head head;
  filter.on_head(head);
  Sink sink;
  const std::string page = "<html><head></head><body>" + std::string(200'000, 'x');
  offer(filter, sink, std::string_view(page).substr(0, 100'000), false, false);
  CHECK(sink.calls == 2);  // the head, then the rest as it lies there
  CHECK(sink.most > 80'000);
  offer(filter, sink, std::string_view(page).substr(100'000), false, true);
  CHECK(sink.calls == 3);  // once the head is done the slices themselves pass
  CHECK(sink.ended);

  // Behind the head nothing is kept at all.
  BrandFilter slow(brand);
  slow.on_head(head);
  Sink full;
  full.room = 0;
  const std::size_t of_head = page.find("xxx");
  CHECK(slow.on_body({page.data(), 60'000, 0, false, false}, full) == of_head);
  CHECK(slow.on_body({page.data() + of_head, 60'000, 0, false, false}, full) == 0);
  CHECK(full.out.empty());

  BrandFilter remover(brand_named("Rose", true));
  remover.on_head(head);
  CHECK(remover.on_body({page.data(), 60'000, 0, false, false}, full) == 60'000);
  CHECK(remover.on_body({page.data() + 60'000, 60'000, 0, false, false}, full) == 0);
  CHECK(full.out.empty());
}

TEST_CASE("brand filter: the end leaves with the page's last run") {
  for (const bool hide : {false, true}) {
    const auto brand = brand_named("Rose", hide);
    BrandFilter filter(brand);
    Head head;
    filter.on_head(head);
    Sink sink;
    offer(filter, sink, "<html><head></head><body>" + std::string(50'000, 'x'), false, true);
    CHECK(sink.ended);
    CHECK(sink.calls == 2);
    CHECK(sink.out.ends_with("xxx"));
  }
}

TEST_CASE("brand filter: random pages, splits, appetites, pauses") {
  std::mt19937 random(7);
  const auto brand = brand_named("</style>$'@@importimport", true);
  const char* parts[] = {"<div>",    "</div>",           "<div class=dramac-branding>",
                         "text",     "<title>t</title>", "<!-- c -->",
                         "<script>", "</script>",        "<",
                         "</head>",  "<body>",           "\n"};
  for (int round = 0; round < 300; ++round) {
    std::string page = "<head>";
    for (int i = 0; i < 40; ++i) page += parts[random() % std::size(parts)];
    const std::string whole = branded(brand, page, page.size());
    const std::string split = branded(brand, page, 1 + random() % 50, 1 + random() % 20);
    CHECK(whole == split);
    CHECK(whole.find("</style>$") == std::string::npos);
  }
}

TEST_CASE("brand filter in an exchange: chunked where the length was known, same bytes for all") {
  const auto brand = brand_named("Rose", true);
  Scenario scenario{"page",
                    {{"", get("/")}, leave("</html><end>")},
                    {{{"\r\n\r\n", answer(kPage, "Content-Type: text/html; charset=utf-8\r\n")}}}};
  const TestSource::Make make = [&](FilterChain& chain) {
    chain.add(std::make_unique<BrandFilter>(brand));
  };
  for (const RunOptions& options :
       {RunOptions{}, RunOptions{.upstream = {{}, 1}}, RunOptions{.client_room = 3},
        RunOptions{.upstream = {{}, 11}, .client_room = 13}}) {
    FilterRig f(scenario, options, make);
    f.rig.play();
    CHECK(f.client().find("<chunked>" + kBranded + "<end>") != std::string::npos);
    CHECK(f.client().find("Content-Length") == std::string::npos);
    f.finish();
  }
}
