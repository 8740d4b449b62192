#include "store/postgres/database_facts.hpp"

#include <memory>

namespace marquee::store::postgres {
namespace {

// Row security that is active for this role hides rows, unless a policy names the
// role (or one that it is a member of), lets everybody see all, or the session's
// claims say service_role, as the platform's policies want (contract 1.10).
constexpr std::string_view kFacts = R"sql(
WITH wanted(name) AS (VALUES ('module_custom_domains'), ('site_module_installations'), ('sites'),
    ('clients'), ('agencies'), ('domain_redirects')),
  found AS (SELECT c.oid, n.oid AS schema, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname = 'public' AND c.relname IN (SELECT name FROM wanted))
      OR (n.nspname = 'marquee' AND c.relname IN ('proofs', 'changes', 'meta'))),
  own AS (SELECT relname FROM found WHERE nspname = 'marquee'
    AND has_schema_privilege(schema, 'USAGE') AND has_table_privilege(oid, 'SELECT'))
SELECT current_setting('server_version_num')::int >= 130000,
  current_user::text,
  pg_is_in_recovery(),
  EXISTS (SELECT FROM own WHERE relname = 'proofs'),
  (SELECT count(*) = 2 FROM own WHERE relname IN ('changes', 'meta'))
    AND (SELECT count(*) = 18 FROM pg_catalog.pg_trigger g JOIN found f ON f.oid = g.tgrelid
      WHERE f.nspname = 'public' AND g.tgenabled IN ('O', 'A')
        AND g.tgname IN ('marquee_insert', 'marquee_update', 'marquee_delete')),
  (SELECT string_agg('public.' || relname, ', ' ORDER BY relname) FROM found f
    WHERE nspname = 'public' AND row_security_active(oid)
      AND coalesce(current_setting('request.jwt.claims', true), '') NOT LIKE '%service_role%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p
        WHERE p.polrelid = f.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
          AND ((0 = ANY (p.polroles) AND pg_get_expr(p.polqual, p.polrelid) = 'true')
            OR EXISTS (SELECT FROM unnest(p.polroles) r
              WHERE CASE WHEN r = 0 THEN false ELSE pg_has_role(current_user, r, 'USAGE') END)))),
  (SELECT string_agg('public.' || name, ', ' ORDER BY name) FROM wanted
    WHERE name NOT IN (SELECT relname FROM found WHERE nspname = 'public')),
  (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
)sql";

// A failed-over database has another timeline. Not everybody may ask.
constexpr std::string_view kIdentity = R"sql(
SELECT s.system_identifier::text, CASE WHEN pg_is_in_recovery() THEN c.timeline_id::text
    ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END
FROM pg_control_system() s, pg_control_checkpoint() c
)sql";

std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return (hash ^ 0xff) * 0x100000001b3ULL;
}

std::string fault_of(const Result& r) {
  if (!r.is_true(0, 0))
    return "the server is older than PostgreSQL 13, the oldest that works; upgrade it";
  if (r.value(0, 6))
    return "the tables " + std::string(r.text(0, 6)) +
           " are not there; run  marquee db migrate,  or correct the name of the database";
  if (r.value(0, 5))
    return "row security hides rows of " + std::string(r.text(0, 5)) + " from the role " +
           std::string(r.text(0, 1)) +
           "; run  marquee db migrate,  which makes policies for it, or give it BYPASSRLS";
  return {};
}

}  // namespace

void read_facts(Connection& connection, bool ready, std::chrono::milliseconds limit,
                std::function<void(const DatabaseFacts&, const std::string&)> done) {
  const auto ask = [&connection, ready](Question question) {
    if (ready)
      connection.ask(std::move(question));
    else
      connection.ask_now(std::move(question));
  };
  const auto facts = std::make_shared<DatabaseFacts>();
  Question first;
  first.text = kFacts;
  first.limit = limit;
  first.done = [ask, limit, facts, done = std::move(done)](const Reply& reply) mutable {
    if (!reply) return done(*facts, reply.sentence);
    const Result& r = reply.result;
    if (std::string why = fault_of(r); !why.empty()) return done(*facts, why);
    facts->role = r.text(0, 1);
    facts->in_recovery = r.is_true(0, 2);
    facts->proofs = r.is_true(0, 3);
    facts->feed = r.is_true(0, 4);
    facts->identity = mix(0xcbf29ce484222325ULL, r.text(0, 7));
    Question second;
    second.text = kIdentity;
    second.limit = limit;
    second.done = [facts, done = std::move(done)](const Reply& named) {
      if (named) {
        facts->identity = mix(facts->identity, named.result.text(0, 0));
        facts->identity = mix(facts->identity, named.result.text(0, 1));
      } else if (named.status != Reply::Status::refused) {
        return done(*facts, named.sentence);
      }
      done(*facts, {});
    };
    ask(std::move(second));
  };
  ask(std::move(first));
}

}  // namespace marquee::store::postgres
