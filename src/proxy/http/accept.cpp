#include "proxy/http/accept.hpp"

#include <algorithm>
#include <optional>

#include "base/quality.hpp"

namespace marquee::proxy {
namespace {

constexpr std::size_t kMaxRead = 2048;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal(std::string_view any_case, std::string_view lower_case) {
  return any_case.size() == lower_case.size() &&
         std::equal(any_case.begin(), any_case.end(), lower_case.begin(),
                    [](char a, char b) { return lower(a) == b; });
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// What stands before the next `separator` outside a quoted string.
std::string_view next_part(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      break;
    }
  }
  i = std::min(i, rest.size());
  const std::string_view part = rest.substr(0, i);
  rest.remove_prefix(std::min(rest.size(), i + 1));
  return trim(part);
}

MatchLevel level_of(std::string_view range, std::string_view type, std::string_view subtype) {
  const std::size_t slash = range.find('/');
  if (slash == std::string_view::npos) return MatchLevel::none;
  const std::string_view range_type = range.substr(0, slash);
  const std::string_view range_subtype = range.substr(slash + 1);
  if (range_type == "*") return range_subtype == "*" ? MatchLevel::any : MatchLevel::none;
  if (!equal(range_type, type)) return MatchLevel::none;
  if (range_subtype == "*") return MatchLevel::type;
  return equal(range_subtype, subtype) ? MatchLevel::exact : MatchLevel::none;
}

}  // namespace

MediaMatch match_media(std::string_view accept, std::string_view type, std::string_view subtype) {
  std::string_view rest = accept.substr(0, kMaxRead);
  MediaMatch best;
  while (!rest.empty()) {
    std::string_view element = next_part(rest, ',');
    const MatchLevel level = level_of(next_part(element, ';'), type, subtype);
    std::optional<unsigned> quality = 1000;
    while (!element.empty()) {
      const std::string_view parameter = next_part(element, ';');
      if (parameter.size() >= 2 && lower(parameter[0]) == 'q' && parameter[1] == '=') {
        quality = base::parse_quality(parameter.substr(2));
        break;
      }
    }
    if (level == MatchLevel::none || !quality) continue;
    if (level > best.level || (level == best.level && *quality > best.quality)) {
      best = {*quality, level};
    }
  }
  return best;
}

ErrorFormat choose_error_format(std::string_view accept, std::string_view sec_fetch_dest) {
  const MediaMatch html = match_media(accept, "text", "html");
  const bool page = sec_fetch_dest == "document" || sec_fetch_dest == "iframe" ||
                    sec_fetch_dest == "frame" || sec_fetch_dest == "embed" ||
                    sec_fetch_dest == "object";
  const bool refused = html.level != MatchLevel::none && html.quality == 0;
  if (page && !refused) return ErrorFormat::html;
  if (html.quality == 0 || html.level == MatchLevel::any) return ErrorFormat::problem_json;
  const MediaMatch problem = match_media(accept, "application", "problem+json");
  const MediaMatch plain = match_media(accept, "application", "json");
  for (const MediaMatch& json : {problem, plain}) {
    if (json.quality > html.quality) return ErrorFormat::problem_json;
    if (json.quality == html.quality && json.level > html.level) return ErrorFormat::problem_json;
  }
  return ErrorFormat::html;
}

}  // namespace marquee::proxy
