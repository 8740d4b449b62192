#include "store/domain_sql.hpp"

#include <boost/json.hpp>

namespace marquee::store {
namespace {

namespace json = boost::json;
using admin::DomainDraft;
using admin::StoredDomain;

std::optional<std::string> text_or_null(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}
json::value json_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

// A proof that was taken back and is given again; another one that holds stays.
constexpr std::string_view kProofAgain =
    "ON CONFLICT (record_kind, record_id, domain, owner) DO UPDATE SET method = 'operator', "
    "evidence = '{}', proven_at = excluded.proven_at, revoked_at = NULL WHERE ";

// A step of PostgreSQL's statements behind `d`, the rows that were written.
std::string postgres_vouch(const std::string& where) {
  return ", p AS (INSERT INTO marquee.proofs AS kept (record_kind, record_id, domain, owner, "
         "method) SELECT 'module_domain', CAST(d.id AS text), d.domain, "
         "CAST(d.site_module_installation_id AS text), 'operator' FROM d" +
         where + " " + std::string(kProofAgain) + "kept.revoked_at IS NOT NULL)";
}
constexpr std::string_view kPostgresWithdraw =
    ", p AS (UPDATE marquee.proofs AS kept SET revoked_at = now() FROM d WHERE kept.record_kind = "
    "'module_domain' AND kept.record_id = CAST(d.id AS text) AND kept.method = 'operator' AND "
    "kept.revoked_at IS NULL)";

class Parameters {
 public:
  explicit Parameters(bool postgres) : postgres_(postgres) {}
  // The next one, as this type of PostgreSQL's.
  std::string add(std::optional<std::string> value, std::string_view type = "text") {
    values_.push_back(std::move(value));
    const std::string number = "$" + std::to_string(values_.size());
    return postgres_ ? "CAST(" + number + " AS " + std::string(type) + ")" : number;
  }
  std::vector<std::optional<std::string>> take() { return std::move(values_); }

