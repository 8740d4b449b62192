#include "store/lookup_sql.hpp"

namespace marquee::store {
namespace {

using routing::RecordKind;

// What differs between the two.
class Text {
 public:
  explicit Text(const Dialect& dialect) : dialect_(dialect) {}

  std::string table(std::string_view name) const {
    return std::string(dialect_.tables) + std::string(name);
  }
  std::string epoch(std::string_view column) const {
    const std::string c(column);
    return dialect_.postgres ? "CAST(extract(epoch FROM " + c + ") AS text)"
                             : "CAST(strftime('%s', " + c + ") AS text)";
  }
  // Cut, so that nobody can fill our memory; the reader says what is too large.
  static std::string cut(std::string_view column, std::size_t most) {
    return "substr(CAST(" + std::string(column) + " AS text), 1, " + std::to_string(most + 1) + ")";
  }
  static std::string text(std::string_view column) { return cut(column, kMostColumn); }
  std::string proven(std::string_view kind, std::string_view id, std::string_view domain,
                     std::string_view owner) const {
    if (dialect_.proofs.empty()) return "'0'";
    const auto as_text = [](std::string_view c) { return "CAST(" + std::string(c) + " AS text)"; };
    // LIMIT: without it PostgreSQL may read all proofs into a hash table.
    return "coalesce((SELECT '1' FROM " + std::string(dialect_.proofs) +
           " p WHERE p.record_kind = '" + std::string(kind) + "' AND p.record_id = " + as_text(id) +
           " AND p.domain = " + std::string(domain) + " AND p.owner = " + as_text(owner) +
           " AND p.revoked_at IS NULL LIMIT 1), '0')";
  }
  std::string generation() const {
    if (dialect_.changes.empty()) return "'0'";
    return "CAST((SELECT coalesce(max(generation), 0) FROM " + std::string(dialect_.changes) +
           ") AS text)";
  }
  std::string site_columns() const {
    return text("s.id") + ", CASE WHEN s.id IS NULL THEN NULL ELSE '1' END, " +
           text("s.published") + ", " + text("s.client_id") + ", " + text("c.status") + ", " +
           text("s.agency_id") + ", CASE WHEN a.id IS NULL THEN NULL ELSE '1' END, " +
           text("a.status") + ", " + text("a.subscription_status") + ", " + text("a.plan");
  }
  std::string site_joins() const {
    return " LEFT JOIN " + table("clients") + " c ON c.id = s.client_id LEFT JOIN " +
           table("agencies") + " a ON a.id = s.agency_id";
  }

