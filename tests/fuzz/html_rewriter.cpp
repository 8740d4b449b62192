// A page, branded: every split gives the same bytes; nothing to do changes nothing;
// what is inserted stands once, where a tag may stand, in the only head that a
// browser sees; what is not removed is all there, in its order.
#include "brand/html_rewriter.hpp"

#include <algorithm>
#include <string>

#include "brand/html_attributes.hpp"
#include "brand/html_traits.hpp"
#include "input.hpp"

using namespace marquee::brand;

namespace {

struct StringSink final : ByteSink {
  void write(std::string_view bytes) override {
    require(!bytes.empty());
    out += bytes;
  }
  std::string out;
};

std::string rewrite(const BrandPlan& plan, std::string_view page, std::size_t piece) {
  // Small tags are overlong already.
  HtmlRewriter rewriter(plan, {HtmlTokenizer::kLeastMaxTag, true});
  StringSink sink;
  for (std::size_t at = 0; at < page.size(); at += piece) {
    // A copy that dies: views that live too long are seen by ASan.
    const std::string bytes(page.substr(at, piece));
    rewriter.feed(bytes, sink);
  }
  rewriter.finish(sink);
  return sink.out;
}

constexpr std::string_view kMark = "<meta name=\"brand-logo\" content=\"/\x01\">";

// Where a browser sees kMark: how often as a tag in its head, by a second reading of
// the branded page.
std::size_t marks_in_head(std::string_view page) {
  HtmlTokenizer tokenizer(HtmlTokenizer::kLeastMaxTag);
  OpenElements elements;
  HeadTracker head;
  std::size_t marks = 0;
  if (page.starts_with("\xEF\xBB\xBF")) page.remove_prefix(3);
  tokenizer.feed(page);
  tokenizer.finish();
  Token token;
  while (tokenizer.next(token) && head.phase() != HeadPhase::over) {
    if (token.kind == TokenKind::text && token.model == ContentModel::data) head.on_text(token.raw);
    if (token.kind == TokenKind::end_tag && token.first) {
      const auto end = elements.on_end(token, html_traits(token.key));
      head.on_end(token.key, !end.foreign);
      tokenizer.set_cdata(elements.foreign());
    }
    if (token.kind != TokenKind::start_tag || !token.first) continue;
    const auto start = elements.on_start(token, html_traits(token.key));
    head.on_start(token.key, html_traits(token.key), !start.foreign);
    if (start.model != ContentModel::data) tokenizer.set_content(start.model, token.name);
    tokenizer.set_cdata(elements.foreign());
    if (token.raw == kMark && head.open() && !head.in_template()) ++marks;
  }
  return marks;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size())
    ++n;
  return n;
}

// `part` is `all` with bytes left out.
bool left_out_of(std::string_view part, std::string_view all) {
  std::size_t at = 0;
  for (const char c : all)
    if (at < part.size() && part[at] == c) ++at;
  return at == part.size();
}

// Where an attribute is cut out, a space may come in.
std::string without_spaces(std::string_view text) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), ' '), out.end());
  return out;
}

void attributes_end_with_the_tag(std::string_view page) {
  HtmlTokenizer tokenizer(HtmlTokenizer::kLeastMaxTag);
  tokenizer.feed(page);
  Token token;
  std::size_t bytes = 0;
  while (tokenizer.next(token)) {
    bytes += token.raw.size();
    if ((token.kind != TokenKind::start_tag && token.kind != TokenKind::end_tag) || token.opaque)
      continue;
    AttributeReader reader(token);
    Attribute attribute;
    while (reader.next(attribute)) require(attribute.begin < attribute.end);
    require(reader.position() == token.raw.size() - 1);
  }
  tokenizer.finish();
  while (tokenizer.next(token)) bytes += token.raw.size();
  require(bytes == page.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BrandPlan nothing;
  static const BrandPlan insertion = [] {
    BrandPlan plan;
    plan.head = kMark;
    return plan;
  }();
  static const BrandPlan all = [] {
    Brand brand;
    brand.name = "Brand";
    brand.favicon_url = "/icon";
    brand.removed_classes = {"x"};
    brand.removed_texts = {"x y"};
    brand.removed_attributes = {"data-x"};
    BrandPlan plan(brand);
    plan.head += kMark;
    plan.replaces_logo = true;
    return plan;
  }();

  static const BrandPlan removal = [] {
    Brand brand;
    brand.removed_classes = {"x"};
    brand.removed_texts = {"x y"};
    brand.removed_attributes = {"data-x"};
    return BrandPlan(brand);
  }();

  // The same, but it reads all.
  static const BrandPlan reading = [] {
    BrandPlan plan = removal;
    plan.skims = false;
    return plan;
  }();

  const Input in(data, size);
  const std::size_t whole = in.bytes.size() + 1;
  attributes_end_with_the_tag(in.bytes);
  require(rewrite(nothing, in.bytes, in.piece) == in.bytes);
  if (in.bytes.find(kMark) != std::string_view::npos) return 0;

  std::string out = rewrite(insertion, in.bytes, whole);
  require(out == rewrite(insertion, in.bytes, in.piece));
  const std::size_t marks = count(out, kMark);
  require(marks <= 1 && marks_in_head(out) == marks);
  if (marks == 1) out.erase(out.find(kMark), kMark.size());
  require(out == in.bytes);

  out = rewrite(all, in.bytes, whole);
  require(out == rewrite(all, in.bytes, in.piece));
  require(count(out, kMark) == marks && count(out, all.title_suffix) <= 1 + count(in.bytes, "|"));

  out = rewrite(removal, in.bytes, whole);
  require(out == rewrite(removal, in.bytes, in.piece));
  require(out == rewrite(reading, in.bytes, 1));
  require(left_out_of(without_spaces(out), without_spaces(in.bytes)));
  return 0;
}
