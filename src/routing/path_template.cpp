#include "routing/path_template.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/suggest.hpp"

namespace marquee::routing {
namespace {

constexpr std::array kVariables{Variable::installation_id, Variable::module_id, Variable::site_id,
                                Variable::client_id,       Variable::agency_id, Variable::host,
                                Variable::label,           Variable::path};

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_hex(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9');
}
bool is_unreserved(char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
// pchar and "/" of RFC 3986 section 3.3, but for "%".
bool is_path_byte(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/").find(c) != std::string_view::npos;
}

std::string_view bad_literal(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '?' || text[i] == '#') {
      return "has a `?` or `#`; the visitor's query is kept by itself, write the path only";
    }
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (!encoded && !is_path_byte(text[i])) {
      return "has a character that no path may have; write it as %XX";
    }
  }
  return {};
}

std::string unknown_variable(std::string_view word) {
  std::vector<std::string_view> names;
  std::string known;
  for (const Variable v : kVariables) {
    names.push_back(name(v));
    known += (known.empty() ? "{" : ", {") + std::string(name(v)) + "}";
  }
  const std::string_view close = base::did_you_mean(word, names);
  std::string error = "has no variable {" + std::string(word) + "}";
  if (!close.empty()) error += "; did you mean {" + std::string(close) + "}?";
  return error + (close.empty() ? "; known are " : " Known are ") + known;
}

// "%2e" and the like: three bytes that stand for `lower` (in lower case).
bool encodes(std::string_view path, std::size_t at, char high, char lower) {
  return path.size() - at >= 3 && path[at] == '%' && path[at + 1] == high &&
         (path[at + 2] | 0x20) == lower;
}

// Bytes at which a separator may begin.
constexpr std::array<bool, 256> kMayEnd = [] {
  std::array<bool, 256> t{};
  t['/'] = t['\\'] = t['%'] = true;
  return t;
}();

// Length of a separator between path segments at `at`; 0 if there is none.
std::size_t separator(std::string_view path, std::size_t at) {
  if (path[at] == '/' || path[at] == '\\') return 1;
  return encodes(path, at, '2', 'f') || encodes(path, at, '5', 'c') ? 3 : 0;
}

}  // namespace

std::string_view name(Variable variable) {
  switch (variable) {
    case Variable::none:
      return "";
    case Variable::installation_id:
      return "installation_id";
    case Variable::module_id:
      return "module_id";
    case Variable::site_id:
      return "site_id";
    case Variable::client_id:
      return "client_id";
    case Variable::agency_id:
      return "agency_id";
    case Variable::host:
      return "host";
    case Variable::label:
      return "label";
    case Variable::path:
      return "path";
  }
  return "";
}

std::string_view TemplateIds::get(Variable variable) const {
  switch (variable) {
    case Variable::installation_id:
      return installation_id;
    case Variable::module_id:
      return module_id;
    case Variable::site_id:
      return site_id;
    case Variable::client_id:
      return client_id;
    case Variable::agency_id:
      return agency_id;
    default:
      return {};
  }
}

bool climbs(std::string_view path) {
  std::size_t i = 0;
  while (i < path.size()) {
    std::size_t dots = 0;
    while (i < path.size()) {
      const std::size_t dot = path[i] == '.' ? 1 : encodes(path, i, '2', 'e') ? 3 : 0;
      if (dot == 0) break;
      ++dots;
      i += dot;
    }
    if (dots == 2 && (i == path.size() || path[i] == ';' || separator(path, i) != 0)) return true;
    std::size_t gap = 0;
    for (; i < path.size() && gap == 0; i += gap == 0 ? 1 : gap) {
      while (i < path.size() && !kMayEnd[static_cast<unsigned char>(path[i])]) ++i;
      if (i == path.size()) break;
      gap = separator(path, i);
    }
  }
  return false;
}

void PathTemplate::append_literal(std::string_view text) {
  if (text.empty()) return;
  if (pieces_.empty() || pieces_.back().variable != Variable::none) pieces_.emplace_back();
  pieces_.back().literal += text;
}

PathTemplate::Compiled PathTemplate::compile(std::string_view text) {
  const auto refuse = [](std::string_view why) { return Compiled{std::nullopt, std::string(why)}; };
  PathTemplate result;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto open = rest.find_first_of("{}");
    const std::string_view literal = rest.substr(0, open);
    if (const auto why = bad_literal(literal); !why.empty()) return refuse(why);
    result.append_literal(literal);
    if (open == std::string_view::npos) break;
    const auto close = rest.find_first_of("{}", open + 1);
    if (rest[open] == '}' || close == std::string_view::npos || rest[close] == '{') {
      return refuse("has a brace without its partner; write variables as {path}");
    }
    const std::string_view word = rest.substr(open + 1, close - open - 1);
    const auto known = std::find_if(kVariables.begin(), kVariables.end(),
                                    [&](Variable v) { return name(v) == word; });
    if (known == kVariables.end()) return refuse(unknown_variable(word));
    if (*known == Variable::path && literal.ends_with('/')) {
      return refuse("has a slash before {path}, which brings its own; leave that slash out");
    }
    if (*known == Variable::path && result.uses(Variable::path)) {
      return refuse("has {path} twice; write it once");
    }
    result.pieces_.push_back({*known, {}});
    rest.remove_prefix(close + 1);
  }
  const bool rooted = !result.pieces_.empty() && (result.pieces_[0].variable == Variable::path ||
                                                  result.pieces_[0].literal.starts_with('/'));
  if (!rooted) return refuse("must begin with / or {path}, such as /site/{host}{path}");
  if (climbs(text)) return refuse("has a `..` segment; write the path without it");
  return {std::move(result), {}};
}

bool PathTemplate::uses(Variable variable) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [&](const Piece& p) { return p.variable == variable; });
}

PathTemplate PathTemplate::bound(const TemplateIds& ids) const {
  PathTemplate result;
  for (const Piece& piece : pieces_) {
    if (piece.variable == Variable::none) {
      result.append_literal(piece.literal);
    } else if (piece.variable >= Variable::host) {
      result.pieces_.push_back(piece);
    } else {
      std::string encoded;
      for (const char c : ids.get(piece.variable)) {
        constexpr char hex[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (is_unreserved(c)) {
          encoded += c;
        } else {
          encoded += {'%', hex[byte >> 4], hex[byte & 15]};
        }
      }
      result.append_literal(encoded);
    }
  }
  return result;
}

Expanded PathTemplate::expand(std::string_view host, std::string_view target,
                              std::span<char> out) const {
  if (!target.starts_with('/')) return {Expansion::not_origin_form, {}};
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(path.size());
  if (!is_identity() && climbs(path)) return {Expansion::climbs, {}};
  std::size_t size = 0;
  const auto append = [&](std::string_view text) {
    if (text.size() > out.size() - size) return false;
    if (!text.empty()) std::memcpy(out.data() + size, text.data(), text.size());
    size += text.size();
    return true;
  };
  for (const Piece& piece : pieces_) {
    std::string_view text = piece.literal;
    if (piece.variable == Variable::path) text = path;
    if (piece.variable == Variable::host) text = host;
    if (piece.variable == Variable::label) text = host.substr(0, host.find('.'));
    if (!append(text)) return {Expansion::too_small, {}};
  }
  if (!append(query)) return {Expansion::too_small, {}};
  return {Expansion::ok, {out.data(), size}};
}

}  // namespace marquee::routing
