// The statements that put a certificate into the directory. Parameters are texts.
#pragma once
#include <string>
#include <vector>

#include "routing/certificate_store.hpp"

namespace marquee::store {

// $1 row, $2 chain, $3 key, $4 expiry; then the history, $5 serial, $6 issuer, $7
// subject, $8 names, $9 beginning, $4 expiry. A row is returned where the domain is there.
inline const std::string kSqliteStoreCertificate =
    "UPDATE module_custom_domains SET ssl_certificate = $2, ssl_private_key_encrypted = $3, "
    "ssl_expires_at = strftime('%Y-%m-%dT%H:%M:%fZ', $4, 'unixepoch'), ssl_status = 'active', "
    "updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = $1 RETURNING id";
inline const std::string kSqliteNoteCertificate =
    "INSERT INTO domain_ssl_certificates (domain_id, serial_number, issuer, subject, san, "
    "issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, "
    "strftime('%Y-%m-%dT%H:%M:%fZ', $6, 'unixepoch'), "
    "strftime('%Y-%m-%dT%H:%M:%fZ', $7, 'unixepoch'))";
// One statement: the row is there, or nothing happens.
inline const std::string kPostgresStoreCertificate =
    "WITH put AS (UPDATE public.module_custom_domains SET ssl_certificate = $2, "
    "ssl_private_key_encrypted = $3, ssl_expires_at = to_timestamp($4::text::double precision), "
    "ssl_status = 'active' WHERE id = $1::text::uuid RETURNING id) "
    "INSERT INTO public.domain_ssl_certificates (domain_id, serial_number, issuer, subject, san, "
    "issued_at, expires_at) SELECT id, $5, $6, $7, $8::text::text[], "
    "to_timestamp($9::text::double precision), to_timestamp($4::text::double precision) FROM put "
    "RETURNING 1";

// $1 row; a row is returned where there was something to remove.
inline const std::string kSqliteRemoveCertificate =
    "UPDATE module_custom_domains SET ssl_certificate = NULL, ssl_private_key_encrypted = NULL, "
    "ssl_expires_at = NULL, ssl_status = 'none', updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', "
    "'now') WHERE id = $1 AND coalesce(ssl_certificate, ssl_private_key_encrypted) IS NOT NULL "
    "RETURNING id";
inline const std::string kPostgresRemoveCertificate =
    "UPDATE public.module_custom_domains SET ssl_certificate = NULL, ssl_private_key_encrypted = "
    "NULL, ssl_expires_at = NULL, ssl_status = 'none' WHERE id = $1::text::uuid AND "
    "coalesce(ssl_certificate, ssl_private_key_encrypted) IS NOT NULL RETURNING 1";
inline const std::string kNothingToRemove =
    "the domain has no certificate in the directory, so that there is none to remove";

std::vector<std::string> store_certificate_values(const routing::NewCertificate& certificate);
std::vector<std::string> note_certificate_values(const routing::NewCertificate& certificate);
std::vector<std::string> postgres_certificate_values(const routing::NewCertificate& certificate);

}  // namespace marquee::store
