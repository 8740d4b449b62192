#include "proxy/http/head_parser.hpp"

#include <cstring>

namespace marquee::proxy::http {
namespace {

bool is_ows(char c) { return c == ' ' || c == '\t'; }

// "HTTP/d.d" -> minor; 0xff: no version at all, 0xfe: another major version.
std::uint8_t minor_of(std::string_view v) {
  if (v.size() != 8 || std::memcmp(v.data(), "HTTP/", 5) != 0 || v[6] != '.') return 0xff;
  if (v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9') return 0xff;
  if (v[5] != '1') return 0xfe;
  return static_cast<std::uint8_t>(v[7] - '0');
}

// Splits an absolute-form target; false when it is none.
bool split_absolute(std::string_view target, RequestHead& into) {
  std::size_t skip = 0;
  if (target.size() > 7 && iequals(target.substr(0, 7), "http://"))
    skip = 7;
  else if (target.size() > 8 && iequals(target.substr(0, 8), "https://"))
    skip = 8;
  else
    return false;
  const std::string_view rest = target.substr(skip);
  const std::size_t end = rest.find_first_of("/?");
  into.authority = rest.substr(0, end);
  if (into.authority.empty() || into.authority.find('@') != std::string_view::npos) return false;
  into.path = end == std::string_view::npos ? std::string_view("/") : rest.substr(end);
  into.form = TargetForm::absolute;
  return true;
}

Refusal parse_target(std::string_view target, RequestHead& into) {
  into.target = target;
  if (!is_target(target)) return Refusal::bad_target;
  if (target.front() == '/') {
    into.form = TargetForm::origin;
    into.path = target;
    return Refusal::none;
  }
  if (target == "*") {
    into.form = TargetForm::asterisk;
    into.path = target;
    return into.method == Method::options ? Refusal::none : Refusal::bad_target;
  }
  if (into.method == Method::connect) {
    into.form = TargetForm::authority;
    return Refusal::none;
  }
  return split_absolute(target, into) ? Refusal::none : Refusal::bad_target;
}

// method SP request-target SP HTTP-version (RFC 9112 3), single spaces only.
Refusal parse_request_line(std::string_view line, const HeadLimits& limits, RequestHead& into) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return line.size() > limits.target + 64 ? Refusal::target_too_long : Refusal::bad_request_line;
  }
  into.method_name = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (into.method_name.size() > 32 || !is_token(into.method_name)) return Refusal::bad_method;
  into.minor = minor_of(line.substr(last + 1));
  if (into.minor == 0xff) return Refusal::bad_version;
  if (into.minor == 0xfe) return Refusal::unsupported_version;
  // A higher minor version is spoken to as 1.1 (RFC 9110 2.5).
  if (into.minor > 1) into.minor = 1;
  if (target.size() > limits.target) return Refusal::target_too_long;
  if (target.empty()) return Refusal::bad_request_line;
  into.method = method_of(into.method_name);
  return parse_target(target, into);
}

// HTTP-version SP status-code [SP reason] (RFC 9112 4). The second space may
// be missing: many servers leave it out with an empty reason.
Refusal parse_status_line(std::string_view line, ResponseHead& into) {
  if (line.size() < 12 || line[8] != ' ') return Refusal::bad_status_line;
  into.minor = minor_of(line.substr(0, 8));
  if (into.minor >= 0xfe) return Refusal::bad_status_line;
  if (into.minor > 1) into.minor = 1;
  unsigned status = 0;
  for (char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return Refusal::bad_status_line;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100 || status > 599) return Refusal::bad_status_line;
  if (line.size() > 12 && line[12] != ' ') return Refusal::bad_status_line;
  into.status = static_cast<std::uint16_t>(status);
  into.reason = line.size() > 13 ? line.substr(13) : std::string_view{};
  return is_field_value(into.reason) ? Refusal::none : Refusal::bad_status_line;
}

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Not 0 where one of eight bytes may be a control character: < 0x20, or 0x7f.
std::uint64_t control_bytes(std::uint64_t w) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  constexpr std::uint64_t highs = 0x8080808080808080u;
  const std::uint64_t del = w ^ (ones * 0x7f);
  return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & highs;
}

// Of control characters.
bool only_tabs(std::string_view s) {
  for (const char c : s)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
  return true;
}

}  // namespace

bool is_token(std::string_view s) {
  if (s.empty()) return false;
  for (char c : s)
    if (c != '_' && token_fold[static_cast<unsigned char>(c)] == 0) return false;
  return true;
}