 private:
  const Dialect& dialect_;
};

constexpr std::string_view kNoModule = "NULL, NULL, NULL, NULL, NULL, NULL";

std::string module_columns(const Text& t) {
  return "'0', " + Text::text("d.domain") + ", " + Text::text("d.id") + ", " +
         Text::text("d.status") + ", " + Text::text("d.ssl_status") + ", " +
         Text::cut("d.config", kMostJson) + ", " + Text::cut("d.white_label", kMostJson) + ", " +
         Text::cut("d.ssl_certificate", 65536) + ", " +
         Text::cut("d.ssl_private_key_encrypted", 65536) + ", " + t.epoch("d.ssl_expires_at") +
         ", " + Text::text("d.site_module_installation_id") +
         ", CASE WHEN i.id IS NULL THEN NULL ELSE '1' END, " + Text::text("i.module_id") + ", " +
         Text::text("i.is_enabled") + ", " + t.site_columns() + ", " +
         t.proven("module_domain", "d.id", "d.domain", "d.site_module_installation_id") +
         ", NULL, NULL, NULL";
}

std::string site_columns(const Text& t, bool subdomain) {
  return (subdomain ? "'2', " + Text::text("s.subdomain")
                    : "'1', " + Text::text("s.custom_domain")) +
         ", " + Text::text("s.id") + ", " +
         (subdomain ? std::string("'1'") : Text::text("s.custom_domain_verified")) + ", " +
         std::string(kNoModule) + ", NULL, NULL, NULL, NULL, " + t.site_columns() + ", " +
         (subdomain ? std::string("'0'")
                    : t.proven("site_domain", "s.id", "s.custom_domain", "s.id")) +
         ", NULL, NULL, NULL";
}

std::string redirect_columns() {
  return "'3', " + Text::text("r.from_domain") + ", " + Text::text("r.id") + ", " +
         Text::text("r.active") + ", " + std::string(kNoModule) + ", NULL, NULL, NULL, NULL, " +
         Text::text("r.site_id") + ", CASE WHEN s.id IS NULL THEN NULL ELSE '1' END, " +
         Text::text("s.published") + ", " + Text::text("s.client_id") + ", " +
         Text::text("c.status") + ", " + Text::text("s.agency_id") +
         ", CASE WHEN a.id IS NULL THEN NULL ELSE '1' END, " + Text::text("a.status") + ", " +
         Text::text("a.subscription_status") + ", " + Text::text("a.plan") + ", '0', " +
         Text::text("r.to_domain") + ", " + Text::text("r.redirect_type") + ", " +
         Text::text("r.preserve_path");
}

struct Source {
  std::string table;
  std::string joins;
};
Source module_source(const Text& t) {
  return {t.table("module_custom_domains") + " d",
          " LEFT JOIN " + t.table("site_module_installations") +
              " i ON i.id = d.site_module_installation_id LEFT JOIN " + t.table("sites") +
              " s ON s.id = i.site_id" + t.site_joins()};
}
Source site_source(const Text& t) { return {t.table("sites") + " s", t.site_joins()}; }
Source redirect_source(const Text& t) {
  return {t.table("domain_redirects") + " r",
          " LEFT JOIN " + t.table("sites") + " s ON s.id = r.site_id" + t.site_joins()};
}

std::string columns_of(const Text& t, RecordKind kind) {
  switch (kind) {
    case RecordKind::module_domain:
      return module_columns(t);
    case RecordKind::site_domain:
      return site_columns(t, false);
    case RecordKind::site_subdomain:
      return site_columns(t, true);
    case RecordKind::redirect:
      return redirect_columns();
  }
  return {};
}
Source source_of(const Text& t, RecordKind kind) {
  if (kind == RecordKind::module_domain) return module_source(t);
  return kind == RecordKind::redirect ? redirect_source(t) : site_source(t);
}
std::string id_of(RecordKind kind) {
  if (kind == RecordKind::module_domain) return "d.id";
  return kind == RecordKind::redirect ? "r.id" : "s.id";
}
std::string name_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::module_domain:
      return "d.domain";
    case RecordKind::site_domain:
      return "s.custom_domain";
    case RecordKind::site_subdomain:
      return "s.subdomain";
    case RecordKind::redirect:
      return "r.from_domain";
  }
  return {};
}

std::string part(const Text& t, RecordKind kind) {
  const Source source = source_of(t, kind);
  return "SELECT k.hop, " + columns_of(t, kind) + " FROM candidates k JOIN " + source.table +
         " ON " + name_of(kind) + " = k.name" + source.joins;
}

}  // namespace

std::string module_proven_sql(const Dialect& dialect) {
  return Text(dialect).proven("module_domain", "d.id", "d.domain", "d.site_module_installation_id");
}

std::vector<std::optional<std::string>> find_parameters(const routing::LookupKeys& keys) {
  std::vector<std::optional<std::string>> out(4);
  if (!keys.below_base) {
    out[0] = keys.host.string();
    if (keys.twin) out[1] = keys.twin->string();
    if (!keys.wildcard.empty()) out[2] = "*." + keys.wildcard;
  }
  if (!keys.site_label.empty()) out[3] = keys.site_label;
  return out;
}

