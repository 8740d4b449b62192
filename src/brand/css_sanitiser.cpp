#include "brand/css_sanitiser.hpp"

#include <algorithm>

#include "brand/css_tokenizer.hpp"
#include "brand/html_token.hpp"
#include "brand/safe_url.hpp"

namespace marquee::brand {
namespace {

constexpr std::string_view kBlockRules[] = {
    "media",     "supports", "keyframes", "-webkit-keyframes", "font-face",      "layer",
    "container", "page",     "property",  "counter-style",     "starting-style", "scope"};
constexpr std::string_view kStatementRules[] = {"layer"};
constexpr std::string_view kBadProperties[] = {"behavior", "behaviour", "-ms-behavior",
                                               "-moz-binding", "-webkit-user-modify"};
constexpr std::string_view kBadFunctions[] = {"expression", "src",    "url-prefix",
                                              "domain",     "regexp", "document"};
// Strings in these are URLs.
constexpr std::string_view kUrlFunctions[] = {"image-set", "-webkit-image-set", "image",
                                              "cross-fade", "-webkit-cross-fade"};
// In those, text may come from elsewhere.
constexpr std::string_view kIndirect[] = {"var", "env", "attr", "if"};
constexpr std::string_view kDataTypes[] = {"image/png;",  "image/jpeg;", "image/gif;",
                                           "image/webp;", "image/avif;", "font/woff2;",
                                           "font/woff;",  "font/ttf;",   "font/otf;"};

template <std::size_t N>
bool one_of(std::string_view text, const std::string_view (&list)[N]) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view entry) { return equal_ignoring_case(text, entry); });
}

bool is_delim(const CssToken& t, char c) { return t.kind == CssKind::delim && t.text[0] == c; }

// A unit that would be read as an exponent: "e5" (it was written with an escape).
bool exponent_like(std::string_view unit) {
  return unit.size() > 1 && to_lower(unit[0]) == 'e' && (unit[1] == '-' || !is_alpha(unit[1]));
}

// data:TYPE;base64,DATA and nothing else: neither SVG nor text.
bool picture_or_font(std::string_view data) {
  constexpr std::string_view base64 = "base64,";
  for (const std::string_view type : kDataTypes) {
    if (!equal_ignoring_case(data.substr(0, type.size()), type)) continue;
    const std::string_view rest = data.substr(type.size());
    if (!equal_ignoring_case(rest.substr(0, base64.size()), base64)) return false;
    const std::string_view body = rest.substr(base64.size());
    return std::all_of(body.begin(), body.end(), [](char c) {
      return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
    });
  }
  return false;
}

class Sanitiser {
 public:
  Sanitiser(std::string_view css, const CssPolicy& policy) : tokens_(css), policy_(&policy) {}

  SanitisedCss run() {
    advance();
    while (token_.kind != CssKind::end) {
      block(0);
      if (token_.kind != CssKind::end) advance();  // a stray }
    }
    return std::move(result_);
  }

 private:
  struct Statement {
    std::string text;
    std::string name;  // the first token's, in lower case
    CssKind kind = CssKind::end;
    bool colon = false;   // it stands right behind the name
    bool custom = false;  // --name: ...
    bool bad = false;
  };

  void advance() { tokens_.next(token_); }
  void block(std::size_t depth);
  void read(Statement& s);
  void add(Statement& s);
  void add_function(Statement& s);
  void end_statement(const Statement& s, std::size_t depth);
  void begin_block(const Statement& s, std::size_t depth);
  void skip_block();
  bool add_url(Statement& s, std::string_view url);

  CssTokenizer tokens_;
  const CssPolicy* policy_;
  CssToken token_;
  std::vector<std::string> open_;  // functions and brackets of the statement
  bool after_less_ = false;
  SanitisedCss result_;
};