// Visible ASCII but '#': a fragment never travels (RFC 9112 3.2), and bytes
// above 0x7f are not a URI (RFC 3986 2). Eight bytes at a time.
bool is_target(std::string_view s) {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  constexpr std::uint64_t highs = 0x8080808080808080u;
  std::size_t i = 0;
  for (; i + 8 <= s.size(); i += 8) {
    std::uint64_t w;
    std::memcpy(&w, s.data() + i, 8);
    const std::uint64_t low = (w - ones * 0x21) & ~w;  // < 0x21
    const std::uint64_t del = w ^ (ones * 0x7f);       // == 0x7f -> zero byte
    const std::uint64_t hash = w ^ (ones * static_cast<unsigned char>('#'));
    const std::uint64_t bad = low | w | ((del - ones) & ~del) | ((hash - ones) & ~hash);
    if (bad & highs) return false;
  }
  for (; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c < 0x21 || c > 0x7e || c == '#') return false;
  }
  return true;
}

bool is_field_value(std::string_view s) {
  const std::size_t n = s.size();
  std::uint64_t controls = 0;
  if (n >= 8) {  // the last word overlaps the one before
    for (std::size_t i = 0; i + 8 < n; i += 8)
      controls |= control_bytes(load<std::uint64_t>(s.data() + i));
    controls |= control_bytes(load<std::uint64_t>(s.data() + n - 8));
  } else if (n >= 4) {
    const std::uint64_t last = load<std::uint32_t>(s.data() + n - 4);
    controls = control_bytes(load<std::uint32_t>(s.data()) | last << 32);
  } else {
    return only_tabs(s);
  }
  return controls == 0 || only_tabs(s);
}

Refusal parse_field_line(std::string_view line, Field& into) {
  if (is_ows(line.front())) return Refusal::folded_field;
  std::uint32_t hash = hash_start;
  std::size_t n = 0;
  bool twin = false;
  for (; n < line.size(); ++n) {
    const auto c = static_cast<unsigned char>(line[n]);
    const unsigned char folded = token_fold[c];
    if (folded == 0) break;
    twin |= c == '_';
    hash = hash_step(hash, folded);
  }
  if (n == 0 || n == line.size() || line[n] != ':') return Refusal::bad_field_name;
  std::size_t begin = n + 1;
  std::size_t end = line.size();
  while (begin < end && is_ows(line[begin])) ++begin;
  while (end > begin && is_ows(line[end - 1])) --end;
  into.name = line.substr(0, n);
  into.value = line.substr(begin, end - begin);
  into.id = identify(into.name, hash);
  into.twin = twin;
  into.dropped = false;
  return is_field_value(into.value) ? Refusal::none : Refusal::bad_field_value;
}

ParseState LineScanner::next(std::string_view buffer, std::string_view& line) {
  if (scan_ >= buffer.size()) return ParseState::more;
  const void* found = std::memchr(buffer.data() + scan_, '\n', buffer.size() - scan_);
  if (!found) {
    scan_ = buffer.size();
    return ParseState::more;
  }
  const auto lf = static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data());
  if (lf == line_ || buffer[lf - 1] != '\r') return ParseState::refused;
  line = buffer.substr(line_, lf - 1 - line_);
  line_ = scan_ = lf + 1;
  return ParseState::done;
}

ParseState HeadParser::refuse(Refusal r) {
  refusal_ = r;
  return ParseState::refused;
}

// What both kinds of head share; `start_line` judges the first line.
template <typename StartLine>
ParseState HeadParser::parse_lines(std::string_view buffer, FieldTable& fields,
                                   StartLine start_line) {
  std::string_view line;
  for (;;) {
    const ParseState found = scanner_.next(buffer, line);
    if (found == ParseState::refused) return refuse(Refusal::bare_line_feed);
    if (scanner_.consumed() > limits_.head) return refuse(Refusal::head_too_large);
    if (found == ParseState::more) {
      if (!started_ && limits_.target != 0 &&
          buffer.size() - scanner_.consumed() > limits_.target + 64u)
        return refuse(Refusal::target_too_long);
      return buffer.size() > limits_.head ? refuse(Refusal::head_too_large) : ParseState::more;
    }
    if (!started_) {
      const Refusal r = start_line(line);
      if (r != Refusal::none) return refuse(r);
      continue;
    }
    if (line.empty()) return ParseState::done;
    if (fields.size() >= limits_.fields || fields.full()) return refuse(Refusal::too_many_fields);
    Field field;
    const Refusal r = parse_field_line(line, field);
    if (r != Refusal::none) return refuse(r);
    fields.push(field);
  }
}

ParseState RequestHeadParser::parse(std::string_view buffer, RequestHead& into) {
  return parse_lines(buffer, into.fields, [&](std::string_view line) {
    // One empty line before the request line is forgiven (RFC 9112 2.2).
    if (line.empty() && !skipped_empty_) {
      skipped_empty_ = true;
      return Refusal::none;
    }
    started_ = true;
    return line.empty() ? Refusal::bad_request_line : parse_request_line(line, limits_, into);
  });
}

ParseState ResponseHeadParser::parse(std::string_view buffer, ResponseHead& into) {
  return parse_lines(buffer, into.fields, [&](std::string_view line) {
    started_ = true;
    return parse_status_line(line, into);
  });
}

}  // namespace marquee::proxy::http
