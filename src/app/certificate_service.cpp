#include "app/certificate_service.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "tls/name_check.hpp"
#include "tls/pem.hpp"

namespace marquee::app {
namespace {

using admin::CertificateAnswer;
using admin::CertificateEntry;
using admin::CertificateFacts;
using admin::CertificatePage;
using routing::DomainRecord;
using routing::RecordKind;
using routing::StoredCertificate;
using Row = std::shared_ptr<const DomainRecord>;

constexpr int kParallel = 4;                    // certificates of a page that are read at once
constexpr std::size_t kMostColumn = 64u << 10;  // bytes of a column of the directory
constexpr std::string_view kInternal = "Marquee internal CA";

CertificateAnswer failed(unsigned status, std::string sentence) {
  CertificateAnswer out;
  out.status = status;
  out.problem = std::move(sentence);
  return out;
}

admin::WallTime wall(std::time_t seconds) { return admin::WallTime(std::chrono::seconds(seconds)); }

std::string day_of(std::time_t seconds) {
  std::tm parts{};
  char text[16];
  ::gmtime_r(&seconds, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

std::vector<CertificateFacts> facts_of(std::span<const tls::CertificateRecord> records) {
  std::vector<CertificateFacts> out;
  for (const tls::CertificateRecord& record : records) {
    tls::LeafFacts leaf = tls::facts_of(record);
    out.push_back({std::move(leaf.issuer), tls::key_words(record), std::move(leaf.names),
                   wall(leaf.not_before), wall(leaf.not_after)});
  }
  return out;
}

std::string shown_host(const DomainRecord& row) {
  return (row.wildcard ? "*." : "") + row.host.string();
}

// An entry of a directory's row. Wipes the key unless it is asked for.
CertificateEntry entry_of(std::string host, StoredCertificate stored, bool with_text,
                          bool with_key) {
  CertificateEntry out;
  out.host = std::move(host);
  out.source = "directory";
  if (stored.status == StoredCertificate::Status::found) {
    tls::IntermediateSet unused;
    const tls::ReadRecords read =
        tls::read_records(stored.chain, stored.key, "its certificate", unused);
    out.certificates = facts_of(read.records);
    out.fault = read.error;
    if (std::any_of(out.certificates.begin(), out.certificates.end(),
                    [](const auto& c) { return c.not_after <= wall(std::time(nullptr)); }))
      out.fault = "it has expired";
    if (with_text) out.chain = std::move(stored.chain);
    if (with_key) out.key = std::move(stored.key);
  } else {
    out.fault = stored.failure.sentence.empty() ? "there is no certificate"
                                                : std::move(stored.failure.sentence);
  }
  OPENSSL_cleanse(stored.key.data(), stored.key.size());
  return out;
}

CertificateEntry entry_of(const proxy::DomainPlan& plan) {
  const routing::Domain& d = *plan.domain;
  CertificateEntry out;
  out.host = (d.wildcard || d.host_class == routing::HostClass::site ? "*." : "") + d.host.string();
  if (d.certificate_source == routing::CertificateSource::internal) {
    out.source = "internal";
    out.certificates.push_back({std::string(kInternal), "EC P-256", plan.covered, {}, {}});
    return out;
  }
  out.source = "file";
  if (plan.certificate.spec)
    out.certificates = facts_of(plan.certificate.spec->records);
  else
    out.fault = "its files cannot be used; marquee check says why";
  return out;
}

struct Wanted {
  std::string host;  // normalised; "*.parent" for a wildcard
  routing::LookupKeys keys;
};
std::optional<Wanted> wanted_of(const std::string& text) {
  if (text.starts_with("*.")) {
    const auto parsed = base::parse_wildcard(text);
    if (!parsed) return std::nullopt;
    const base::Hostname& parent = *parsed.name;
    return Wanted{"*." + parent.string(), {parent, std::nullopt, parent.string(), "", false}};
  }
  const auto parsed = base::parse_hostname(text);
  if (!parsed || parsed.port >= 0) return std::nullopt;
  return Wanted{parsed.name->string(), routing::keys_of(*parsed.name, "")};
}

// The row whose certificate `wanted` means: its own, else its twin's.
Row row_of(const Wanted& wanted, const routing::DirectoryAnswer& answer) {
  Row twin;
  for (const Row& row : answer.rows) {
    if (row->kind != RecordKind::module_domain) continue;
    if (shown_host(*row) == wanted.host) return row;
    if (!row->wildcard && wanted.keys.twin && row->host == *wanted.keys.twin) twin = row;
  }
  return twin;
}

std::string no_row(const Wanted& wanted, const routing::DirectoryAnswer& answer) {
  for (const Row& row : answer.rows)
    if (row->kind != RecordKind::module_domain)
      return wanted.host + " is a " + (row->kind == RecordKind::redirect ? "redirect" : "site") +
             " row, which has no place for a certificate; only module domains have";
  return "the directory has no domain " + wanted.host + "; add it first";
}

// Empty, or why it cannot be stored: a sentence that names what is at fault.
std::string check_import(const std::string& host, const DomainRecord& row, const std::string& chain,
                         const std::string& key, const store::EncryptionKey& encryption,
                         routing::NewCertificate& made, CertificateEntry& entry) {
  tls::IntermediateSet unused;
  const tls::ReadRecords read = tls::read_records(chain, key, host, unused);
  if (!read.error.empty()) return read.error;
  const std::time_t now = std::time(nullptr);
  made.row = row.row;
  for (const tls::CertificateRecord& record : read.records) {
    const tls::LeafFacts leaf = tls::facts_of(record);
    const std::string which =
        read.records.size() > 1 ? "the " + tls::key_words(record) + " certificate" : "it";
    if (leaf.not_after <= now)
      return which + " expired on " + day_of(leaf.not_after) + "; give a renewed certificate";
    if (!tls::covers(leaf.names, host)) {
      std::string names;
      for (std::size_t i = 0; i < leaf.names.size() && i < 5; ++i)
        names += (i ? ", " : "") + leaf.names[i];
      return which + " is for " + (names.empty() ? "no DNS name" : names) + ", not for " + host +
             "; give the certificate of this name";
    }
    const auto expires = std::chrono::sys_seconds(std::chrono::seconds(leaf.not_after));
    if (made.expires_at != std::chrono::sys_seconds{} && made.expires_at <= expires) continue;
    made.expires_at = expires;
    made.issued_at = std::chrono::sys_seconds(std::chrono::seconds(leaf.not_before));
    made.serial = leaf.serial;
    made.issuer = leaf.issuer;
    made.subject = leaf.subject;
    made.names = leaf.names;
  }
  // Nothing but certificates and keys is stored, whatever else the files held.
  tls::PemText text = tls::to_pem(read.records);
  auto sealed = store::encrypt(encryption, text.key);
  OPENSSL_cleanse(text.key.data(), text.key.size());
  if (!sealed || text.chain.size() > kMostColumn || sealed->size() > kMostColumn)
    return "the certificate or its key is larger than 64 KiB";
  made.chain = std::move(text.chain);
  made.sealed = std::move(*sealed);
  entry.host = shown_host(row);
  entry.source = "directory";
  entry.certificates = facts_of(read.records);
  return {};
}

}  // namespace

struct CertificateService::Core : std::enable_shared_from_this<Core> {
  explicit Core(Parts p) : parts(std::move(p)) {}

  struct Listing;
  void next(const std::shared_ptr<Listing>& listing);
  void find(const Wanted& wanted, std::function<void(const routing::DirectoryAnswer&)> done);
  const proxy::DomainPlan* plan_of(const proxy::Snapshot& snapshot, const Wanted& wanted) const;
  void store(const Wanted& wanted, const Row& row, routing::NewCertificate certificate,
             CertificateEntry entry, std::function<void(CertificateAnswer)> done);

  Parts parts;
  bool ended = false;  // control thread
};

// One page, row by row.
struct CertificateService::Core::Listing {
  CertificatePage page;
  std::vector<DomainRecord> rows;
  std::vector<CertificateEntry> read;
  std::size_t at = 0;
  int running = 0;
  std::function<void(CertificatePage)> done;
};

CertificateService::CertificateService(Parts parts)
    : core_(std::make_shared<Core>(std::move(parts))) {}
CertificateService::~CertificateService() { core_->ended = true; }

void CertificateService::list(const admin::CertificateQuery& query,
                              std::function<void(CertificatePage)> done) {
  auto listing = std::make_shared<Core::Listing>();
  listing->done = std::move(done);
  // The settings' come first, all with the first page.
  if (query.cursor.empty())
    for (const auto& plan : core_->parts.settings()->plans()) {
      CertificateEntry entry = entry_of(*plan);
      if (entry.host.find(query.contains) != std::string::npos)
        listing->page.entries.push_back(std::move(entry));
    }
  if (!core_->parts.directory) return listing->done(std::move(listing->page));
  routing::ListQuery rows;
  rows.cursor = query.cursor;
  rows.limit = query.limit;
  rows.kind = RecordKind::module_domain;
  rows.contains = query.contains;
  core_->parts.directory->directory().list(
      rows, [core = core_, listing](routing::ListPage page) mutable {
        core->parts.control([core, listing, page = std::move(page)]() mutable {
          if (core->ended) return;
          if (!page.ok) {
            listing->page.status = page.failure.source == base::FailureSource::client ? 400 : 503;
            listing->page.problem = page.failure.sentence;
            listing->page.entries.clear();
            return listing->done(std::move(listing->page));
          }
          listing->page.next = page.next;
          for (DomainRecord& row : page.rows)
            if (row.certificate.present) listing->rows.push_back(std::move(row));
          listing->read.resize(listing->rows.size());
          core->next(listing);
        });
      });
}

void CertificateService::Core::next(const std::shared_ptr<Listing>& listing) {
  while (listing->running < kParallel && listing->at < listing->rows.size()) {
    const std::size_t at = listing->at++;
    ++listing->running;
    const DomainRecord& row = listing->rows[at];
    parts.directory->directory().load_certificate(
        row.kind, row.row, [core = shared_from_this(), listing, at](StoredCertificate stored) {
          // On the adapter's or the pool's thread, where the certificate was read.
          auto entry = std::make_shared<CertificateEntry>(
              entry_of(shown_host(listing->rows[at]), std::move(stored), false, false));
          core->parts.control([core, listing, at, entry] {
            if (core->ended) return;
            listing->read[at] = std::move(*entry);
            --listing->running;
            core->next(listing);
          });
        });
  }
  if (listing->running > 0 || listing->at < listing->rows.size() || !listing->done) return;
  for (CertificateEntry& entry : listing->read) listing->page.entries.push_back(std::move(entry));
  std::exchange(listing->done, nullptr)(std::move(listing->page));
}

const proxy::DomainPlan* CertificateService::Core::plan_of(const proxy::Snapshot& snapshot,
                                                           const Wanted& wanted) const {
  for (const auto& plan : snapshot.plans()) {
    const routing::Domain& d = *plan->domain;
    const std::string shown = (d.wildcard ? "*." : "") + d.host.string();
    if (shown == wanted.host ||
        (d.pair && (d.bare.text() == wanted.host || d.www.text() == wanted.host)))
      return plan.get();
  }
  return nullptr;
}

void CertificateService::Core::find(const Wanted& wanted,
                                    std::function<void(const routing::DirectoryAnswer&)> done) {
  parts.directory->directory().find(
      wanted.keys,
      [core = shared_from_this(), done = std::move(done)](const routing::DirectoryAnswer& answer) {
        core->parts.control([core, done, answer] {
          if (!core->ended) done(answer);
        });
      });
}

void CertificateService::show(const std::string& host, bool with_key,
                              std::function<void(CertificateAnswer)> done) {
  const auto wanted = wanted_of(host);
  if (!wanted) return done(failed(400, host + " is not a hostname; write shop.example.com"));
  const auto snapshot = core_->parts.settings();
  if (const proxy::DomainPlan* const plan = core_->plan_of(*snapshot, *wanted)) {
    CertificateAnswer answer;
    answer.entry = entry_of(*plan);
    if (answer.entry.source != "file")
      return done(failed(409, wanted->host +
                                  " has a certificate of the internal CA, made anew by each "
                                  "process; there is nothing to export"));
    if (with_key)
      return done(failed(409, "the key of " + wanted->host +
                                  " is in the file that the settings name: " +
                                  plan->domain->certificates.front().key_file));
    if (!plan->certificate.spec) return done(failed(409, wanted->host + ": " + answer.entry.fault));
    tls::PemText text = tls::to_pem(plan->certificate.spec->records);
    OPENSSL_cleanse(text.key.data(), text.key.size());
    answer.entry.chain = std::move(text.chain);
    return done(std::move(answer));
  }
  if (!core_->parts.directory)
    return done(
        failed(404, "the settings have no domain " + wanted->host + ", and there is no directory"));
  core_->find(*wanted, [core = core_, wanted = *wanted, with_key,
                        done = std::move(done)](const routing::DirectoryAnswer& answer) {
    if (answer.status == routing::DirectoryAnswer::Status::unavailable)
      return done(failed(503, answer.failure.sentence));
    const Row row = row_of(wanted, answer);
    if (!row) return done(failed(404, no_row(wanted, answer)));
    core->parts.directory->directory().load_certificate(
        row->kind, row->row, [core, row, with_key, done](StoredCertificate stored) {
          const auto status = stored.status;
          auto out = std::make_shared<CertificateAnswer>();
          out->entry = entry_of(shown_host(*row), std::move(stored), true, with_key);
          if (status != StoredCertificate::Status::found || out->entry.certificates.empty())
            *out = failed(status == StoredCertificate::Status::unavailable ? 503 : 404,
                          shown_host(*row) + ": " + out->entry.fault);
          core->parts.control([core, out, done] {
            if (!core->ended) done(std::move(*out));
          });
        });
  });
}

void CertificateService::import(const std::string& host, std::string chain, std::string key,
                                std::function<void(CertificateAnswer)> done) {
  const auto wanted = wanted_of(host);
  const auto shared_key =
      std::shared_ptr<std::string>(new std::string(std::move(key)), [](std::string* text) {
        OPENSSL_cleanse(text->data(), text->size());
        delete text;
      });
  if (!wanted) return done(failed(400, host + " is not a hostname; write shop.example.com"));
  if (core_->plan_of(*core_->parts.settings(), *wanted))
    return done(failed(409, wanted->host +
                                " stands in the settings file, which goes first; write its "
                                "certificate there: domains[].certificate"));
  if (!core_->parts.directory || !core_->parts.store)
    return done(failed(409,
                       "there is no directory to import into; set directory.kind, or write the "
                       "certificate into the settings: domains[].certificate"));
  if (!core_->parts.key)
    return done(failed(409,
                       "private keys are stored encrypted, and directory.encryption_key is not "
                       "set; make one with  openssl rand -hex 32"));
  core_->find(*wanted, [core = core_, wanted = *wanted, chain = std::move(chain), shared_key,
                        done = std::move(done)](const routing::DirectoryAnswer& answer) {
    if (answer.status == routing::DirectoryAnswer::Status::unavailable)
      return done(failed(503, answer.failure.sentence));
    const Row row = row_of(wanted, answer);
    if (!row) return done(failed(404, no_row(wanted, answer)));
    core->parts.blocking([core, wanted, chain, shared_key, row, done] {
      CertificateAnswer refused;
      CertificateEntry entry;
      routing::NewCertificate made;
      if (std::string why =
              check_import(wanted.host, *row, chain, *shared_key, *core->parts.key, made, entry);
          !why.empty())
        refused = failed(422, std::move(why));
      core->parts.control([core, wanted, row, made, entry, refused, done] {
        if (core->ended) return;
        if (refused.status != 200) return done(refused);
        core->store(wanted, row, made, entry, done);
      });
    });
  });
}

void CertificateService::remove(const std::string& host, bool local,
                                std::function<void(CertificateAnswer)> done) {
  const auto wanted = wanted_of(host);
  if (!wanted) return done(failed(400, host + " is not a hostname; write shop.example.com"));
  if (core_->plan_of(*core_->parts.settings(), *wanted))
    return done(failed(409, wanted->host +
                                " stands in the settings file; change its certificate there: "
                                "domains[].certificate"));
  if (!core_->parts.directory || !core_->parts.store)
    return done(failed(409, "there is no directory to remove it from"));
  core_->find(*wanted, [core = core_, wanted = *wanted, local,
                        done = std::move(done)](const routing::DirectoryAnswer& answer) {
    if (answer.status == routing::DirectoryAnswer::Status::unavailable)
      return done(failed(503, answer.failure.sentence));
    const Row row = row_of(wanted, answer);
    if (!row) return done(failed(404, no_row(wanted, answer)));
    core->parts.store->remove_certificate(
        row->row, [core, row, local, done](const std::optional<base::Failure>& failure) {
          core->parts.control([core, row, local, done, failure] {
            if (core->ended) return;
            const std::string shown = shown_host(*row);
            if (failure)
              return done(failed(failure->source == base::FailureSource::client ? 404 : 503,
                                 shown + ": " + failure->sentence));
            core->parts.logger->info("a certificate was removed",
                                     {{"host", shown}, {"by", local ? "unix socket" : "tcp"}});
            core->parts.directory->flush({&shown, 1});
            CertificateAnswer out;
            out.entry.host = shown;
            done(std::move(out));
          });
        });
  });
}

void CertificateService::Core::store(const Wanted& wanted, const Row& row,
                                     routing::NewCertificate certificate, CertificateEntry entry,
                                     std::function<void(CertificateAnswer)> done) {
  parts.store->store_certificate(
      certificate, [core = shared_from_this(), wanted, row, entry = std::move(entry),
                    done = std::move(done)](const std::optional<base::Failure>& failure) {
        core->parts.control([core, wanted, row, entry, done, failure] {
          if (core->ended) return;
          if (failure)
            return done(failed(failure->source == base::FailureSource::client ? 404 : 503,
                               failure->sentence));
          // The feed will say so, too; here it is live at once.
          const std::string host = shown_host(*row);
          core->parts.directory->flush({&host, 1});
          CertificateAnswer answer;
          answer.entry = entry;
          done(std::move(answer));
        });
      });
}

}  // namespace marquee::app
