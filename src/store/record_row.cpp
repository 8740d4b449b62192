#include "store/record_row.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <charconv>
#include <cmath>

#include "routing/record_json.hpp"

namespace marquee::store {
namespace {

using routing::DomainRecord;
using routing::RecordKind;

constexpr std::size_t kMostFaults = 12;

void fault(DomainRecord& record, std::string sentence) {
  if (record.faults.size() < kMostFaults) record.faults.push_back(std::move(sentence));
}

// Both databases' words for a boolean.
std::optional<bool> boolean(std::string_view text) {
  if (text == "t" || text == "1" || text == "true") return true;
  if (text == "f" || text == "0" || text == "false") return false;
  return std::nullopt;
}

bool flag(DomainRecord& record, const RecordRow& row, Column column, std::string_view name,
          bool absent) {
  if (!row[column]) return absent;
  const auto value = boolean(row.text(column));
  // What cannot be read is not what opens a door.
  if (!value) fault(record, std::string(name) + " is neither true nor false");
  return value.value_or(false);
}

template <typename Id>
void read_id(DomainRecord& record, const RecordRow& row, Column column, std::string_view name,
             Id& out) {
  if (!row[column]) return;
  if (auto id = Id::parse(row.text(column)))
    out = std::move(*id);
  else
    fault(record, std::string(name) + " " + std::string(base::kIdRule));
}

std::optional<std::chrono::sys_seconds> seconds(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Year 9999; also keeps out infinities, which PostgreSQL's timestamps have.
  if (error != std::errc() || !(std::abs(value) < 253402300800.0)) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(value)));
}

std::string version_of(std::string_view certificate, std::string_view encrypted_key) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  // The separator is in neither of them.
  std::string both;
  both.reserve(certificate.size() + encrypted_key.size() + 1);
  both.append(certificate).append(1, '\0').append(encrypted_key);
  SHA256(reinterpret_cast<const unsigned char*>(both.data()), both.size(), digest.data());
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

// Why the two columns are no certificate: empty if they may be one. `silent`:
// nothing is wrong, there is none.
std::string certificate_fault(std::string_view certificate, std::string_view encrypted_key,
                              bool& silent) {
  const bool sentinel = certificate == "vercel_managed" || encrypted_key == "vercel_managed" ||
                        encrypted_key == "mock_encrypted_key" ||
                        certificate.find("MOCK_CERTIFICATE") != std::string_view::npos;
  silent = sentinel || (certificate.empty() && encrypted_key.empty());
  if (silent) return "there is no certificate";
  if (certificate.empty()) return "there is a private key without its certificate";
  if (encrypted_key.empty()) return "there is a certificate without its private key";
  if (certificate.size() > kMostEncrypted || encrypted_key.size() > kMostEncrypted)
    return "the certificate or its key is larger than 64 KiB";
  if (certificate.find("-----BEGIN CERTIFICATE-----") == std::string_view::npos)
    return "ssl_certificate is not PEM";
  return {};
}

void read_certificate(DomainRecord& record, const RecordRow& row, const EncryptionKey* key) {
  const std::string_view certificate = row.text(Column::certificate);
  const std::string_view encrypted = row.text(Column::key);
  bool silent = false;
  std::string why = certificate_fault(certificate, encrypted, silent);
  if (why.empty() && !key) why = "its certificate needs directory.encryption_key";
  if (why.empty()) {
    auto plain = decrypt(*key, encrypted);
    if (!plain) why = "its private key cannot be decrypted with directory.encryption_key";
    if (plain) OPENSSL_cleanse(plain->data(), plain->size());
  }
  if (!why.empty()) {
    if (!silent) fault(record, std::move(why));
    return;
  }
  record.certificate.present = true;
  record.certificate.version = version_of(certificate, encrypted);
  record.certificate.expires_at = seconds(row.text(Column::expires));
}

void read_tenant(DomainRecord& record, const RecordRow& row) {
  read_id(record, row, Column::installation, "the installation's id", record.installation);
  read_id(record, row, Column::module, "module_id", record.module);
  read_id(record, row, Column::site, "the site's id", record.site);
  read_id(record, row, Column::client, "client_id", record.client);
  read_id(record, row, Column::agency, "agency_id", record.agency);
  record.agency_status = routing::bounded_state(row.text(Column::agency_status));
  record.subscription_status = routing::bounded_state(row.text(Column::subscription_status));
  record.agency_plan = routing::bounded_state(row.text(Column::plan));
  record.client_status = routing::bounded_state(row.text(Column::client_status));
  if (record.kind == RecordKind::redirect) return;

  record.site_published = flag(record, row, Column::published, "published", false);
  if (record.kind == RecordKind::module_domain) {
    record.installation_enabled = flag(record, row, Column::enabled, "is_enabled", true);
    if (!row[Column::installation_found]) {
      record.installation_enabled = false;
      fault(record, "its installation is not there, or not visible to this role");
    }
  }
  if (!row[Column::site_found]) {
    record.site_published = false;
    fault(record, "its site is not there, or not visible to this role");
  }
  if (!row[Column::agency_found]) {
    // An agency that cannot be seen may be a suspended one.
    record.agency_status = "invalid";
    record.installation_enabled = record.site_published = false;
    fault(record, "its agency is not there, or not visible to this role");
  }
}

