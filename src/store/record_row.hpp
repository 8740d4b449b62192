// One row of the directory as both databases give it: columns as text, in one
// order, and the record made of them. Pure. Everything in a row is hostile: what
// cannot be used is left at its default with a sentence in the record's faults.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "routing/directory.hpp"
#include "store/encryption.hpp"

namespace marquee::store {

// Order of the columns in every statement of lookup_sql.hpp.
enum class Column : std::uint8_t {
  kind,  // number of routing::RecordKind
  name,
  row,
  status,
  ssl_status,
  config,
  white_label,
  certificate,
  key,
  expires,  // seconds since 1970
  installation,
  installation_found,  // '1' if that row is there (and visible)
  module,
  enabled,
  site,
  site_found,
  published,
  client,
  client_status,
  agency,
  agency_found,
  agency_status,
  subscription_status,
  plan,
  proven,
  to_domain,
  redirect_type,
  preserve_path,
};
inline constexpr std::size_t kColumns = static_cast<std::size_t>(Column::preserve_path) + 1;

// nullopt: SQL NULL. Views are read during the call only.
struct RecordRow {
  std::array<std::optional<std::string_view>, kColumns> values;
  std::optional<std::string_view> operator[](Column c) const {
    return values[static_cast<std::size_t>(c)];
  }
  std::string_view text(Column c) const { return (*this)[c].value_or(std::string_view()); }
};

// Nothing: its name is no name. `sites_base`: normalised or empty; `key`: or null,
// and then certificates count as absent.
std::optional<routing::DomainRecord> make_record(const RecordRow& row, std::string_view sites_base,
                                                 const EncryptionKey* key);

// Whether make_record() would decrypt a private key, given one to do it with.
bool has_key_to_open(const RecordRow& row);

// The columns of one certificate, judged and decrypted. Sentinels, halves, and keys
// that do not open are absent. Whether the pair belongs together is seen by whoever
// parses it, once.
routing::StoredCertificate make_certificate(std::optional<std::string_view> certificate,
                                            std::optional<std::string_view> encrypted_key,
                                            const EncryptionKey* key);

// What a change of the feed table means; nothing for what cannot be a change.
std::optional<routing::Change> make_change(std::string_view what, std::string_view value,
                                           std::string_view sites_base);

}  // namespace marquee::store
