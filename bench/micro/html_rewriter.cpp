// HTML tokenized and branded: pages of 64 KiB, fed as a proxy reads them, in
// pieces of 16 KiB. Instructions per page, whatever the machine does besides:
//
//   valgrind --tool=callgrind --toggle-collect='*tokenize(benchmark::State&)'
//     --callgrind-out-file=/dev/null bench_html_rewriter
//     --benchmark_filter=tokenize/2 --benchmark_min_time=0.000000001
//
// (one pass over the page; likewise *brand_and_remove(benchmark::State&)).
#include "brand/html_rewriter.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "brand/html_elements.hpp"
#include "brand/html_tokenizer.hpp"
#include "brand/html_traits.hpp"

namespace {

using namespace marquee::brand;

constexpr std::size_t kPage = std::size_t{64} << 10;
constexpr std::size_t kPiece = std::size_t{16} << 10;

constexpr std::string_view head =
    "<!doctype html><html lang=en><head><meta charset=utf-8><title>Menu of the day</title>"
    "<link rel=\"icon\" href=\"/favicon.ico\"><link rel=\"stylesheet\" href=\"/site.css\">"
    "<script>window.started = performance.now(); if (1 < 2) console.log('<head>');</script>"
    "</head><body class=\"page\">";

// Paragraphs of prose, 800 bytes between two tags.
std::string text_page() {
  std::string page(head);
  while (page.size() < kPage) {
    page += "<p>";
    for (int i = 0; i < 16; ++i) page += "The bread of the day is baked before the sun is up. ";
    page += "</p>\n";
  }
  return page;
}

// A list of cards as frameworks write them: few letters between many tags.
std::string tag_page() {
  std::string page(head);
  for (int i = 0; page.size() < kPage; ++i) {
    const std::string n = std::to_string(i);
    page +=
        "<li class=\"card card--wide\" data-id=\"" + n + "\"><a href=\"/menu/" + n +
        "\" class=\"card__link\"><img src=\"/img/" + n +
        ".webp\" alt=\"\" width=320 height=200 loading=\"lazy\"><span class=\"card__name\">Rye " +
        n + "</span><b>4.20</b></a></li>\n";
  }
  return page;
}

// Nothing but short tags: the worst there is.
std::string dense_page() {
  std::string page(head);
  while (page.size() < kPage) page += "<td><b>1</b><i>2</i></td>";
  return page;
}

// Made before anything is measured.
const std::string pages[] = {text_page(), tag_page(), dense_page()};

// The same with something to remove at their end.
std::string marked(const std::string& page) {
  return page + "<p class=dramac-branding>x</p></body></html>";
}
const std::string marked_pages[] = {marked(pages[0]), marked(pages[1]), marked(pages[2])};

const std::string& page_of(std::int64_t kind) { return pages[kind]; }

const char* name_of(std::int64_t kind) { return kind == 0 ? "text" : kind == 1 ? "tags" : "dense"; }

void tokenize(benchmark::State& state) {
  const std::string& page = page_of(state.range(0));
  std::size_t tokens = 0;
  for (auto _ : state) {
    HtmlTokenizer tokenizer;
    Token token;
    for (std::size_t at = 0; at < page.size(); at += kPiece) {
      tokenizer.feed(std::string_view(page).substr(at, kPiece));
      while (tokenizer.next(token)) {
        ++tokens;
        if (token.kind == TokenKind::start_tag && token.key == tag_key("script"))
          tokenizer.set_content(ContentModel::script, token.name);
      }
    }
  }
  benchmark::DoNotOptimize(tokens);
  state.SetLabel(name_of(state.range(0)));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * page.size()));
}

struct CountingSink final : ByteSink {
  void write(std::string_view bytes) override { size += bytes.size(); }
  std::size_t size = 0;
};

void rewrite(benchmark::State& state, const BrandPlan& plan, const std::string& page) {
  CountingSink sink;
  for (auto _ : state) {
    HtmlRewriter rewriter(plan);
    for (std::size_t at = 0; at < page.size(); at += kPiece)
      rewriter.feed(std::string_view(page).substr(at, kPiece), sink);
    rewriter.finish(sink);
  }
  benchmark::DoNotOptimize(sink.size);
  state.SetLabel(name_of(state.range(0)));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * page.size()));
}

Brand bakery() {
  Brand brand;
  brand.name = "Bakery";
  brand.favicon_url = "/brand/icon.png";
  brand.logo_url = "https://cdn.example/logo.svg";
  brand.stylesheet_path = "/.marquee/brand/0123456789abcdef.css";
  return brand;
}

void brand_head(benchmark::State& state) {
  rewrite(state, BrandPlan(bakery()), page_of(state.range(0)));
}

Brand remover() {
  Brand brand = bakery();
  brand.removed_classes = {"dramac-branding"};
  brand.removed_attributes = {"data-dramac-branding"};
  brand.removed_texts = {"powered by dramac"};
  return brand;
}

void brand_and_remove(benchmark::State& state) {
  rewrite(state, BrandPlan(remover()), page_of(state.range(0)));
}

// There is something at the page's end: all in front of it must be read.
void brand_and_find(benchmark::State& state) {
  rewrite(state, BrandPlan(remover()), marked_pages[state.range(0)]);
}

BENCHMARK(tokenize)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(brand_head)->Arg(0)->Arg(1);
BENCHMARK(brand_and_remove)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(brand_and_find)->Arg(0)->Arg(1)->Arg(2);

}  // namespace
