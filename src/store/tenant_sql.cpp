#include "store/tenant_sql.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/uuid.hpp"
#include "routing/domain_record.hpp"

namespace marquee::store {
namespace {

using identity::TenantFacts;
using identity::TenantKey;
using identity::TenantQuestion;

constexpr std::size_t kMostTexts = 64;  // of a list in one column

std::string cut(std::string_view column, std::size_t most = 300) {
  return "substr(CAST(" + std::string(column) + " AS text), 1, " + std::to_string(most) + ")";
}

// text[] of PostgreSQL, or JSON already.
std::string list(const Dialect& dialect, std::string_view column) {
  const std::string c(column);
  return dialect.postgres ? "CAST(array_to_json(" + c + ") AS text)" : cut(column, 8192);
}

std::string id(const Dialect& dialect, std::string_view parameter) {
  const std::string p(parameter);
  return dialect.postgres ? "CAST(" + p + " AS uuid)" : p;
}

std::string text(const TenantRow& row, std::size_t i) {
  return i < row.size() && row[i] ? std::string(*row[i]) : std::string();
}

// "t", "true", "1"; NULL and anything else is `otherwise`.
bool flag(const TenantRow& row, std::size_t i, bool otherwise) {
  const std::string value = text(row, i);
  if (value == "t" || value == "true" || value == "1") return true;
  if (value == "f" || value == "false" || value == "0") return false;
  return otherwise;
}

std::uint32_t number(const TenantRow& row, std::size_t i, std::uint32_t otherwise) {
  const std::string value = text(row, i);
  std::uint32_t out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  return error == std::errc() && end == value.data() + value.size() ? out : otherwise;
}

// Nothing: it cannot be read.
std::optional<std::vector<std::string>> texts(const TenantRow& row, std::size_t i) {
  std::vector<std::string> out;
  const std::string value = text(row, i);
  if (value.empty()) return out;
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(value, error);
  const boost::json::array* const array = error ? nullptr : parsed.if_array();
  if (!array || array->size() > kMostTexts) return std::nullopt;
  for (const boost::json::value& item : *array) {
    const boost::json::string* const one = item.if_string();
    if (!one || one->size() > 300) return std::nullopt;
    out.emplace_back(one->c_str(), one->size());
  }
  return out;
}

// A site or agency that is not there, or that this role may not see, may be one that
// is switched off.
identity::Installation installation_of(const TenantRow& row) {
  identity::Installation out;
  out.id = text(row, 0);
  out.agency = text(row, 3);
  out.enabled = flag(row, 1, true) && !out.agency.empty();
  out.published = flag(row, 2, false);
  out.agency_status = routing::bounded_state(text(row, 4));
  out.subscription_status = routing::bounded_state(text(row, 5));
  return out;
}

std::string upper(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return s;
}

}  // namespace

bool is_uuid(std::string_view text) { return base::is_uuid(text); }

std::string tenant_sql(const Dialect& d, TenantQuestion question) {
  const auto table = [&d](std::string_view name) {
    return std::string(d.tables) + std::string(name);
  };
  const std::string most = " LIMIT " + std::to_string(identity::kMostFacts);
  switch (question) {
    case TenantQuestion::memberships:
      return "SELECT " + cut("m.agency_id") + ", " + cut("m.role") + ", " + cut("a.status") +
             " FROM " + table("agency_members") + " m JOIN " + table("agencies") +
             " a ON a.id = m.agency_id WHERE m.user_id = " + id(d, "$1") + " ORDER BY m.agency_id" +
             most;
    case TenantQuestion::site:
      return "SELECT " + cut("id") + ", " + cut("agency_id") + ", " + cut("client_id") + " FROM " +
             table("sites") + " WHERE id = " + id(d, "$1");
    case TenantQuestion::origins:
      return "SELECT " + cut("domain") + ", " + cut("allow_api") + ", " + cut("allow_embed") +
             ", coalesce(" + cut("rate_limit") + ", '1000') FROM " +
             table("module_allowed_domains") + " WHERE site_id = " + id(d, "$1") +
             " AND module_id = " + id(d, "$2") + " AND verified ORDER BY domain" + most;
    case TenantQuestion::installation:
      return "SELECT " + cut("i.id") + ", " + cut("i.is_enabled") + ", " + cut("s.published") +
             ", " + cut("a.id") + ", " + cut("a.status") + ", " + cut("a.subscription_status") +
             " FROM " + table("site_module_installations") + " i LEFT JOIN " + table("sites") +
             " s ON s.id = i.site_id LEFT JOIN " + table("agencies") +
             " a ON a.id = s.agency_id WHERE i.site_id = " + id(d, "$1") +
             " AND i.module_id = " + id(d, "$2");
    case TenantQuestion::api_routes:
      return "SELECT " + cut("id") + ", " + cut("path") + ", " + cut("method") + ", " +
             cut("requires_auth") + ", " + cut("is_active") + ", " + list(d, "required_scopes") +
             ", " + cut("rate_limit_per_minute") + ", " + cut("cache_ttl_seconds") + " FROM " +
             table("module_api_routes") + " WHERE module_id = " + id(d, "$1") +
             " ORDER BY path, method" + most;
  }
  return {};
}

std::vector<std::optional<std::string>> tenant_parameters(const TenantKey& key) {
  const bool two =
      key.question == TenantQuestion::origins || key.question == TenantQuestion::installation;
  if (two) return {key.first, key.second};
  return {key.first};
}

bool may_have_rows(bool uuids, const TenantKey& key) {
  if (key.first.empty() || key.first.size() > 300) return false;
  if (!uuids) return true;
  const bool two = tenant_parameters(key).size() == 2;
  return is_uuid(key.first) && (!two || is_uuid(key.second));
}

void add_tenant_row(TenantQuestion question, const TenantRow& row, TenantFacts& facts) {
  switch (question) {
    case TenantQuestion::memberships:
      facts.memberships.push_back(
          {text(row, 0), text(row, 1), routing::bounded_state(text(row, 2))});
      return;
    case TenantQuestion::site:
      facts.site = identity::TenantSite{text(row, 0), text(row, 1), text(row, 2)};
      return;
    case TenantQuestion::origins:
      facts.origins.push_back(
          {text(row, 0), flag(row, 1, false), flag(row, 2, false), number(row, 3, 0)});
      return;
    case TenantQuestion::installation:
      facts.installation = installation_of(row);
      return;
    case TenantQuestion::api_routes: {
      identity::ApiRoute route;
      route.id = text(row, 0);
      route.path = text(row, 1);
      route.method = upper(text(row, 2));
      route.requires_auth = flag(row, 3, true);
      const auto scopes = texts(row, 5);
      // Scopes that cannot be read nobody has.
      route.active = flag(row, 4, true) && scopes;
      if (scopes) route.scopes = *scopes;
      route.per_minute = number(row, 6, 0);
      route.cache_seconds = number(row, 7, 0);
      facts.routes.push_back(std::move(route));
      return;
    }
  }
}

}  // namespace marquee::store
