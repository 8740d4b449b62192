// Brands one HTML page while its bytes flow. Pure; constant memory: at most one
// tag (64 KiB) is held back, or 256 bytes of text, and kept are the list of open
// elements and a copy of bytes that went on unread (html_skimmer.hpp).
//
// What it changes is one table of rules (html_rules.cpp) and the insertion at
// the end of the head: where </head> stands, or where a browser sees the head end.
// Every other byte passes as it came, and any split of a page gives the same bytes.
// Where it cannot know what a browser makes of a page (OpenElements says so) it
// stops and lets the rest pass.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "brand/brand.hpp"
#include "brand/html_elements.hpp"
#include "brand/html_head.hpp"
#include "brand/html_skimmer.hpp"
#include "brand/html_tokenizer.hpp"

namespace marquee::brand {

// Takes all that it is given; the views are valid during the call. Per feed() that
// is at most the bytes fed, what was held (max_tag), and the plan's insertions.
class ByteSink {
 public:
  virtual void write(std::string_view bytes) = 0;

 protected:
  ~ByteSink() = default;
};

struct RewriteOptions {
  std::size_t max_tag = HtmlTokenizer::kMaxTag;
  bool scripting = true;  // visitors run JavaScript: <noscript> holds text
};

class HtmlRewriter {
 public:
  // The plan outlives the rewriter.
  explicit HtmlRewriter(const BrandPlan& plan, RewriteOptions options = {});

  void feed(std::string_view bytes, ByteSink& out);
  // The same, but once nothing more will change it stops: returns how many bytes it
  // took. The caller passes the rest on, and all that comes behind it.
  std::size_t take(std::string_view bytes, ByteSink& out);
  // The page is complete: what is held goes out. Not to be called for a page that
  // broke off.
  void finish(ByteSink& out);

  // Nothing more will change: from here on bytes may pass beside the rewriter.
  bool passing() const { return passing_; }

 private:
  void run(std::string_view bytes, ByteSink& out);
  void read(std::string_view bytes, bool skims);
  void begin_skimming(bool& again);
  bool skim(std::string_view bytes, bool searched);
  void catch_up(std::string_view bytes);
  bool passes(const Token& token);
  void pass_plain();
  bool text_passes(std::string_view text);
  void judge_text(std::string_view piece);
  void end_text();
  void on_token(const Token& token);
  void on_text(const Token& token);
  void on_start(const Token& token);
  void on_end(const Token& token);
  void on_end_of_page();
  void brand_tag(const Token& token, std::size_t depth, bool pushed, bool in_head);
  bool head_rule_drops(const Token& token) const;
  bool may_be_branding(std::string_view tag);
  const char* first_needle(const char* from, const char* end) const;
  const char* next_needle(const char* from);
  bool is_branding(const Token& token, bool& strip) const;
  void keep_without_attributes(const Token& token);
  void insert_head();
  void end_title();

  void keep(std::string_view bytes);
  void insert(std::string_view bytes);
  void flush();
  bool removing() const { return removed_ != kNone; }

  static constexpr std::size_t kNone = ~std::size_t{0};
  enum class Title : std::uint8_t { none, open, done };
  // Of the text since the last tag or comment: it may be one that is to go, or not.
  enum class Text : std::uint8_t { fresh, held, kept };

  const BrandPlan* plan_;
  HtmlTokenizer tokenizer_;
  HtmlSkimmer skimmer_;
  OpenElements elements_;
  HeadTracker head_;
  ByteSink* out_ = nullptr;
  const char* run_ = nullptr;  // kept, not written yet: [run_, run_end_)
  const char* run_end_ = nullptr;
  std::string_view chunk_;        // what feed() was given
  const char* needle_ = nullptr;  // the next place in the chunk where one stands
  std::size_t removed_ = kNone;   // index of the element that is being removed
  std::uint16_t name_escaped_ = 0;
  std::uint16_t name_plain_ = 0;
  std::uint8_t bom_ = 0;  // bytes of a byte order mark seen; 3: the page has begun
  Title title_ = Title::none;
  Text text_ = Text::fresh;
  std::string held_text_;     // kMaxTextNode bytes at most
  bool title_named_ = false;  // it holds the brand's name
  bool title_empty_ = true;
  bool inserted_ = false;
  bool keep_pieces_ = true;  // of the opaque tag that is passing
  bool passing_ = false;
};

}  // namespace marquee::brand