void read_status(DomainRecord& record, const RecordRow& row) {
  using routing::DomainStatus;
  if (record.kind == RecordKind::module_domain) {
    record.status = routing::parse_domain_status(row[Column::status].value_or("pending"));
    record.ssl_status = routing::parse_ssl_status(row[Column::ssl_status].value_or("none"));
    record.config = routing::read_config(row.text(Column::config), record.faults);
    record.white_label = routing::read_white_label(row.text(Column::white_label), record.faults);
  } else if (record.kind == RecordKind::site_subdomain) {
    record.status = DomainStatus::active;
  } else {
    const bool redirect = record.kind == RecordKind::redirect;
    const bool on =
        flag(record, row, Column::status, redirect ? "active" : "custom_domain_verified", redirect);
    record.status = on         ? DomainStatus::active
                    : redirect ? DomainStatus::disabled
                               : DomainStatus::pending;
  }
}

void read_redirect(DomainRecord& record, const RecordRow& row) {
  using routing::RedirectType;
  const auto to = base::parse_hostname(row.text(Column::to_domain));
  if (!to || to.port >= 0) return fault(record, "to_domain is not a hostname");
  const std::string_view type = row.text(Column::redirect_type);
  routing::RedirectTo out{*to.name, RedirectType::moved_301, true};
  if (type == "302")
    out.type = RedirectType::found_302;
  else if (type == "308")
    out.type = RedirectType::permanent_308;
  else if (!type.empty() && type != "301")
    fault(record, "redirect_type is neither 301, 302 nor 308");
  out.preserve_path = flag(record, row, Column::preserve_path, "preserve_path", true);
  record.redirect = std::move(out);
}

}  // namespace

bool has_key_to_open(const RecordRow& row) {
  bool silent = false;
  return certificate_fault(row.text(Column::certificate), row.text(Column::key), silent).empty();
}

std::optional<DomainRecord> make_record(const RecordRow& row, std::string_view sites_base,
                                        const EncryptionKey* key) {
  const std::string_view kind = row.text(Column::kind);
  if (kind.size() != 1 || kind[0] < '0' || kind[0] > '3') return std::nullopt;
  const auto record_kind = static_cast<RecordKind>(kind[0] - '0');
  std::string stored(row.text(Column::name));
  if (record_kind == RecordKind::site_subdomain) {
    if (sites_base.empty()) return std::nullopt;
    stored.append(".").append(sites_base);
  }
  const bool wildcard = record_kind == RecordKind::module_domain && stored.starts_with("*.");
  auto parsed = wildcard ? base::parse_wildcard(stored) : base::parse_hostname(stored);
  const auto id = base::DomainId::parse(row.text(Column::row));
  if (!parsed || parsed.port >= 0 || !id) return std::nullopt;

  DomainRecord record(std::move(*parsed.name));
  record.kind = record_kind;
  record.wildcard = wildcard;
  record.row = id->text();
  if (record_kind == RecordKind::module_domain) {
    record.domain_id = *id;
    read_certificate(record, row, key);
  }
  read_status(record, row);
  record.proven = flag(record, row, Column::proven, "proven", false);
  read_tenant(record, row);
  if (record_kind == RecordKind::redirect) read_redirect(record, row);
  return record;
}

routing::StoredCertificate make_certificate(std::optional<std::string_view> certificate,
                                            std::optional<std::string_view> encrypted_key,
                                            const EncryptionKey* key) {
  routing::StoredCertificate out;
  out.status = routing::StoredCertificate::Status::absent;
  out.failure.source = base::FailureSource::dependency;
  const std::string_view chain = certificate.value_or("");
  const std::string_view encrypted = encrypted_key.value_or("");
  bool silent = false;
  out.failure.sentence = certificate_fault(chain, encrypted, silent);
  if (!out.failure.sentence.empty()) return out;
  if (!key) {
    out.failure.sentence = "its certificate needs directory.encryption_key";
    return out;
  }
  auto plain = decrypt(*key, encrypted);
  if (!plain) {
    out.failure.sentence = "its private key cannot be decrypted with directory.encryption_key";
    return out;
  }
  out.status = routing::StoredCertificate::Status::found;
  out.failure = {};
  out.chain = chain;
  out.key = std::move(*plain);
  out.sealed = encrypted;
  out.version = version_of(chain, encrypted);
  return out;
}

std::optional<routing::Change> make_change(std::string_view what, std::string_view value,
                                           std::string_view sites_base) {
  using What = routing::Change::What;
  if (what == "everything") return routing::Change{What::everything, {}};
  if (value.empty() || value.size() > base::kMaxHostname + 2) return std::nullopt;
  if (what == "name") {
    if (value.starts_with("*.")) {
      const auto parsed = base::parse_wildcard(value);
      if (!parsed) return std::nullopt;
      return routing::Change{What::name, "*." + parsed.name->string()};
    }
    const auto parsed = base::parse_hostname(value);
    if (!parsed) return std::nullopt;
    return routing::Change{What::name, parsed.name->string()};
  }
  if (what == "label") {
    if (sites_base.empty()) return std::nullopt;
    const auto parsed = base::parse_hostname(std::string(value) + "." + std::string(sites_base));
    if (!parsed) return std::nullopt;
    return routing::Change{What::name, parsed.name->string()};
  }
  for (const auto& [word, kind] : {std::pair{std::string_view("installation"), What::installation},
                                   {std::string_view("site"), What::site},
                                   {std::string_view("client"), What::client},
                                   {std::string_view("agency"), What::agency},
                                   {std::string_view("member"), What::member},
                                   {std::string_view("module"), What::module},
                                   {std::string_view("credential"), What::credential}}) {
    if (what == word) return routing::Change{kind, std::string(value)};
  }
  return std::nullopt;
}

}  // namespace marquee::store
