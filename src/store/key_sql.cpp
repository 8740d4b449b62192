#include "store/key_sql.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

namespace marquee::store {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostList = 32u << 10;        // bytes of one column
constexpr std::int64_t kMostLimit = 1'000'000'000;  // of requests; more is as good as that

std::string text_at(const KeyColumns& row, std::size_t i) {
  return i < row.size() && row[i] ? std::string(*row[i]) : std::string();
}

// "t" and "1", as the databases write it.
bool truth_at(const KeyColumns& row, std::size_t i) {
  const std::string text = text_at(row, i);
  return text == "t" || text == "1" || text == "true";
}

// A JSON list of texts. NULL is an empty one; anything else breaks the row.
std::vector<std::string> list_at(const KeyColumns& row, std::size_t i, bool& broken) {
  std::vector<std::string> out;
  const std::string text = text_at(row, i);
  if (text.empty()) return out;
  boost::system::error_code ec;
  json::parse_options options;
  options.max_depth = 2;
  const json::value value =
      text.size() <= kMostList ? json::parse(text, ec, {}, options) : json::value();
  const json::array* list = ec ? nullptr : value.if_array();
  if (!list && !(!ec && value.is_null() && text.size() <= kMostList)) broken = true;
  if (!list) return out;
  if (list->size() > identity::kMostRestrictions) broken = true;
  for (const json::value& entry : *list) {
    const json::string* word = entry.if_string();
    if (!word || word->empty() || word->size() > 512) {
      broken = true;
      return out;
    }
    out.emplace_back(word->data(), word->size());
  }
  return out;
}

std::vector<base::Cidr> networks_at(const KeyColumns& row, std::size_t i, bool& broken) {
  std::vector<base::Cidr> out;
  for (const std::string& text : list_at(row, i, broken)) {
    if (const auto network = base::Cidr::parse(text))
      out.push_back(*network);
    else
      broken = true;
  }
  return out;
}

// Seconds since 1970, and whether there is a time at all: one that cannot be read is
// a restriction that nobody knows.
std::optional<std::chrono::sys_seconds> time_at(const KeyColumns& row, std::size_t i,
                                                bool& broken) {
  if (!truth_at(row, i + 1)) return std::nullopt;
  const std::string text = text_at(row, i);
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    broken = true;
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

// A limit of requests; 0 or less: none. What cannot be read is a restriction that
// nobody knows.
std::uint32_t limit_at(const KeyColumns& row, std::size_t i, bool& broken) {
  const std::string text = text_at(row, i);
  std::int64_t limit = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) broken = true;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(limit, 0, kMostLimit));
}

// NULL is what the platform takes it for.
std::string limit_columns() {
  return "coalesce(rate_limit_per_minute, 60), coalesce(rate_limit_per_day, 10000)";
}

std::string time_columns(bool postgres, const std::string& column) {
  const std::string there = "(" + column + " IS NOT NULL)";
  if (postgres)
    return "CASE WHEN isfinite(" + column + ") THEN CAST(floor(extract(epoch FROM " + column +
           ")) AS bigint) END, " + "coalesce(" + column + " <> 'infinity', false)";
  return "CAST(strftime('%s', " + column + ") AS INTEGER), " + there;
}

std::string list_column(bool postgres, const std::string& column) {
  return postgres ? "CAST(to_json(" + column + ") AS text)" : column;
}

// Columns that rows of keys of both kinds begin with, in this order; what is a kind's
// own comes behind them.
constexpr std::size_t kOwn = 10;

void read_shared(const KeyColumns& row, identity::KeyRecord& out) {
  out.id = text_at(row, 0);
  out.hash = text_at(row, 1);
  out.module = text_at(row, 2);
  out.site = text_at(row, 3);
  out.agency = text_at(row, 4);
  out.scopes = list_at(row, 5, out.broken);
  out.addresses = networks_at(row, 6, out.broken);
  out.active = truth_at(row, 7);
  out.per_minute = limit_at(row, 8, out.broken);
  out.per_day = limit_at(row, 9, out.broken);
  out.broken |= out.id.empty();
}

}  // namespace

std::string api_key_sql(bool postgres) {
  return "SELECT id, key_hash, module_id, site_id, agency_id, " + list_column(postgres, "scopes") +
         ", " + list_column(postgres, "allowed_ips") + ", is_active, " + limit_columns() + ", " +
         list_column(postgres, "allowed_origins") + ", (revoked_at IS NOT NULL), " +
         time_columns(postgres, "expires_at") + " FROM " + (postgres ? "public." : "") +
         "module_api_keys WHERE key_hash = $1 LIMIT 1";
}

// In PostgreSQL a function of Marquee's reads them, so that the nodes' role sees hashes.
std::string consumer_sql(bool postgres) {
  const std::string columns =
      " consumer_id, key_hash, module_id, site_id, agency_id, scopes, allowed_ips, is_active, " +
      limit_columns() + ", allowed_endpoints";
  if (postgres) return "SELECT" + columns + " FROM marquee.api_consumer($1) LIMIT 1";
  return "SELECT" + columns +
         " FROM (SELECT c.id AS consumer_id, c.api_key AS key_hash, i.module_id, i.site_id, "
         "s.agency_id, c.scopes, coalesce(c.allowed_endpoints, '[\"*\"]') AS "
         "allowed_endpoints, c.allowed_ips, c.is_active, c.rate_limit_per_minute, "
         "c.rate_limit_per_day FROM module_api_consumers c JOIN site_module_installations i ON "
         "i.id = c.site_module_installation_id JOIN sites s ON s.id = i.site_id "
         "WHERE substr(c.api_key, 1, 11) = $1 LIMIT 16)";
}

std::string embed_token_sql(bool postgres) {
  return "SELECT token_hash, module_id, site_id, " + list_column(postgres, "allowed_domains") +
         ", is_revoked, " + time_columns(postgres, "expires_at") + " FROM " +
         (postgres ? "public." : "") +
         "module_embed_tokens WHERE site_id = " + (postgres ? "CAST($1 AS uuid)" : "$1") +
         " AND module_id = " + (postgres ? "CAST($2 AS uuid)" : "$2") + " LIMIT 1";
}

identity::ApiKeyRecord make_api_key(const KeyColumns& row) {
  identity::ApiKeyRecord out;
  read_shared(row, out);
  out.origins = list_at(row, kOwn, out.broken);
  out.revoked = truth_at(row, kOwn + 1);
  out.expires_at = time_at(row, kOwn + 2, out.broken);
  return out;
}

identity::ConsumerRecord make_consumer(const KeyColumns& row) {
  identity::ConsumerRecord out;
  read_shared(row, out);
  out.endpoints = list_at(row, kOwn, out.broken);
  return out;
}

identity::EmbedTokenRecord make_embed_token(const KeyColumns& row) {
  identity::EmbedTokenRecord out;
  out.hash = text_at(row, 0);
  out.module = text_at(row, 1);
  out.site = text_at(row, 2);
  out.domains = list_at(row, 3, out.broken);
  out.revoked = truth_at(row, 4);
  out.expires_at = time_at(row, 5, out.broken);
  return out;
}

}  // namespace marquee::store