std::vector<std::optional<std::string>> list_parameters(const routing::ListQuery& query,
                                                        const Position& position,
                                                        std::uint32_t limit) {
  std::vector<std::optional<std::string>> out(1);
  if (!position.after.empty()) out[0] = position.after;
  out.emplace_back(std::to_string(limit));
  if (query.status) out.emplace_back(std::string(name(*query.status)));
  for (const std::string* text :
       {&query.agency, &query.client, &query.installation, &query.site, &query.row, &query.name})
    if (!text->empty()) out.emplace_back(*text);
  for (const std::string* text : {&query.prefix, &query.contains}) {
    if (text->empty()) continue;
    std::string lower = *text;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    out.emplace_back(std::move(lower));
  }
  return out;
}

std::optional<Position> parse_position(std::string_view cursor) {
  if (cursor.empty()) return Position{};
  if (cursor.size() < 2 || cursor.size() > 300 || cursor[0] < '0' || cursor[0] > '3' ||
      cursor[1] != ':')
    return std::nullopt;
  const std::string_view after = cursor.substr(2);
  for (const char c : after)
    if (c <= 0x20 || c == 0x7f) return std::nullopt;
  return Position{static_cast<RecordKind>(cursor[0] - '0'), std::string(after)};
}

std::string show_position(const Position& position) {
  return std::string(1, static_cast<char>('0' + static_cast<int>(position.kind))) + ":" +
         position.after;
}

std::string find_sql(const Dialect& dialect) {
  const Text t(dialect);
  const std::string hops = std::to_string(routing::kMostHops);
  std::string sql =
      "WITH RECURSIVE names(name, hop) AS ("
      "SELECT v.name, 0 FROM (SELECT CAST($1 AS text) AS name UNION SELECT CAST($2 AS text)) v "
      "WHERE v.name IS NOT NULL "
      "UNION "
      "SELECT lower(r.to_domain), n.hop + 1 FROM names n JOIN " +
      t.table("domain_redirects") + " r ON r.from_domain = n.name WHERE n.hop < " + hops +
      " AND coalesce(r.active, true) AND length(r.to_domain) <= 253), "
      "candidates(name, hop) AS (SELECT x.name, min(x.hop) FROM ("
      "SELECT name, hop FROM names UNION ALL "
      "SELECT CASE WHEN substr(name, 1, 4) = 'www.' THEN substr(name, 5) ELSE 'www.' || name END, "
      "hop FROM names UNION ALL "
      "SELECT CAST($3 AS text), 0) x WHERE x.name IS NOT NULL GROUP BY x.name) ";
  const std::string names =
      "h, kind, name, row_id, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13,"
      " v14, v15, v16, v17, v18, v19, v20, v21, v22, v23, v24, v25, v26, v27";
  const Source site = site_source(t);
  sql += ", found(" + names + ") AS (" + part(t, RecordKind::module_domain) + " UNION ALL " +
         part(t, RecordKind::site_domain) + " UNION ALL " + "SELECT 0, " +
         columns_of(t, RecordKind::site_subdomain) + " FROM " + site.table + site.joins +
         " WHERE s.subdomain = CAST($4 AS text) UNION ALL " + part(t, RecordKind::redirect) +
         " WHERE coalesce(r.active, true)) ";
  // By hop, so that a long chain of redirects does not push out the name's own rows.
  sql += "SELECT " + names.substr(3) + ", " + t.generation() +
         " FROM found ORDER BY h, kind LIMIT " + std::to_string(routing::kMostRows);
  return sql;
}

