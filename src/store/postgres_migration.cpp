#include "store/postgres_migration.hpp"

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <vector>

#include "store/embedded.hpp"
#include "store/postgres_url.hpp"

namespace marquee::store {
namespace {

struct Free {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Free>;
using Result = std::unique_ptr<PGresult, Free>;

constexpr std::string_view kPrefix = "postgres_";
constexpr std::string_view kAttach = "postgres_attach_";
constexpr const char* kConnectTimeout = "10";  // seconds, for each host

struct Step {
  int number;
  std::string name;
  std::string text;
  bool attached = false;
};

std::string doubled(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out + quote;
}

std::string filled(std::string_view text, const std::string& role) {
  std::string out(text);
  for (const auto& [mark, value] : {std::pair{std::string("{{role}}"), doubled(role, '"')},
                                    {std::string("{{role_text}}"), doubled(role, '\'')}}) {
    for (auto at = out.find(mark); at != std::string::npos; at = out.find(mark, at + value.size()))
      out.replace(at, mark.size(), value);
  }
  return out;
}

// "postgres_001_marquee.sql", "postgres_attach_010_change_feed.sql"
std::vector<Step> steps(const PostgresMigration& what) {
  std::vector<Step> out;
  for (const bool attached : {false, true}) {
    if (attached && !what.attach) break;
    for (const EmbeddedFile& file : embedded_files()) {
      if (!file.name.starts_with(kPrefix) || file.name == "postgres_remove.sql") continue;
      if (file.name.starts_with(kAttach) != attached) continue;
      std::string name(file.name.substr(attached ? kAttach.size() : kPrefix.size()));
      name.resize(name.size() - 4);
      const int number = std::stoi(name.substr(0, 3));
      if (what.role.empty() && file.text.find("{{role}}") != std::string_view::npos) continue;
      out.push_back({number, name, filled(file.text, what.role), attached});
    }
  }
  return out;
}

// Of libpq and the server, in one line.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

class Session {
 public:
  explicit Session(const std::string& url) {
    auto parsed = PostgresUrl::parse(url, error_);
    if (!parsed) return;
    shown_ = parsed->shown();
    const char* keys[] = {"dbname", "connect_timeout", "application_name", nullptr};
    const char* values[] = {url.c_str(), kConnectTimeout, "marquee db migrate", nullptr};
    connection_.reset(PQconnectdbParams(keys, values, 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
      error_ = shown_ + ": " + one_line(PQerrorMessage(connection_.get()));
      return;
    }
    PQsetNoticeReceiver(
        connection_.get(), [](void*, const PGresult*) {}, nullptr);
    error_ = run("SET client_min_messages = warning; SET statement_timeout = 0");
  }
  const std::string& error() const { return error_; }
  // Empty, or a sentence.
  std::string run(const std::string& sql) {
    const Result result(PQexec(connection_.get(), sql.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
      return {};
    return shown_ + ": " + one_line(PQerrorMessage(connection_.get()));
  }
  std::optional<std::string> value(const std::string& sql) {
    const Result result(PQexec(connection_.get(), sql.c_str()));
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) == 0 ||
        PQgetisnull(result.get(), 0, 0))
      return std::nullopt;
    return PQgetvalue(result.get(), 0, 0);
  }
  const std::string& shown() const { return shown_; }

 private:
  Connection connection_;
  std::string shown_;
  std::string error_;
};

constexpr const char* kBegin =
    "BEGIN; SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock(7238141906315)";

// Columns that the statements read (lookup_sql.cpp); one that lacks is named.
constexpr const char* kMissingColumns = R"(
SELECT string_agg(t || '.' || c, ', ') FROM (VALUES
  ('module_custom_domains', '{id,site_module_installation_id,domain,status,ssl_status,ssl_certificate,ssl_private_key_encrypted,ssl_expires_at,config,white_label}'::text[]),
  ('site_module_installations', '{id,site_id,module_id,is_enabled}'),
  ('sites', '{id,client_id,agency_id,subdomain,custom_domain,custom_domain_verified,published}'),
  ('clients', '{id,status}'),
  ('agencies', '{id,status,subscription_status,plan}'),
  ('domain_redirects', '{id,site_id,from_domain,to_domain,redirect_type,preserve_path,active}')
) AS wanted(t, cs), unnest(cs) AS c
WHERE NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || t)
                  AND a.attname = c AND NOT a.attisdropped))";

}  // namespace

std::string postgres_migration_text(const PostgresMigration& what) {
  std::string out;
  for (const Step& step : steps(what)) out += "-- step " + step.name + "\n" + step.text + "\n";
  return out;
}

Migration migrate_postgres(const PostgresMigration& what) {
  Migration out;
  Session session(what.url);
  out.error = session.error();
  if (!out.error.empty()) return out;
  for (const Step& step : steps(what)) {
    out.error = session.run(kBegin);
    if (!out.error.empty()) return out;
    const std::string number = std::to_string(step.number);
    const bool known =
        session.value("SELECT to_regclass('marquee.schema_steps')").has_value() &&
        session.value("SELECT 1 FROM marquee.schema_steps WHERE number = " + number).has_value();
    if (step.number == 10) {
      if (const auto missing = session.value(kMissingColumns)) {
        session.run("ROLLBACK");
        out.error = session.shown() + ": the tables lack what Marquee reads: " + *missing;
        return out;
      }
    }
    // What is attached is carried out anew: tables may be newer than it is.
    if (known && !step.attached) {
      session.run("ROLLBACK");
      continue;
    }
    out.error = session.run(step.text);
    if (out.error.empty())
      out.error = session.run("INSERT INTO marquee.schema_steps (number, name) VALUES (" + number +
                              ", " + doubled(step.name, '\'') + ") ON CONFLICT DO NOTHING");
    if (out.error.empty()) out.error = session.run("COMMIT");
    if (!out.error.empty()) {
      session.run("ROLLBACK");
      out.error += " (in step " + step.name + ", which was undone)";
      return out;
    }
    if (!known) out.done.push_back(step.name);
  }
  return out;
}

Migration remove_postgres(const PostgresMigration& what) {
  Migration out;
  Session session(what.url);
  out.error = session.error();
  if (!out.error.empty()) return out;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name != "postgres_remove.sql") continue;
    out.error = session.run(kBegin);
    const bool known =
        session.value("SELECT to_regclass('marquee.schema_steps')").has_value() &&
        session.value("SELECT 1 FROM marquee.schema_steps WHERE number >= 10").has_value();
    if (out.error.empty()) out.error = session.run(filled(file.text, what.role));
    if (out.error.empty()) out.error = session.run("COMMIT");
    if (!out.error.empty()) session.run("ROLLBACK");
    if (out.error.empty() && known) out.done.emplace_back("removed");
  }
  return out;
}

}  // namespace marquee::store
