#include "brand/charset.hpp"

#include <algorithm>

#include "brand/html_attributes.hpp"
#include "brand/html_head.hpp"
#include "brand/html_tokenizer.hpp"
#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

// charset=LABEL, as in a meta's content: "text/html; charset=x" (WHATWG HTML
// 2.4.4). Empty without one.
std::string_view charset_in(std::string_view s) {
  constexpr std::string_view name = "charset";
  for (std::size_t at = s.find('='); at != s.npos; at = s.find('=', at + 1)) {
    std::string_view before = s.substr(0, at);
    while (!before.empty() && is_space(before.back())) before.remove_suffix(1);
    if (before.size() < name.size() ||
        !equal_ignoring_case(before.substr(before.size() - name.size()), name))
      continue;
    const std::string_view rest = trimmed(s.substr(at + 1));
    if (rest.empty()) return {};
    if (rest.front() == '"' || rest.front() == '\'') {
      const std::size_t close = rest.find(rest.front(), 1);
      return close == std::string_view::npos ? std::string_view() : rest.substr(1, close - 1);
    }
    return rest.substr(0, rest.find_first_of("; \t\r\n\f"));
  }
  return {};
}

CharsetVerdict verdict(bool compatible) {
  return compatible ? CharsetVerdict::compatible : CharsetVerdict::foreign;
}

bool may_become_mark(std::string_view first) {
  for (const std::string_view mark : {"\xEF\xBB\xBF", "\xFE\xFF", "\xFF\xFE"})
    if (first.size() < mark.size() && mark.starts_with(first)) return true;
  return false;
}

// How what is in the element is read, with scripts on.
ContentModel content_of(TagKey key, std::uint32_t traits) {
  if (key == tag_key("script")) return ContentModel::script;
  if (traits & kRcdata) return ContentModel::rcdata;
  return traits & kRawtext || key == tag_key("noscript") ? ContentModel::rawtext
                                                         : ContentModel::data;
}

// The label that a meta tag declares; empty if it declares none.
std::string_view charset_of(const Token& meta) {
  Attribute a;
  if (find_attribute(meta, "charset", a) && !trimmed(a.value).empty()) return trimmed(a.value);
  Attribute content;
  if (find_attribute(meta, "http-equiv", a) && equal_ignoring_case(a.value, "content-type") &&
      find_attribute(meta, "content", content))
    return charset_in(content.value);
  return {};
}

}  // namespace

bool ascii_compatible(std::string_view label) {
  label = trimmed(label);
  constexpr std::string_view exact[] = {"utf-8",
                                        "utf8",
                                        "unicode-1-1-utf-8",
                                        "unicode11utf8",
                                        "unicode20utf8",
                                        "x-unicode20utf8",
                                        "latin1",
                                        "latin2",
                                        "latin3",
                                        "latin4",
                                        "latin5",
                                        "latin6",
                                        "l1",
                                        "l2",
                                        "l3",
                                        "l4",
                                        "l5",
                                        "l6",
                                        "l9",
                                        "ascii",
                                        "us-ascii",
                                        "ansi_x3.4-1968"};
  for (const std::string_view name : exact)
    if (equal_ignoring_case(label, name)) return true;
  for (const std::string_view family : {"windows-125", "cp125", "x-cp125"}) {
    if (label.size() == family.size() + 1 &&
        equal_ignoring_case(label.substr(0, family.size()), family))
      return label.back() >= '0' && label.back() <= '8';
  }
  for (std::string_view family : {"iso-8859-", "iso8859-", "iso_8859-", "iso8859"}) {
    if (!equal_ignoring_case(label.substr(0, family.size()), family)) continue;
    const std::string_view part = label.substr(family.size());
    if (equal_ignoring_case(part, "8-i") || equal_ignoring_case(part, "8-e") ||
        equal_ignoring_case(part, "6-i") || equal_ignoring_case(part, "6-e"))
      return true;
    if (part.empty() || part.size() > 2 ||
        !std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return false;
    const int number = part.size() == 1 ? part[0] - '0' : (part[0] - '0') * 10 + part[1] - '0';
    return number >= 1 && number <= 16;
  }
  return false;
}

CharsetVerdict judge_content_type(std::string_view content_type) {
  for (const std::string_view usual : {"text/html; charset=utf-8", "text/html; charset=UTF-8",
                                       "text/html;charset=utf-8", "text/html;charset=UTF-8"})
    if (content_type == usual) return CharsetVerdict::compatible;
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (!equal_ignoring_case(type, "text/html")) return CharsetVerdict::foreign;
  const std::string_view declared = charset_in(content_type);
  return declared.empty() ? CharsetVerdict::need_more : verdict(ascii_compatible(declared));
}

CharsetVerdict judge_charset(std::string_view content_type, std::string_view first, bool whole) {
  const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
  if (!equal_ignoring_case(type, "text/html")) return CharsetVerdict::foreign;
  return judge_first_bytes(judge_content_type(content_type), first, whole);
}

CharsetVerdict judge_first_bytes(CharsetVerdict declared, std::string_view first, bool whole) {
  whole = whole || first.size() >= kPrescan;
  if (!whole && may_become_mark(first)) return CharsetVerdict::need_more;
  if (first.starts_with("\xFE\xFF") || first.starts_with("\xFF\xFE"))
    return CharsetVerdict::foreign;
  if (first.starts_with("\xEF\xBB\xBF")) return CharsetVerdict::compatible;
  if (declared != CharsetVerdict::need_more) return declared;

  first = first.substr(0, kPrescan);
  // ISO-2022 and its like shift with this byte; undeclared, a browser may guess so.
  if (first.find('\x1B') != std::string_view::npos) return CharsetVerdict::foreign;
  HtmlTokenizer tokenizer(kPrescan);
  tokenizer.feed(first);
  // The prescan reads tags wherever they stand, in scripts and titles as well, but
  // not in comments.
  for (Token token; tokenizer.next(token);) {
    if (token.kind != TokenKind::start_tag || token.key != tag_key("meta") || token.opaque)
      continue;
    const std::string_view label = charset_of(token);
    if (label.empty()) continue;
    // A <meta> that can be read is not UTF-16, whatever it says.
    if (equal_ignoring_case(label.substr(0, 6), "utf-16") ||
        equal_ignoring_case(label, "x-user-defined"))
      return CharsetVerdict::compatible;
    return verdict(ascii_compatible(label));
  }
  return whole ? CharsetVerdict::compatible : CharsetVerdict::need_more;
}

bool head_is_over(std::string_view first) {
  if (may_become_mark(first)) return false;
  HtmlTokenizer tokenizer(kPrescan);
  tokenizer.feed(first);
  HeadTracker head;
  for (Token token; head.open() && tokenizer.next(token);) {
    if (token.kind == TokenKind::text && token.model == ContentModel::data) {
      head.on_text(token.raw);
    } else if (token.kind == TokenKind::end_tag) {
      head.on_end(token.key, true);
    } else if (token.kind == TokenKind::start_tag) {
      const std::uint32_t traits = html_traits(token.key);
      head.on_start(token.key, traits, true);
      if (const ContentModel model = content_of(token.key, traits); model != ContentModel::data)
        tokenizer.set_content(model, token.name);
    }
  }
  return !head.open();
}

}  // namespace marquee::brand