 private:
  bool postgres_;
  std::vector<std::optional<std::string>> values_;
};

// The row, and that it is as it was seen: compared as it was read.
std::string guard(const StoredDomain& seen, Parameters& parameters) {
  std::string sql = " WHERE d.id = " + parameters.add(seen.record.row, "uuid");
  const auto same = [&](const char* column, const std::optional<std::string>& value,
                        std::size_t most) {
    sql += " AND " + cut_column(column, most) + " IS NOT DISTINCT FROM " + parameters.add(value);
  };
  same("d.site_module_installation_id", seen.installation, kMostColumn);
  same("d.status", seen.status, kMostColumn);
  same("d.config", seen.config, kMostJson);
  same("d.white_label", seen.white_label, kMostJson);
  return sql;
}

}  // namespace

std::string facts_sql(const Dialect& dialect) {
  const auto table = [&dialect](std::string_view name) {
    return std::string(dialect.tables) + std::string(name);
  };
  const std::string source =
      dialect.postgres
          ? "jsonb_to_recordset(CAST($1 AS jsonb)) AS x(n int, host text, twin text, installation "
            "uuid, module uuid, site uuid, client uuid, agency uuid)"
          : "(SELECT $1 AS n, $2 AS host, $3 AS twin, $4 AS installation, $5 AS module, $6 AS "
            "site, "
            "$7 AS client, $8 AS agency) x";
  return "SELECT x.n, d.id, d.domain, d.site_module_installation_id, d.status, " +
         cut_column("d.config", kMostJson) + ", " + cut_column("d.white_label", kMostJson) +
         ", coalesce(i.id, j.id), coalesce(i.module_id, j.module_id), s.id, c.id, a.id, " +
         module_proven_sql(dialect) + " FROM " + source + " LEFT JOIN " +
         table("module_custom_domains") + " d ON d.domain IN (x.host, x.twin) LEFT JOIN " +
         table("site_module_installations") +
         " i ON i.id = coalesce(d.site_module_installation_id, x.installation) LEFT JOIN " +
         table("site_module_installations") +
         " j ON i.id IS NULL AND j.site_id = x.site AND j.module_id = x.module LEFT JOIN " +
         table("sites") + " s ON s.id = coalesce(i.site_id, j.site_id, x.site) LEFT JOIN " +
         table("clients") + " c ON c.id = coalesce(s.client_id, x.client) LEFT JOIN " +
         table("agencies") + " a ON a.id = coalesce(s.agency_id, c.agency_id, x.agency)";
}

std::vector<std::optional<std::string>> facts_parameters(const DomainDraft& draft) {
  return {"0",
          draft.host,
          text_or_null(twin_of(draft.host)),
          text_or_null(draft.installation),
          text_or_null(draft.module),
          text_or_null(draft.site),
          text_or_null(draft.client),
          text_or_null(draft.agency)};
}

std::string facts_json(const std::vector<DomainDraft>& drafts) {
  json::array rows;
  rows.reserve(drafts.size());
  for (const DomainDraft& draft : drafts)
    rows.push_back(json::object{{"n", rows.size()},
                                {"host", draft.host},
                                {"twin", json_or_null(twin_of(draft.host))},
                                {"installation", json_or_null(draft.installation)},
                                {"module", json_or_null(draft.module)},
                                {"site", json_or_null(draft.site)},
                                {"client", json_or_null(draft.client)},
                                {"agency", json_or_null(draft.agency)}});
  return json::serialize(rows);
}

void keep_fact(DraftFacts& kept, DraftFacts row, const std::string& host) {
  if (kept[Fact::domain_name] != host) kept = std::move(row);
}

std::vector<Statement> insertions(const PlannedDomain& p) {
  std::vector<Statement> out;
  if (p.make_agency)
    out.push_back(
        {"INSERT INTO agencies (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING", {p.agency}});
  if (p.make_client)
    out.push_back(
        {"INSERT INTO clients (id, agency_id, name) VALUES ($1, $2, $1) "
         "ON CONFLICT DO NOTHING",
         {p.client, p.agency}});
  if (p.make_site)
    out.push_back(
        {"INSERT INTO sites (id, client_id, agency_id, name, published) "
         "VALUES ($1, $2, $3, $1, 1) ON CONFLICT DO NOTHING",
         {p.site, p.client, p.agency}});
  if (p.make_installation)
    out.push_back(
        {"INSERT INTO site_module_installations (id, site_id, module_id) "
         "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
         {p.installation, p.site, p.module}});
  out.push_back(
      {"INSERT INTO module_custom_domains (id, site_module_installation_id, domain, "
       "status, config, white_label) VALUES ($1, $2, $3, $4, $5, $6)",
       {p.id, p.installation, p.host, p.status, p.config, p.white_label}});
  if (p.vouched) out.push_back(vouch_statement(p.id, true));
  return out;
}

Statement vouch_statement(const std::string& row, bool vouched) {
  if (!vouched)
    return {
        "UPDATE marquee_proofs SET revoked_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE "
        "record_kind = 'module_domain' AND record_id = $1 AND method = 'operator' AND "
        "revoked_at IS NULL",
        {row}};
  return {
      "INSERT INTO marquee_proofs (record_kind, record_id, domain, owner, method) SELECT "
      "'module_domain', d.id, d.domain, d.site_module_installation_id, 'operator' FROM "
      "module_custom_domains d WHERE d.id = $1 AND d.site_module_installation_id IS NOT NULL " +
          std::string(kProofAgain) + "marquee_proofs.revoked_at IS NOT NULL",
      {row}};
}

std::string insert_sql(const std::vector<PlannedDomain>& planned) {
  std::string sql =
      "WITH x AS (SELECT * FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS r(id uuid, host text, "
      "status text, config jsonb, white_label jsonb, installation uuid, module uuid, site uuid, "
      "client uuid, agency uuid, mi boolean, ms boolean, mc boolean, ma boolean, v boolean))";
  const auto any = [&planned](bool PlannedDomain::*flag) {
    for (const PlannedDomain& p : planned)
      if (p.*flag) return true;
    return false;
  };
  if (any(&PlannedDomain::make_agency))
    sql +=
        ", a AS (INSERT INTO public.agencies (id, name) SELECT agency, CAST(agency AS text) "
        "FROM x WHERE ma ON CONFLICT DO NOTHING)";
  if (any(&PlannedDomain::make_client))
    sql +=
        ", c AS (INSERT INTO public.clients (id, agency_id, name) SELECT client, agency, "
        "CAST(client AS text) FROM x WHERE mc ON CONFLICT DO NOTHING)";
  if (any(&PlannedDomain::make_site))
    sql +=
        ", s AS (INSERT INTO public.sites (id, client_id, agency_id, name, published) SELECT "
        "site, client, agency, CAST(site AS text), true FROM x WHERE ms ON CONFLICT DO NOTHING)";
  if (any(&PlannedDomain::make_installation))
    sql +=
        ", i AS (INSERT INTO public.site_module_installations (id, site_id, module_id) SELECT "
        "installation, site, module FROM x WHERE mi ON CONFLICT DO NOTHING)";
  return sql +
         ", d AS (INSERT INTO public.module_custom_domains (id, site_module_installation_id, "
         "domain, status, config, white_label) SELECT id, installation, host, status, config, "
         "white_label FROM x ON CONFLICT (domain) DO NOTHING RETURNING id, domain, "
         "site_module_installation_id)" +
         (any(&PlannedDomain::vouched) ? postgres_vouch(" JOIN x ON x.id = d.id WHERE x.v") : "") +
         " SELECT id FROM d";
}

std::string insert_json(const std::vector<PlannedDomain>& planned) {
  json::array rows;
  rows.reserve(planned.size());
  for (const PlannedDomain& p : planned)
    rows.push_back(json::object{{"id", p.id},
                                {"host", p.host},
                                {"status", p.status},
                                {"config", json::parse(p.config)},
                                {"white_label", json::parse(p.white_label)},
                                {"installation", p.installation},
                                {"module", json_or_null(p.module)},
                                {"site", json_or_null(p.site)},
                                {"client", json_or_null(p.client)},
                                {"agency", json_or_null(p.agency)},
                                {"mi", p.make_installation},
                                {"ms", p.make_site},
                                {"mc", p.make_client},
                                {"ma", p.make_agency},
                                {"v", p.vouched}});
  return json::serialize(rows);
}

Statement edit_statement(const Dialect& dialect, const StoredDomain& seen,
                         const admin::DomainEdit& edit) {
  Parameters parameters(dialect.postgres);
  std::string sets;
  const auto set = [&](const char* column, const std::optional<std::string>& value,
                       const char* type) {
    if (!value) return;
    sets += (sets.empty() ? "" : ", ") + std::string(column) + " = " + parameters.add(value, type);
  };
  std::optional<std::string> status;
  if (edit.status) status = std::string(name(*edit.status));
  set("site_module_installation_id", edit.installation, "uuid");
  set("status", status, "text");
  set("config", edit.config, "jsonb");
  set("white_label", edit.white_label, "jsonb");
  // The platform's own trigger does it there.
  if (!dialect.postgres)
    sets += (sets.empty() ? "" : ", ") +
            std::string("updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
  const std::string table = std::string(dialect.tables) + "module_custom_domains AS d";
  constexpr const char* kept = "d.id, d.domain, d.site_module_installation_id";
  if (!dialect.postgres)
    return {"UPDATE " + table + " SET " + sets + guard(seen, parameters), parameters.take()};
  std::string sql =
      sets.empty()
          ? "SELECT " + std::string(kept) + " FROM " + table + guard(seen, parameters)
          : "UPDATE " + table + " SET " + sets + guard(seen, parameters) + " RETURNING " + kept;
  sql = "WITH d AS (" + sql + ")";
  if (edit.vouched)
    sql += *edit.vouched ? postgres_vouch(" WHERE d.site_module_installation_id IS NOT NULL")
                         : std::string(kPostgresWithdraw);
  return {sql + " SELECT id FROM d", parameters.take()};
}

Statement remove_statement(const Dialect& dialect, const StoredDomain& seen) {
  Parameters parameters(dialect.postgres);
  std::string sql = "DELETE FROM " + std::string(dialect.tables) + "module_custom_domains AS d" +
                    guard(seen, parameters) + (dialect.postgres ? " RETURNING d.id" : "");
  return {std::move(sql), parameters.take()};
}

Statement announce_statement(const Dialect& dialect, const std::string& credential) {
  if (!dialect.postgres)
    return {"INSERT INTO marquee_changes (what, value) VALUES ('credential', $1)", {credential}};
  return {
      "WITH told AS (INSERT INTO marquee.changes (what, value) VALUES ('credential', $1)) "
      "SELECT pg_notify('marquee_changes', '')",
      {credential}};
}

std::vector<std::string> analyze_statements(const Dialect& dialect) {
  // The limit keeps it short, however many rows there are.
  if (!dialect.postgres) return {"PRAGMA analysis_limit = 1000", "ANALYZE"};
  return {
      "ANALYZE public.module_custom_domains, public.site_module_installations, public.sites, "
      "public.clients, public.agencies"};
}

}  // namespace marquee::store
