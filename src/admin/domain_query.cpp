#include "admin/domain_query.hpp"

#include <algorithm>
#include <charconv>

namespace marquee::admin {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kMostCursor = 512;
constexpr std::size_t kMostText = 255;  // of a part of a name

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += kAlphabet[(bits >> (held - 6)) & 63];
  }
  if (held > 0) out += kAlphabet[(bits << (6 - held)) & 63];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>((bits >> held) & 255);
    }
  }
  return out;
}

std::string joined(std::initializer_list<std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

Problem wrong(std::string field, std::string detail) {
  return {400, std::move(detail), std::move(field), {}};
}

std::optional<routing::RecordKind> kind_of(std::string_view text) {
  using routing::RecordKind;
  for (const RecordKind kind : {RecordKind::module_domain, RecordKind::site_domain,
                                RecordKind::site_subdomain, RecordKind::redirect})
    if (name(kind) == text) return kind;
  return std::nullopt;
}

// As rows have it; a wildcard with its star.
std::optional<std::string> normalised_name(std::string_view text) {
  const bool wildcard = text.starts_with("*.");
  const auto parsed = wildcard ? base::parse_wildcard(text) : base::parse_hostname(text);
  if (!parsed || parsed.port >= 0) return std::nullopt;
  return (wildcard ? "*." : "") + parsed.name->string();
}

std::optional<Problem> take(const QueryField& field, ListRequest& out) {
  const auto& [key, value] = field;
  routing::ListQuery& query = out.query;
  if (key == "limit") {
    const char* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, query.limit);
    if (read.ec != std::errc() || read.ptr != end || query.limit < 1 || query.limit > 1000)
      return wrong(key, "limit is a number from 1 to 1000.");
  } else if (key == "cursor") {
    const auto cursor = parse_cursor(value);
    if (!cursor)
      return wrong(key, "This is no cursor; give \"next\" of the page before, or leave it out.");
    out.from = *cursor;
  } else if (key == "source") {
    if (value == name(DomainSource::settings))
      out.source = DomainSource::settings;
    else if (value == name(DomainSource::directory))
      out.source = DomainSource::directory;
    else
      return wrong(key, "source is settings or directory.");
  } else if (key == "kind") {
    query.kind = kind_of(value);
    if (!query.kind)
      return wrong(key, "kind is module_domain, site_domain, site_subdomain or redirect.");
  } else if (key == "status") {
    query.status = routing::parse_domain_status(value);
    if (query.status == routing::DomainStatus::unknown)
      return wrong(key,
                   "status is pending, verifying, verified, provisioning, active, failed, expired "
                   "or disabled.");
  } else if (key == "host") {
    const auto host = normalised_name(value);
    if (!host)
      return wrong(key,
                   "host is a whole name such as shop.example or *.shop.example; for a part "
                   "of it use prefix or contains.");
    query.name = *host;
  } else if (key == "prefix" || key == "contains") {
    const bool ascii =
        std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (value.empty() || value.size() > kMostText || !ascii)
      return wrong(key, key + " is a part of a name as it is stored: 1 to 255 ASCII characters.");
    (key == "prefix" ? query.prefix : query.contains) = value;
  } else {
    if (!base::AgencyId::parse(value))
      return wrong(key, key + " " + std::string(base::kIdRule) + ".");
    (key == "agency"   ? query.agency
     : key == "client" ? query.client
     : key == "site"   ? query.site
                       : query.installation) = value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(DomainSource source) {
  return source == DomainSource::settings ? "settings" : "directory";
}

std::string show_cursor(const Cursor& cursor) {
  return base64url((cursor.source == DomainSource::settings ? "s" : "d") + cursor.inner);
}

std::optional<Cursor> parse_cursor(std::string_view text) {
  if (text.empty() || text.size() > kMostCursor) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->empty() || (bytes->front() != 's' && bytes->front() != 'd'))
    return std::nullopt;
  return Cursor{bytes->front() == 's' ? DomainSource::settings : DomainSource::directory,
                bytes->substr(1)};
}

std::variant<std::vector<QueryField>, Problem> parse_query(
    std::string_view query, std::initializer_list<std::string_view> known) {
  std::vector<QueryField> out;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string raw(equals < pair.size() ? pair.substr(equals + 1) : "");
    std::replace(raw.begin(), raw.end(), '+', ' ');
    const auto key = percent_decoded(pair.substr(0, equals));
    auto value = percent_decoded(raw);
    if (!key || std::find(known.begin(), known.end(), *key) == known.end())
      return wrong(key.value_or(""),
                   "There is no such parameter here; there are " + joined(known) + ".");
    if (!value) return wrong(*key, *key + " is not percent-encoded as it should be.");
    if (std::any_of(out.begin(), out.end(), [&](const QueryField& f) { return f.name == *key; }))
      return wrong(*key, *key + " stands twice; give it once.");
    out.push_back({*key, *std::move(value)});
  }
  return out;
}

std::variant<ListRequest, Problem> parse_list_request(std::string_view query) {
  auto fields =
      parse_query(query, {"limit", "cursor", "source", "kind", "status", "agency", "client", "site",
                          "installation", "host", "prefix", "contains"});
  if (auto* const problem = std::get_if<Problem>(&fields)) return *std::move(problem);
  ListRequest out;
  for (const QueryField& field : std::get<0>(fields))
    if (auto problem = take(field, out)) return *std::move(problem);
  return out;
}

}  // namespace marquee::admin
