// Feeds pages in pieces and writes down what comes out.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "brand/html_attributes.hpp"
#include "brand/html_rewriter.hpp"
#include "brand/html_tokenizer.hpp"

namespace marquee::brand::testing {

// The content model of an element in an HTML body, by its name alone.
inline void set_model(HtmlTokenizer& tokenizer, const Token& token) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(token.name, name); };
  if (is("script")) tokenizer.set_content(ContentModel::script, token.name);
  if (is("title") || is("textarea")) tokenizer.set_content(ContentModel::rcdata, token.name);
  if (is("style") || is("xmp") || is("iframe") || is("noembed") || is("noframes"))
    tokenizer.set_content(ContentModel::rawtext, token.name);
  if (is("plaintext")) tokenizer.set_content(ContentModel::plaintext);
}

// One line per token: S<name|attr=value|...>, E<name>, T:text, C:comment ...
class TokenWriter {
 public:
  void add(const Token& t) {
    raw += t.raw;
    const char letter = "TSECBD[U"[static_cast<int>(t.kind)];
    const bool tag = t.kind == TokenKind::start_tag || t.kind == TokenKind::end_tag;
    if (tag && t.first) {
      line(std::string(1, letter) + '<' + lower(t.name));
      if (!t.opaque && t.key != key_of_name(t.name)) lines.back() += " with a wrong key";
      if (t.opaque) {
        lines.back() += " opaque";
      } else {
        Attribute a;
        AttributeReader reader(t);
        while (reader.next(a)) lines.back().append("|").append(a.name).append("=").append(a.value);
        if (t.self_closing) lines.back() += "/";
      }
    }
    if (tag && t.last) lines.back() += ">";
    if (tag) return void(kind_ = t.kind);
    const bool joins = !lines.empty() && kind_ == t.kind && (t.kind == TokenKind::text || !t.first);
    if (!joins) line(std::string(1, letter) + ":");
    lines.back() += t.raw;
    if (t.last && t.kind != TokenKind::text && t.kind != TokenKind::unfinished) lines.back() += ".";
    kind_ = t.kind;
  }
  std::string joined() const {
    std::string all;
    for (const std::string& l : lines) all += l + "\n";
    return all;
  }
  std::vector<std::string> lines;
  std::string raw;

 private:
  static std::string lower(std::string_view s) {
    std::string out;
    for (const char c : s) out.push_back(to_lower(c));
    return out;
  }
  void line(std::string text) { lines.push_back(std::move(text)); }
  TokenKind kind_ = TokenKind::unfinished;
};

// `pieces` are the lengths; the last one repeats. A copy of each piece is fed and
// then destroyed, so that views that live too long are seen by the sanitizers.
template <typename Feed>
void in_pieces(std::string_view page, const std::vector<std::size_t>& pieces, Feed feed) {
  std::size_t at = 0;
  for (std::size_t i = 0; at < page.size(); ++i) {
    const std::size_t want = pieces[i < pieces.size() ? i : pieces.size() - 1];
    const std::vector<char> piece(
        page.begin() + static_cast<std::ptrdiff_t>(at),
        page.begin() + static_cast<std::ptrdiff_t>(std::min(page.size(), at + want)));
    feed(std::string_view(piece.data(), piece.size()));
    at += piece.size();
  }
}

inline std::string tokens(std::string_view page, const std::vector<std::size_t>& pieces,
                          ContentModel model = ContentModel::data, std::string_view name = {},
                          bool cdata = false, std::size_t max_tag = HtmlTokenizer::kMaxTag) {
  HtmlTokenizer tokenizer(max_tag);
  if (model != ContentModel::data) tokenizer.set_content(model, name);
  tokenizer.set_cdata(cdata);
  TokenWriter writer;
  Token token;
  const auto drain = [&] {
    while (tokenizer.next(token)) {
      writer.add(token);
      if (token.kind == TokenKind::start_tag && token.first) set_model(tokenizer, token);
    }
  };
  in_pieces(page, pieces, [&](std::string_view piece) {
    tokenizer.feed(piece);
    drain();
  });
  tokenizer.feed({});
  tokenizer.finish();
  drain();
  if (writer.raw != page) return "bytes are lost: " + writer.raw;
  return writer.joined();
}

struct StringSink final : ByteSink {
  void write(std::string_view bytes) override { out += bytes; }
  std::string out;
};

inline std::string rewrite(const BrandPlan& plan, std::string_view page,
                           const std::vector<std::size_t>& pieces = {~std::size_t{0} >> 1},
                           RewriteOptions options = {}) {
  HtmlRewriter rewriter(plan, options);
  StringSink sink;
  in_pieces(page, pieces, [&](std::string_view piece) { rewriter.feed(piece, sink); });
  rewriter.finish(sink);
  return sink.out;
}

// Whole, byte by byte, and split at every place; the whole's result, or a sentence.
template <typename Run>
std::string at_every_split(std::string_view page, Run run) {
  const std::string whole = run(std::vector<std::size_t>{page.size() + 1});
  if (run(std::vector<std::size_t>{1}) != whole) return "byte by byte it differs";
  for (std::size_t i = 1; i < page.size(); ++i)
    if (run(std::vector<std::size_t>{i, page.size()}) != whole)
      return "split at " + std::to_string(i) + " it differs";
  return whole;
}

}  // namespace marquee::brand::testing
