#include "conformance.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <functional>
#include <set>

#include "directory_rig.hpp"
#include "routing/resolution.hpp"
#include "tls/fixture.hpp"

namespace marquee::store {
namespace {

using namespace routing;
using AnswerStatus = DirectoryAnswer::Status;
using What = Change::What;

std::string id(int n) {
  char text[40];
  std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012d", n);
  return text;
}
std::string q(const std::string& text) { return "'" + text + "'"; }

// A pair of shop.example, and a key of another one; the same for the whole run.
struct Pem {
  std::string certificate, key, other_key;
};
std::string pem(const std::function<void(BIO*)>& write) {
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}
std::string key_pem(EVP_PKEY* key) {
  return pem(
      [&](BIO* out) { PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr); });
}
const Pem& sample_pem() {
  static const Pem out = [] {
    const auto key = tls::testing::make_key();
    tls::testing::LeafOptions leaf;
    leaf.names = {"shop.example"};
    const auto certificate = tls::testing::make_certificate(key.get(), leaf);
    return Pem{pem([&](BIO* b) { PEM_write_bio_X509(b, certificate.get()); }), key_pem(key.get()),
               key_pem(tls::testing::make_key().get())};
  }();
  return out;
}

std::string tenant(int n, const std::string& agency_status) {
  return "INSERT INTO agencies (id, name, status, subscription_status, plan) VALUES (" + q(id(n)) +
         ", 'agency', " + q(agency_status) + ", 'past_due', 'Starter');" +
         "INSERT INTO clients (id, agency_id, name, status) VALUES (" + q(id(n + 1)) + ", " +
         q(id(n)) + ", 'client', 'active');";
}
std::string site(int n, int agency, const std::string& label, const std::string& custom,
                 bool verified, bool published) {
  return "INSERT INTO sites (id, client_id, agency_id, name, subdomain, custom_domain, "
         "custom_domain_verified, published) VALUES (" +
         q(id(n)) + ", " + q(id(agency + 1)) + ", " + q(id(agency)) + ", 'site', " + q(label) +
         ", " + (custom.empty() ? "NULL" : q(custom)) + ", " + (verified ? "true" : "false") +
         ", " + (published ? "true" : "false") + ");";
}
std::string installation(int n, int of_site, bool enabled) {
  return "INSERT INTO site_module_installations (id, site_id, module_id, is_enabled) VALUES (" +
         q(id(n)) + ", " + q(id(of_site)) + ", " + q(id(900 + n)) + ", " +
         (enabled ? "true" : "false") + ");";
}
std::string domain(int n, int of_installation, const std::string& name, const std::string& status,
                   const std::string& more = "NULL, NULL, '{}', '{}'") {
  return "INSERT INTO module_custom_domains (id, site_module_installation_id, domain, status, "
         "ssl_status, ssl_expires_at, ssl_certificate, ssl_private_key_encrypted, config, "
         "white_label) VALUES (" +
         q(id(n)) + ", " + q(id(of_installation)) + ", " + q(name) + ", " + q(status) +
         ", 'active', '2033-05-18T03:33:20Z', " + more + ");";
}
std::string redirect(int n, const std::string& from, const std::string& to,
                     const std::string& more = "'301', true, true") {
  return "INSERT INTO domain_redirects (id, site_id, from_domain, to_domain, redirect_type, "
         "preserve_path, active) VALUES (" +
         q(id(n)) + ", " + q(id(20)) + ", " + q(from) + ", " + q(to) + ", " + more + ");";
}

const DomainRecord* row_of(const DirectoryAnswer& answer, std::string_view host, RecordKind kind) {
  for (const auto& row : answer.rows)
    if (row->host.text() == host && row->kind == kind) return row.get();
  return nullptr;
}

void check_find(DomainDirectory& directory) {
  const DirectoryAnswer shop = ask(directory, "shop.example");
  REQUIRE(shop.status == AnswerStatus::found);
  REQUIRE(shop.rows.size() == 1);
  const DomainRecord& r = *shop.rows[0];
  CHECK(r.kind == RecordKind::module_domain);
  CHECK(r.row == id(40));
  CHECK(r.domain_id.text() == id(40));
  CHECK(r.installation.text() == id(30));
  CHECK(r.module.text() == id(930));
  CHECK(r.site.text() == id(20));
  CHECK(r.client.text() == id(11));
  CHECK(r.agency.text() == id(10));
  CHECK(r.agency_status == "active");
  CHECK(r.subscription_status == "past_due");
  CHECK(r.agency_plan == "starter");
  CHECK(r.client_status == "active");
  CHECK(r.status == DomainStatus::active);
  CHECK(r.ssl_status == SslStatus::active);
  CHECK(r.config.force_www == config::WwwRule::www);
  CHECK_FALSE(r.config.redirect_to_https);
  CHECK(r.white_label.brand_name == "Käse & Brot");
  CHECK(r.certificate.present);
  CHECK(r.certificate.version.size() == 64);
  REQUIRE(r.certificate.expires_at);
  CHECK(r.certificate.expires_at->time_since_epoch().count() == 2'000'000'000);
  CHECK_FALSE(r.proven);
  CHECK(r.installation_enabled);
  CHECK(r.site_published);
  CHECK(r.faults.empty());
  CHECK(shop.lineage != 0);

  // The pair, one wildcard label, and nobody's name.
  CHECK(row_of(ask(directory, "www.shop.example"), "shop.example", RecordKind::module_domain));
  CHECK(ask(directory, "a.shop.example").status == AnswerStatus::absent);
  CHECK(ask(directory, "nobody.example").status == AnswerStatus::absent);

  const DirectoryAnswer blog = ask(directory, "blog.example");
  REQUIRE(row_of(blog, "blog.example", RecordKind::site_domain));
  CHECK(row_of(blog, "blog.example", RecordKind::site_domain)->status == DomainStatus::active);
  CHECK(row_of(blog, "blog.example", RecordKind::site_domain)->site.text() == id(20));
  CHECK(row_of(ask(directory, "draft.example"), "draft.example", RecordKind::site_domain)->status ==
        DomainStatus::pending);

  const DirectoryAnswer label = ask(directory, "blog.sites.example.com");
  REQUIRE(label.rows.size() == 1);
  CHECK(label.rows[0]->kind == RecordKind::site_subdomain);
  CHECK(label.rows[0]->host.text() == "blog.sites.example.com");
  CHECK(label.rows[0]->status == DomainStatus::active);
  CHECK(ask(directory, "sites.example.com").status == AnswerStatus::absent);
  CHECK(ask(directory, "a.blog.sites.example.com").status == AnswerStatus::absent);
}

void check_states(DomainDirectory& directory) {
  const auto suspended = ask(directory, "suspended.example");
  REQUIRE(suspended.rows.size() == 1);
  CHECK(suspended.rows[0]->agency_status == "suspended");
  const auto off = ask(directory, "off.example");
  REQUIRE(off.rows.size() == 1);
  CHECK_FALSE(off.rows[0]->installation_enabled);
  const auto hidden = ask(directory, "hidden.example");
  REQUIRE(hidden.rows.size() == 1);
  CHECK_FALSE(hidden.rows[0]->site_published);
  CHECK(ask(directory, "pending.example").rows[0]->status == DomainStatus::pending);
}

void check_redirects(DomainDirectory& directory) {
  const DirectoryAnswer chain = ask(directory, "old.example");
  const auto* first = row_of(chain, "old.example", RecordKind::redirect);
  REQUIRE(first);
  REQUIRE(first->redirect);
  CHECK(first->redirect->host.text() == "older.example");
  CHECK(first->redirect->type == RedirectType::found_302);
  CHECK_FALSE(first->redirect->preserve_path);
  CHECK(first->site.text() == id(20));
  CHECK(first->status == DomainStatus::active);
  CHECK(row_of(chain, "older.example", RecordKind::redirect));
  CHECK(row_of(chain, "shop.example", RecordKind::module_domain));
  const Resolution resolved =
      resolve(keys_of(*base::parse_hostname("old.example").name, ""), chain, {true, {}, {}, false});
  CHECK(resolved.kind == Resolution::Kind::redirect);
  REQUIRE(resolved.redirect);
  CHECK(resolved.redirect->host.text() == "shop.example");

  CHECK(ask(directory, "www.old.example").rows.size() == 3);
  CHECK(ask(directory, "inactive.example").status == AnswerStatus::absent);
  const DirectoryAnswer loop = ask(directory, "loop-a.example");
  CHECK(loop.rows.size() == 2);
  const DirectoryAnswer broken = ask(directory, "broken.example");
  REQUIRE(broken.rows.size() == 1);
  CHECK_FALSE(broken.rows[0]->redirect);
  CHECK_FALSE(broken.rows[0]->faults.empty());
}

void check_certificates(DomainDirectory& directory) {
  const StoredCertificate good = certificate(directory, id(40));
  REQUIRE(good.status == StoredCertificate::Status::found);
  CHECK(good.chain == sample_pem().certificate);
  CHECK(good.key == sample_pem().key);
  CHECK(good.version == ask(directory, "shop.example").rows[0]->certificate.version);

  // The vercel sentinel is silent; the others are said.
  const auto sentinel = ask(directory, "sentinel.example").rows[0];
  CHECK_FALSE(sentinel->certificate.present);
  CHECK(sentinel->faults.empty());
  CHECK(certificate(directory, id(50)).status == StoredCertificate::Status::absent);
  CHECK_FALSE(ask(directory, "mock.example").rows[0]->certificate.present);
  const auto half = ask(directory, "half.example").rows[0];
  CHECK_FALSE(half->certificate.present);
  CHECK_FALSE(half->faults.empty());
  const auto sealed = ask(directory, "otherkey.example").rows[0];
  CHECK_FALSE(sealed->certificate.present);
  CHECK_FALSE(sealed->faults.empty());
  // Whether a pair belongs together is seen when it is parsed, once, by who asked.
  CHECK(certificate(directory, id(54)).status == StoredCertificate::Status::found);
  CHECK(certificate(directory, id(999)).status == StoredCertificate::Status::absent);
  CHECK(certificate(directory, id(20), RecordKind::site_domain).status ==
        StoredCertificate::Status::absent);
}

void check_lists(DomainDirectory& directory) {
  std::set<std::pair<RecordKind, std::string>> seen;
  ListQuery query;
  query.limit = 3;
  std::size_t pages = 0;
  do {
    const ListPage page = list(directory, query);
    REQUIRE_MESSAGE(page.ok, page.failure.sentence);
    CHECK(page.rows.size() <= 3);
    for (const auto& row : page.rows) CHECK(seen.emplace(row.kind, row.row).second);
    query.cursor = page.next;
    REQUIRE(++pages < 100);
  } while (!query.cursor.empty());
  // 11 module domains, 3 site domains, 4 labels, 6 redirects.
  CHECK(seen.size() == 24);

  const auto count = [&](auto change) {
    ListQuery q2;
    change(q2);
    const ListPage page = list(directory, q2);
    CHECK(page.ok);
    return page.rows.size();
  };
  CHECK(count([](ListQuery& f) { f.kind = RecordKind::redirect; }) == 6);
  CHECK(count([](ListQuery& f) { f.kind = RecordKind::site_domain; }) == 3);
  CHECK(count([](ListQuery& f) { f.agency = id(12); }) == 2);
  CHECK(count([](ListQuery& f) { f.installation = id(31); }) == 1);
  CHECK(count([](ListQuery& f) { f.site = id(21); }) == 3);
  CHECK(count([](ListQuery& f) { f.contains = "SHOP"; }) == 1);
  CHECK(count([](ListQuery& f) { f.status = DomainStatus::pending; }) == 2);
  CHECK(count([](ListQuery& f) { f.status = DomainStatus::disabled; }) == 1);
  CHECK(count([](ListQuery& f) {
          f.agency = id(10);
          f.contains = "shop";
          f.kind = RecordKind::module_domain;
        }) == 1);
  ListQuery wrong;
  wrong.cursor = "nonsense";
  CHECK_FALSE(list(directory, wrong).ok);
  CHECK(list(directory, wrong).failure.source == base::FailureSource::client);

  std::multiset<std::string> all;
  std::string cursor;
  do {
    const NamePage page = names(directory, cursor, 4);
    REQUIRE(page.ok);
    all.insert(page.names.begin(), page.names.end());
    cursor = page.next;
  } while (!cursor.empty());
  CHECK(all.size() == 24);
  CHECK(all.contains("shop.example"));
  CHECK(all.contains("blog."));
  CHECK(all.contains("old.example"));
}

void check_feed(DomainDirectory& directory, const RunSql& run) {
  Ear ear;
  directory.subscribe(&ear);
  REQUIRE(ear.wait_live());
  CHECK(ear.staleness() <= std::chrono::milliseconds(1000));
  ear.take();
  const auto before = generation(directory);
  REQUIRE(before);

  // Statistics touch updated_at and the counters: nobody is told.
  run("UPDATE module_custom_domains SET total_requests = 5, updated_at = '2026-01-01T00:00:00Z';"
      "UPDATE agencies SET name = 'other';"
      "UPDATE sites SET published = published;");
  run("UPDATE module_custom_domains SET status = 'disabled' WHERE id = " + q(id(40)) + ";");
  CHECK(ear.wait_change(What::name, "shop.example"));
  CHECK(ask(directory, "shop.example").rows[0]->status == DomainStatus::disabled);
  auto told = ear.take();
  CHECK(told.size() == 1);
  const auto later = generation(directory);
  REQUIRE(later);
  CHECK(*later > *before);
  CHECK(ask(directory, "shop.example").generation >= *later);

  // A name that moves is told with its old and its new value.
  run("UPDATE module_custom_domains SET domain = 'moved.example' WHERE id = " + q(id(40)) + ";");
  CHECK(ear.wait_change(What::name, "shop.example"));
  CHECK(ear.wait_change(What::name, "moved.example"));
  run("UPDATE agencies SET status = 'suspended' WHERE id = " + q(id(10)) + ";");
  CHECK(ear.wait_change(What::agency, id(10)));
  run("UPDATE site_module_installations SET is_enabled = false WHERE id = " + q(id(30)) + ";");
  CHECK(ear.wait_change(What::installation, id(30)));
  run("UPDATE sites SET published = false WHERE id = " + q(id(20)) + ";");
  CHECK(ear.wait_change(What::site, id(20)));
  run("UPDATE clients SET status = 'archived' WHERE id = " + q(id(11)) + ";");
  CHECK(ear.wait_change(What::client, id(11)));
  run("DELETE FROM domain_redirects WHERE from_domain = 'old.example';");
  CHECK(ear.wait_change(What::name, "old.example"));
  run(site(29, 10, "fresh", "", false, true));
  CHECK(ear.wait_change(What::name, "fresh.sites.example.com"));
  run(domain(49, 30, "new.example", "active"));
  CHECK(ear.wait_change(What::name, "new.example"));

  // Many at once, as an import makes them, are told one by one: what is known of other
  // names stays.
  ear.take();
  std::string many;
  for (int i = 0; i < 2500; ++i)
    many += redirect(10'000 + i, "many" + std::to_string(i) + ".example", "shop.example");
  run("BEGIN;" + many + "COMMIT;");
  for (int i = 0; i < 2500; ++i)
    REQUIRE(ear.wait_change(What::name, "many" + std::to_string(i) + ".example"));
  CHECK(ear.largest() <= kMostTold);
  for (const auto& change : ear.take()) CHECK(change.what == What::name);
  // What is out of all measure is not.
  run("INSERT INTO domain_redirects (from_domain, to_domain) WITH RECURSIVE n(i) AS (SELECT 1 "
      "UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT 'lot' || i || '.example', "
      "'shop.example' FROM n;");
  CHECK(ear.wait_change(What::everything));

  directory.subscribe(nullptr);
}

}  // namespace

std::string sample_rows() {
  const auto key = [](const std::string& pem, const EncryptionKey& with) {
    return q(*encrypt(with, pem));
  };
  const std::string ec = q(sample_pem().certificate);
  const EncryptionKey other = *EncryptionKey::parse(std::string(64, 'e'));
  return tenant(10, "active") + tenant(12, "suspended") +
         site(20, 10, "blog", "blog.example", true, true) +
         site(21, 10, "draft", "draft.example", false, false) +
         site(22, 12, "gone", "", false, true) + site(23, 10, "bare", "both.example", true, true) +
         installation(30, 20, true) + installation(31, 23, false) + installation(32, 22, true) +
         installation(33, 21, true) +
         domain(40, 30, "shop.example", "active",
                ec + ", " + key(sample_pem().key, sample_key()) +
                    ", '{\"force_www\": true, \"redirect_to_https\": false}', "
                    "'{\"brand_name\": \"Käse & Brot\"}'") +
         domain(41, 30, "pending.example", "pending") + domain(42, 31, "off.example", "active") +
         domain(43, 32, "suspended.example", "active") +
         domain(44, 33, "hidden.example", "active") +
         domain(50, 30, "sentinel.example", "active",
                "'vercel_managed', 'vercel_managed', '{}', '{}'") +
         domain(51, 30, "mock.example", "active",
                "'-----BEGIN CERTIFICATE-----MOCK_CERTIFICATE-----END CERTIFICATE-----', "
                "'mock_encrypted_key', '{}', '{}'") +
         domain(52, 30, "half.example", "active", ec + ", NULL, '{}', '{}'") +
         domain(53, 30, "otherkey.example", "active",
                ec + ", " + key(sample_pem().key, other) + ", '{}', '{}'") +
         domain(54, 30, "mismatch.example", "active",
                ec + ", " + key(sample_pem().other_key, sample_key()) + ", '{}', '{}'") +
         domain(55, 30, "poisoned.example", "active",
                "NULL, NULL, '{\"force_www\": [], \"custom_headers\": 7, \"cache_ttl\": 1e99}', "
                "'[1,2]'") +
         redirect(60, "old.example", "older.example", "'302', false, true") +
         redirect(61, "older.example", "Shop.Example") +
         redirect(62, "inactive.example", "shop.example", "'301', true, false") +
         redirect(63, "loop-a.example", "loop-b.example") +
         redirect(64, "loop-b.example", "loop-a.example") +
         redirect(65, "broken.example", "not a host");
}

void check_conformance(DomainDirectory& directory, const RunSql& run) {
  CHECK(ask(directory, "shop.example").status == AnswerStatus::absent);
  run(sample_rows());
  check_find(directory);
  check_states(directory);
  check_redirects(directory);
  check_certificates(directory);
  const auto poisoned = ask(directory, "poisoned.example");
  REQUIRE(poisoned.rows.size() == 1);
  CHECK(poisoned.rows[0]->faults.size() >= 4);
  CHECK(poisoned.rows[0]->status == DomainStatus::active);
  check_lists(directory);
  check_feed(directory, run);
}

}  // namespace marquee::store