// What stands in a block (or at the top): statements until its '}', or the end.
void Sanitiser::block(std::size_t depth) {
  while (true) {
    while (token_.kind == CssKind::space || token_.kind == CssKind::comment ||
           is_delim(token_, ';'))
      advance();
    if (token_.kind == CssKind::end || is_delim(token_, '}')) return;
    Statement s;
    read(s);
    if (is_delim(token_, '{'))
      begin_block(s, depth);
    else
      end_statement(s, depth);
  }
}

// Up to, and without, the ';', '{' or '}' that ends it. One of these inside of
// parentheses ends it as well, and spoils it.
void Sanitiser::read(Statement& s) {
  open_.clear();
  after_less_ = false;
  for (bool first = true; token_.kind != CssKind::end; first = false) {
    if (is_delim(token_, ';') || is_delim(token_, '{') || is_delim(token_, '}')) break;
    if (first) {
      s.kind = token_.kind;
      for (const char c : token_.text) s.name.push_back(to_lower(c));
    } else if (!s.colon && s.text.find_first_not_of(' ') != std::string::npos &&
               is_delim(token_, ':')) {
      std::string name;
      append_css_name(name, s.name);
      std::string_view before = s.text;
      while (before.ends_with(' ')) before.remove_suffix(1);
      while (name.ends_with(' ')) name.pop_back();
      s.colon = s.kind == CssKind::ident && equal_ignoring_case(before, name);
    }
    add(s);
    advance();
  }
  if (!open_.empty()) s.bad = true;
  s.custom = s.colon && s.name.starts_with("--");
  while (!s.text.empty() && s.text.back() == ' ') s.text.pop_back();
}

void Sanitiser::add(Statement& s) {
  if (after_less_ && !is_delim(token_, '=') && token_.kind != CssKind::space) s.text.push_back(' ');
  after_less_ = false;
  switch (token_.kind) {
    case CssKind::space:
      // Also behind a space that ends an escape.
      s.text.push_back(' ');
      return;
    case CssKind::comment:
      s.text += "/**/";
      return;
    case CssKind::ident:
      if (equal_ignoring_case(token_.text, "progid")) s.bad = true;
      return append_css_name(s.text, token_.text);
    case CssKind::at_keyword:
      s.text.push_back('@');
      if (s.text.size() > 1) s.bad = true;  // only in front
      return append_css_name(s.text, token_.text);
    case CssKind::hash:
      s.text.push_back('#');
      // Digits may stand in front here: as they are, they make a colour.
      if (std::all_of(token_.text.begin(), token_.text.end(),
                      [](char c) { return is_alpha(c) || (c >= '0' && c <= '9'); }))
        s.text += token_.text;
      else
        append_css_name(s.text, token_.text);
      return;
    case CssKind::string: {
      const bool url = std::any_of(open_.begin(), open_.end(),
                                   [](const std::string& f) { return one_of(f, kUrlFunctions); });
      const bool plain = !open_.empty() && (open_.back() == "type" || open_.back() == "format");
      if (url && !plain && !css_url_allowed(token_.text, *policy_)) s.bad = true;
      s.text.push_back('"');
      append_css_string(s.text, token_.text);
      s.text.push_back('"');
      return;
    }
    case CssKind::url:
      if (!add_url(s, token_.text)) s.bad = true;
      return;
    case CssKind::number:
      s.text += token_.text;
      if (token_.unit == "%")
        s.text += token_.unit;
      else if (exponent_like(token_.unit))
        append_css_name(s.text.append("\\65 "), std::string_view(token_.unit).substr(1));
      else
        append_css_name(s.text, token_.unit);
      return;
    case CssKind::function:
      return add_function(s);
    case CssKind::delim:
      break;
    case CssKind::bad:
    case CssKind::end:
      s.bad = true;
      return;
  }
  const char c = token_.text[0];
  if (c == '(' || c == '[') open_.emplace_back(1, c);
  if (c == ')' || c == ']') {
    const bool bracket = !open_.empty() && open_.back() == "[";
    if (open_.empty() || bracket != (c == ']'))
      s.bad = true;
    else
      open_.pop_back();
  }
  if (c == '\\' || c == '@') s.bad = true;
  after_less_ = c == '<';
  s.text.push_back(c);
}

