// Stored credentials: what their rows mean, and both adapters over real databases.
#include <doctest/doctest.h>

#include <filesystem>

#include "conformance.hpp"
#include "directory_rig.hpp"
#include "identity/stored_proof.hpp"
#include "postgres/postgres_rig.hpp"
#include "store/key_sql.hpp"
#include "store/sqlite_directory.hpp"

using namespace marquee;
using namespace marquee::store;
using namespace std::chrono_literals;
using identity::KeyFound;
using What = routing::Change::What;

namespace {

const std::string kHash = "dd8b6a7ddb1f2b3670e7448de143943e6e819e5eb6c013f187b04bfa7eb2b4d2";
const std::string kId = "00000000-0000-4000-8000-0000000";  // and five digits
std::string id(int n) { return kId + std::to_string(10'000 + n); }

std::string tenant() {
  return "INSERT INTO agencies (id) VALUES ('" + id(1) + "');" +
         "INSERT INTO clients (id, agency_id, name) VALUES ('" + id(2) + "', '" + id(1) +
         "', 'c');" + "INSERT INTO sites (id, client_id, agency_id, name, subdomain) VALUES ('" +
         id(3) + "', '" + id(2) + "', '" + id(1) + "', 's', 'keys');";
}

std::string key_row(const std::string& columns = "", const std::string& values = "") {
  return "INSERT INTO module_api_keys (module_id, site_id, agency_id, key_prefix, key_hash" +
         columns + ") VALUES ('" + id(4) + "', '" + id(3) + "', '" + id(1) +
         "', 'dmc_live_000', '" + kHash + "'" + values + ");";
}

identity::KeyAnswer<identity::ApiKeyRecord> find(identity::KeyDirectory& keys,
                                                 const std::string& hash = kHash) {
  const auto promise =
      std::make_shared<std::promise<identity::KeyAnswer<identity::ApiKeyRecord>>>();
  keys.find_api_key(hash, [promise](auto answer) { promise->set_value(std::move(answer)); });
  return wait_for(promise->get_future());
}

identity::KeyAnswer<identity::EmbedTokenRecord> embed(identity::KeyDirectory& keys,
                                                      const std::string& site) {
  const auto promise =
      std::make_shared<std::promise<identity::KeyAnswer<identity::EmbedTokenRecord>>>();
  keys.find_embed_token(site, id(4), [promise](auto a) { promise->set_value(std::move(a)); });
  return wait_for(promise->get_future());
}

identity::KeyAnswer<identity::ConsumerRecord> consumer(identity::KeyDirectory& keys,
                                                       const std::string& key) {
  const auto promise =
      std::make_shared<std::promise<identity::KeyAnswer<identity::ConsumerRecord>>>();
  keys.find_consumer(identity::lower_hex(identity::Sha256().of(key)),
                     key.substr(0, identity::kConsumerPrefix),
                     [promise](auto a) { promise->set_value(std::move(a)); });
  return wait_for(promise->get_future());
}

const std::string kConsumer = "dk_AAAAAAAA+/==bcdefghijklmnopqrstuv";

// `told`: what the feed says of a change.
void check_consumers(routing::DomainDirectory& directory, const RunSql& run,
                     const std::function<std::string(std::vector<std::string>)>& list,
                     const std::string& told) {
  auto& keys = dynamic_cast<identity::KeyDirectory&>(directory);
  Ear ear;
  directory.subscribe(&ear);
  REQUIRE(ear.wait_live());
  run("INSERT INTO site_module_installations (id, site_id, module_id) VALUES ('" + id(5) + "', '" +
      id(3) + "', '" + id(4) + "')");
  CHECK(consumer(keys, kConsumer).status == KeyFound::absent);
  const std::string row =
      "INSERT INTO module_api_consumers (id, site_module_installation_id, name, api_key) VALUES ";
  run(row + "('" + id(6) + "', '" + id(5) + "', 'c', '" + kConsumer + "')");
  REQUIRE(ear.wait_change(What::credential, told));
  // One that begins in the same way is another.
  run(row + "('" + id(7) + "', '" + id(5) + "', 'd', '" + kConsumer + "x')");
  auto answer = consumer(keys, kConsumer);
  REQUIRE(answer.status == KeyFound::found);
  CHECK(answer.record.id == id(6));
  CHECK(answer.record.hash == identity::lower_hex(identity::Sha256().of(kConsumer)));
  CHECK(answer.record.site == id(3));
  CHECK(answer.record.module == id(4));
  CHECK(answer.record.agency == id(1));
  CHECK(answer.record.scopes == std::vector<std::string>{"read"});
  CHECK(answer.record.endpoints == std::vector<std::string>{"*"});
  CHECK(answer.record.addresses.empty());
  CHECK(answer.record.per_minute == 60);
  CHECK(answer.record.per_day == 10'000);
  CHECK(answer.record.active);
  CHECK_FALSE(answer.record.broken);
  CHECK(consumer(keys, kConsumer + "x").record.id == id(7));
  CHECK(consumer(keys, kConsumer + "y").status == KeyFound::absent);
  ear.take();
  run("UPDATE module_api_consumers SET total_requests = 7 WHERE id = '" + id(6) + "'");
  run("UPDATE module_api_consumers SET scopes = NULL, allowed_endpoints = " +
      list({"GET /a/{id}"}) + ", is_active = false, rate_limit_per_minute = 5, allowed_ips = " +
      list({"10.0.0.0/8", "2001:db8::1"}) + " WHERE id = '" + id(6) + "'");
  REQUIRE(ear.wait_change(What::credential, told));
  CHECK(ear.take().size() == 1);  // the counters told nothing
  answer = consumer(keys, kConsumer);
  CHECK_FALSE(answer.record.active);
  CHECK(answer.record.scopes.empty());
  CHECK(answer.record.endpoints == std::vector<std::string>{"GET /a/{id}"});
  REQUIRE(answer.record.addresses.size() == 2);
  CHECK(answer.record.addresses[0].text() == "10.0.0.0/8");
  CHECK(answer.record.per_minute == 5);
  CHECK_FALSE(answer.record.broken);
  run("UPDATE module_api_consumers SET allowed_endpoints = NULL WHERE id = '" + id(6) + "'");
  CHECK(consumer(keys, kConsumer).record.endpoints == std::vector<std::string>{"*"});
  ear.take();
  run("DELETE FROM module_api_consumers WHERE id = '" + id(6) + "'");
  REQUIRE(ear.wait_change(What::credential, told));
  CHECK(consumer(keys, kConsumer).status == KeyFound::absent);
  directory.subscribe(nullptr);
}

// `list` writes a list of texts as the dialect has it.
void check_keys(routing::DomainDirectory& directory, const RunSql& run,
                const std::function<std::string(std::vector<std::string>)>& list) {
  auto& keys = dynamic_cast<identity::KeyDirectory&>(directory);
  Ear ear;
  directory.subscribe(&ear);
  REQUIRE(ear.wait_live());
  run(tenant());
  CHECK(find(keys).status == KeyFound::absent);
  run(key_row());
  REQUIRE(ear.wait_change(What::credential, kHash));
  auto answer = find(keys);
  REQUIRE(answer.status == KeyFound::found);
  CHECK(answer.record.hash == kHash);
  CHECK(answer.record.module == id(4));
  CHECK(answer.record.site == id(3));
  CHECK(answer.record.agency == id(1));
  CHECK(answer.record.active);
  CHECK_FALSE(answer.record.revoked);
  CHECK_FALSE(answer.record.broken);
  CHECK_FALSE(answer.record.expires_at);
  CHECK(answer.record.scopes.empty());
  CHECK(answer.record.per_minute == 60);
  CHECK(answer.record.per_day == 10'000);
  ear.take();
  run("UPDATE module_api_keys SET rate_limit_per_minute = NULL, rate_limit_per_day = 5");
  REQUIRE(ear.wait_change(What::credential, kHash));
  CHECK(find(keys).record.per_minute == 60);
  CHECK(find(keys).record.per_day == 5);
  ear.take();
  run("UPDATE module_api_keys SET request_count = 7, last_used_at = '2030-01-01T00:00:00Z'");
  run("UPDATE module_api_keys SET scopes = " + list({"read", "write:x"}) + ", allowed_ips = " +
      list({"10.0.0.0/8", "2001:db8::1"}) + ", allowed_origins = " + list({"https://a.example"}) +
      ", expires_at = '2027-01-15T08:00:00Z'");
  REQUIRE(ear.wait_change(What::credential, kHash));
  CHECK(ear.take().size() == 1);  // the counters told nothing
  answer = find(keys);
  CHECK(answer.record.scopes == std::vector<std::string>{"read", "write:x"});
  REQUIRE(answer.record.addresses.size() == 2);
  CHECK(answer.record.addresses[0].text() == "10.0.0.0/8");
  CHECK(answer.record.origins == std::vector<std::string>{"https://a.example"});
  CHECK(answer.record.expires_at == std::chrono::sys_seconds(1'800'000'000s));
  run("UPDATE module_api_keys SET allowed_ips = " + list({"10.0.0."}));
  CHECK(find(keys).record.broken);
  run("UPDATE module_api_keys SET allowed_ips = NULL, scopes = NULL, revoked_at = "
      "'2020-01-01T00:00:00Z'");
  CHECK_FALSE(find(keys).record.broken);
  CHECK(find(keys).record.revoked);
  run("UPDATE module_api_keys SET revoked_at = NULL, is_active = NULL");
  CHECK_FALSE(find(keys).record.active);
  ear.take();
  run("DELETE FROM module_api_keys");
  REQUIRE(ear.wait_change(What::credential, kHash));
  CHECK(find(keys).status == KeyFound::absent);

  run("INSERT INTO module_embed_tokens (site_id, module_id, token_hash, is_revoked, "
      "allowed_domains) VALUES ('" +
      id(3) + "', '" + id(4) + "', 'abc', false, " + list({"page.example"}) + ")");
  REQUIRE(ear.wait_change(What::credential, "abc"));
  const auto token = embed(keys, id(3));
  REQUIRE(token.status == KeyFound::found);
  CHECK(token.record.hash == "abc");
  CHECK(token.record.site == id(3));
  CHECK(token.record.module == id(4));
  CHECK(token.record.domains == std::vector<std::string>{"page.example"});
  CHECK_FALSE(token.record.revoked);
  CHECK_FALSE(token.record.broken);
  run("UPDATE module_embed_tokens SET is_revoked = true, token_hash = 'abd'");
  REQUIRE(ear.wait_change(What::credential, "abd"));
  CHECK(embed(keys, id(3)).record.revoked);
  CHECK(embed(keys, id(9)).status == KeyFound::absent);
  CHECK(embed(keys, "not an id").status == KeyFound::absent);
  directory.subscribe(nullptr);
}

}  // namespace

TEST_CASE("a row of which a part cannot be read opens nothing") {
  const auto row = [](std::string_view lists, std::string_view time, std::string_view there) {
    return make_api_key(
        {"id", "hash", "m", "s", "a", lists, "[]", "1", "60", "10000", "[]", "0", time, there});
  };
  const auto limited = [](std::string_view minute, std::string_view day) {
    return make_api_key(
        {"id", "hash", "m", "s", "a", "[]", "[]", "1", minute, day, "[]", "0", "", "0"});
  };
  CHECK(limited("7", "8").per_minute == 7);
  CHECK(limited("7", "8").per_day == 8);
  CHECK(limited("0", "-1").per_minute == 0);
  CHECK(limited("0", "-1").per_day == 0);
  CHECK(limited("9000000000", "1").per_minute == 1'000'000'000);
  CHECK_FALSE(limited("0", "1").broken);
  CHECK(limited("many", "1").broken);
  CHECK(limited("1", "").broken);
  CHECK_FALSE(row("[]", "", "0").broken);
  CHECK_FALSE(row("null", "", "0").broken);
  CHECK_FALSE(row(R"(["a"])", "5", "1").broken);
  CHECK(row("{}", "", "0").broken);
  CHECK(row("[7]", "", "0").broken);
  CHECK(row("[\"\"]", "", "0").broken);
  CHECK(row("[[\"a\"]]", "", "0").broken);
  CHECK(row("[", "", "0").broken);
  CHECK(row("read", "", "0").broken);
  CHECK(row(std::string(40'000, ' '), "", "0").broken);
  CHECK(row("[]", "", "1").broken);
  CHECK(row("[]", "soon", "1").broken);
  std::string many = "[\"a\"";
  for (std::size_t i = 0; i < identity::kMostRestrictions; ++i) many += ",\"a\"";
  CHECK(row(many + "]", "", "0").broken);
  CHECK(make_api_key({}).broken);
}

TEST_CASE("stored credentials in SQLite") {
  char name[] = "/tmp/marquee-keys-XXXXXX";
  REQUIRE(mkdtemp(name));
  {
    base::Logger logger;
    AdapterStatus status{logger};
    SqliteDirectory::Options options;
    options.path = std::string(name) + "/directory.sqlite";
    options.poll_interval = 20ms;
    SqliteDirectory directory(options, status);
    const RunSql run = [&](const std::string& sql) {
      std::string error;
      const auto database =
          SqliteDatabase::open(options.path, SqliteDatabase::Mode::write, 10s, error);
      REQUIRE_MESSAGE(database, error);
      error = database->run(sql);
      REQUIRE_MESSAGE(error.empty(), error);
    };
    const auto list = [](const std::vector<std::string>& texts) {
      std::string out;
      for (const std::string& t : texts) out += (out.empty() ? "\"" : ",\"") + t + "\"";
      return "'[" + out + "]'";
    };
    check_keys(directory, run, list);
    check_consumers(directory, run, list, std::string(identity::kAnyCredential));
  }
  std::filesystem::remove_all(name);
}

TEST_CASE("stored credentials in PostgreSQL") {
  Cluster cluster;
  MARQUEE_NEEDS(cluster);
  cluster.migrate();
  for (const char* step : {"007_tenant", "008_access", "032_api_consumers",
                           "attach_014_access_feed", "attach_033_consumer_feed"})
    cluster.sql(Cluster::schema(step));
  PostgresRig rig(cluster.url());
  const RunSql run = [&](const std::string& sql) { cluster.sql(sql); };
  check_keys(*rig, run, [](const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& t : texts) out += (out.empty() ? "'" : ",'") + t + "'";
    return "ARRAY[" + out + "]";
  });
  const auto literal = [](const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& t : texts) out += (out.empty() ? "\"" : ",\"") + t + "\"";
    return "'{" + out + "}'";
  };
  check_consumers(*rig, run, literal, identity::lower_hex(identity::Sha256().of(kConsumer)));
  cluster.sql(key_row(", expires_at", ", 'infinity'"));
  auto& keys = dynamic_cast<identity::KeyDirectory&>(*rig);
  CHECK_FALSE(find(keys).record.broken);
  CHECK_FALSE(find(keys).record.expires_at);
  cluster.sql("UPDATE module_api_keys SET expires_at = '-infinity'");
  CHECK(find(keys).record.broken);
}