std::string list_sql(const Dialect& dialect, RecordKind kind, const routing::ListQuery& query) {
  const Text t(dialect);
  Source source = source_of(t, kind);
  std::string id = id_of(kind);
  // Few of many rows, by an index on the tenant. SQLite keeps to the order of the ids,
  // and reads them all, unless "+" forbids that; it does not turn the joins round
  // either, which can be inner ones here: the columns asked for are not NULL.
  if (!dialect.postgres &&
      !(query.agency.empty() && query.site.empty() && query.installation.empty())) {
    id = "+" + id;
    for (const std::string& table : {t.table("site_module_installations"), t.table("sites")}) {
      const std::string left = " LEFT JOIN " + table + " ";
      if (const auto at = source.joins.find(left); at != std::string::npos)
        source.joins.replace(at, left.size(), " JOIN " + table + " ");
    }
  }
  std::string sql = "SELECT " + columns_of(t, kind) + " FROM " + source.table + source.joins +
                    " WHERE " + name_of(kind) + " IS NOT NULL AND ";
  // Without a cursor, from before every id.
  sql += id + (dialect.postgres
                   ? " > coalesce(CAST($1 AS uuid), '00000000-0000-0000-0000-000000000000')"
                   : " > coalesce($1, '')");
  int next = 3;
  const auto parameter = [&next] { return "$" + std::to_string(next++); };
  const auto equals = [&](const std::string& column) {
    sql += " AND CAST(" + column + " AS text) = " + parameter();
  };
  // Such that an index on the column can be used.
  const auto equals_id = [&](const std::string& column) {
    sql += " AND " + column + " = CAST(" + parameter() +
           (dialect.postgres ? " AS uuid)" : " AS text)");
  };
  if (query.status) {
    if (kind == RecordKind::module_domain) {
      equals("coalesce(d.status, 'pending')");
    } else {
      const std::string on = kind == RecordKind::redirect ? "coalesce(r.active, true)"
                             : kind == RecordKind::site_domain
                                 ? "coalesce(s.custom_domain_verified, false)"
                                 : "true";
      const std::string off = kind == RecordKind::redirect ? "'disabled'" : "'pending'";
      sql += " AND CASE WHEN " + on + " THEN 'active' ELSE " + off + " END = " + parameter();
    }
  }
  if (!query.agency.empty()) equals_id("s.agency_id");
  if (!query.client.empty()) equals_id("s.client_id");
  if (!query.installation.empty()) {
    if (kind == RecordKind::module_domain)
      equals_id("d.site_module_installation_id");
    else  // they have none, and the text is not NULL
      sql += " AND CAST(" + parameter() + " AS text) IS NULL";
  }
  if (!query.site.empty()) equals_id(kind == RecordKind::module_domain ? "i.site_id" : "s.id");
  if (!query.row.empty()) equals_id(id);
  if (!query.name.empty()) sql += " AND " + name_of(kind) + " = " + parameter();
  const std::string name = "lower(" + name_of(kind) + ")";
  if (!query.prefix.empty()) {
    const std::string prefix = "CAST(" + parameter() + " AS text)";
    sql += " AND substr(" + name + ", 1, length(" + prefix + ")) = " + prefix;
  }
  if (!query.contains.empty()) {
    sql += dialect.postgres ? " AND strpos(" + name + ", " + parameter() + ") > 0"
                            : " AND instr(" + name + ", " + parameter() + ") > 0";
  }
  return sql + " ORDER BY " + id + " LIMIT CAST($2 AS " + (dialect.postgres ? "int" : "integer") +
         ")";
}

std::string names_sql(const Dialect& dialect, RecordKind kind) {
  const Text t(dialect);
  const std::string name = name_of(kind);
  return "SELECT " + Text::text(name) + ", " + t.generation() + " FROM " +
         source_of(t, kind).table + " WHERE " + name + " > $1 ORDER BY " + name +
         " LIMIT CAST($2 AS " + (dialect.postgres ? "int" : "integer") + ")";
}

std::string certificate_sql(const Dialect& dialect) {
  const Text t(dialect);
  return "SELECT " + Text::cut("d.ssl_certificate", 65536) + ", " +
         Text::cut("d.ssl_private_key_encrypted", 65536) + " FROM " +
         t.table("module_custom_domains") +
         " d WHERE d.id = " + (dialect.postgres ? "CAST($1 AS uuid)" : "$1");
}

std::string read_sql(const Dialect& dialect) {
  const Text t(dialect);
  const Source source = module_source(t);
  return "SELECT " + module_columns(t) + " FROM " + source.table + source.joins +
         " WHERE d.id = " + (dialect.postgres ? "CAST($1 AS uuid)" : "$1");
}

std::string cut_column(std::string_view column, std::size_t most) {
  return Text::cut(column, most);
}

}  // namespace marquee::store