void Sanitiser::add_function(Statement& s) {
  std::string name;
  for (const char c : token_.text) name.push_back(to_lower(c));
  if (one_of(name, kBadFunctions)) s.bad = true;
  const bool in_url = std::any_of(open_.begin(), open_.end(),
                                  [](const std::string& f) { return one_of(f, kUrlFunctions); });
  if (in_url && one_of(name, kIndirect)) s.bad = true;
  if (name != "url") {
    append_css_name(s.text, token_.text);
    s.text.push_back('(');
    open_.push_back(std::move(name));
    return;
  }
  // url("..."): a string, and no modifiers.
  advance();
  while (token_.kind == CssKind::space) advance();
  const bool allowed = token_.kind == CssKind::string && add_url(s, token_.text);
  advance();
  while (token_.kind == CssKind::space) advance();
  if (!allowed || !is_delim(token_, ')')) {
    s.bad = true;
    // Its end is somewhere behind: as with any function.
    if (!is_delim(token_, ')')) open_.push_back(std::move(name));
  }
}

bool Sanitiser::add_url(Statement& s, std::string_view url) {
  if (!css_url_allowed(url, *policy_)) return false;
  s.text += "url(\"";
  append_css_string(s.text, url);
  s.text += "\")";
  return true;
}

void Sanitiser::end_statement(const Statement& s, std::size_t depth) {
  const bool statement = s.kind == CssKind::at_keyword && one_of(s.name, kStatementRules);
  const bool declaration = depth > 0 && s.colon && !one_of(s.name, kBadProperties);
  if (s.bad || (!statement && !declaration)) {
    ++result_.dropped;
    return;
  }
  result_.css.append(s.text).push_back(';');
}

void Sanitiser::begin_block(const Statement& s, std::size_t depth) {
  const bool at = s.kind == CssKind::at_keyword;
  advance();
  if (s.bad || s.custom || s.text.empty() || depth + 1 > kMaxCssDepth ||
      (at && !one_of(s.name, kBlockRules))) {
    ++result_.dropped;
    return skip_block();
  }
  result_.css.append(s.text).push_back('{');
  block(depth + 1);
  result_.css.push_back('}');
  if (token_.kind != CssKind::end) advance();
}

// Behind its '}': what is in it does not come back.
void Sanitiser::skip_block() {
  for (std::size_t open = 1; open > 0 && token_.kind != CssKind::end; advance()) {
    if (is_delim(token_, '{')) ++open;
    if (is_delim(token_, '}')) --open;
  }
}

}  // namespace

bool css_url_allowed(std::string_view url, const CssPolicy& policy) {
  constexpr std::string_view data = "data:";
  while (!url.empty() && is_space(url.front())) url.remove_prefix(1);
  while (!url.empty() && is_space(url.back())) url.remove_suffix(1);
  if (equal_ignoring_case(url.substr(0, data.size()), data))
    return picture_or_font(url.substr(data.size()));
  if (!url.empty() && url.front() == '#') return url.size() <= kMaxUrl;
  const auto safe = safe_url(url);
  if (!safe) return false;
  std::string host;
  for (const char c : url_host(*safe)) host.push_back(to_lower(c));
  return host.empty() ||
         std::find(policy.hosts.begin(), policy.hosts.end(), host) != policy.hosts.end();
}

SanitisedCss sanitise_css(std::string_view css, const CssPolicy& policy) {
  if (css.size() > policy.max_bytes) {
    SanitisedCss refused;
    refused.too_large = true;
    return refused;
  }
  const std::string clean = clean_css(css);
  return Sanitiser(clean, policy).run();
}

SanitisedCss brand_stylesheet(const Brand& brand, std::string_view custom_css,
                              const CssPolicy& policy) {
  SanitisedCss sheet = sanitise_css(custom_css, policy);
  sheet.css += colour_variables(brand);
  return sheet;
}

}  // namespace marquee::brand
