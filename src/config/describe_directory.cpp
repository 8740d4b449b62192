// The domain directory and its cache.
#include <algorithm>
#include <memory>

#include "config/description.hpp"

namespace marquee::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGiB = 1u << 30;

std::string url_fault(std::string_view url) {
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) return {};
  return "which is not a PostgreSQL URL; write "
         "postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full";
}

std::string encryption_key_fault(std::string_view key) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  if (key.size() == 64 && key.find_first_not_of(kHex) == std::string_view::npos) return {};
  return "which is not 64 hex digits; write the platform's SSL_ENCRYPTION_KEY, or make a key with  "
         "openssl rand -hex 32";
}

std::string status_fault(std::string_view status) {
  if (!status.empty() && status.size() <= 64) return {};
  return "which is not a status; write for example suspended";
}

Choice trust(Trust& field) {
  return {{"default", "true", "false"},
          static_cast<std::size_t>(field),
          [&field](std::size_t i, Mark) { field = static_cast<Trust>(i); }};
}

// The first one that is written takes the place of the default.
Texts statuses(std::vector<std::string>& field) {
  auto first = std::make_shared<bool>(true);
  return {[&field, first](std::string v, Mark) {
            if (*first) field.clear();
            *first = false;
            if (v != "none") field.push_back(std::move(v));
          },
          status_fault};
}

Section describe(DirectoryRoute& r) {
  return {{
      {"upstream", text(r.upstream), "Name of a pool under upstreams.", "", "", "app"},
      {"path", text(r.path), "Template of the path sent to the upstream."},
  }};
}

Section describe(DirectoryCache& c) {
  return {{
      {"ttl", Duration{&c.ttl, Ms(100), hours(1)},
       "How long an answer is fresh; afterwards it is served while one look-up refreshes it."},
      {"max_stale", Duration{&c.max_stale, Ms(0), hours(24 * 30)},
       "How long known domains are served while the directory is down."},
      {"negative_ttl", Duration{&c.negative_ttl, Ms(0), minutes(10)},
       "How long a name that nobody has is remembered as such."},
      {"domains", size(c.domains, kMiB, 64 * kGiB),
       "Memory for known domains; the least used leave.", "", "per process"},
      {"worker_domains", number(c.worker_domains, 16, 1'000'000),
       "Domains in each worker's own table.", "domains", "per worker"},
      {"negative_names", number(c.negative_names, 16, 10'000'000),
       "Names that nobody has, in a space of their own.", "names", "per process"},
      {"lookups", number(c.lookups, 1, 10'000), "Look-ups under way at once.", "look-ups",
       "per process"},
      {"waiting", number(c.waiting, 1, 1'000'000),
       "Names that wait for a look-up. More: 503, or the handshake is refused.", "names",
       "per process"},
      {"unknown_rate", Decimal{&c.unknown_rate, 0.01, 1'000'000},
       "How often a client network may ask in requests for hosts, and for sites and modules in "
       "paths of module APIs, that turn out to be nobody's. "
       "Failed handshakes have tls.failed_handshake_rate.",
       "per second", "per worker and client network"},
      {"unknown_burst", number(c.unknown_burst, 1, 10'000'000), "How many of those at once.",
       "names", "per worker and client network"},
      {"check_interval", Duration{&c.check_interval, Ms(1000), hours(24)},
       "How often generations are compared in full, in case a change was missed."},
  }};
}

std::string snapshot_key_fault(std::string_view key) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  if (key.size() == 64 && key.find_first_not_of(kHex) == std::string_view::npos) return {};
  return "which is not 64 hex digits; make a key with  openssl rand -hex 32";
}

Section describe(DirectorySnapshot& s) {
  const auto store_key = text(s.key).store;
  return {{
      {"enabled", Flag{&s.enabled}, "Writes and reads the file."},
      {"file", path(s.file), "Where; empty is domains.snapshot in state_dir."},
      {"key_file", SecretFile{store_key, "key", snapshot_key_fault},
       "File that holds the key of its signature, 64 hex digits. Without it a key is made and kept "
       "beside the file, for its owner only.",
       "", "", "/run/secrets/marquee-snapshot-key"},
      {"every", Duration{&s.every, Ms(1000), hours(1)},
       "How often it is written, where something changed; it is also written at a clean stop."},
      {"domains", number(s.domains, 1, 100'000), "The most used domains stand in it.", "domains",
       "per process"},
      {"size", size(s.size, kMiB, kGiB), "Largest file; what does not fit is left out.", "",
       "per process"},
      {"warm_up", number(s.warm_up, 0, 100'000),
       "After a start, so many of its certificates are loaded in the background.", "domains",
       "per process"},
  }};
}

}  // namespace

Section describe(Directory& d) {
  Text url = text(d.url, url_fault, &d.url_mark);
  url.secret = true;
  Text key = text(d.encryption_key, encryption_key_fault);
  key.secret = true;
  const auto store_url = url.store;
  const auto store_key = key.store;
  return {
      {
          {"kind", choice(d.kind, {"yaml", "sqlite", "postgres"}, &d.kind_mark),
           "yaml: the domains of this file, and no others. sqlite: a file of Marquee's own. "
           "postgres: a database, such as the platform's. Domains of this file come first."},
          {"path", path(d.path, &d.path_mark),
           "sqlite: the file; empty is directory.sqlite in state_dir. It is made if it does not "
           "exist.",
           "", "", "/var/lib/marquee/directory.sqlite"},
          {"url", url,
           "postgres: where, as libpq reads it; several hosts with commas between them are "
           "tried in turn.",
           "", "", "postgresql://marquee@db.example.com:5432/platform?sslmode=verify-full"},
          {"url_file", SecretFile{store_url, "url", url_fault, &d.url_mark},
           "File that holds the url.", "", "", "/run/secrets/marquee-database"},
          {"trust_directory_status", trust(d.trust_status),
           "Whether a row that says verified is believed. default is true for yaml and sqlite, "
           "which only the operator writes; for postgres it has to be decided: true if no "
           "tenant can write the rows, false to serve only what Marquee has proved itself."},
          {"encryption_key", key,
           "Key of the private keys in the directory (AES-256-GCM): 64 hex digits, the "
           "platform's SSL_ENCRYPTION_KEY. Without it certificates of the directory are not "
           "used.",
           "", "", "${SSL_ENCRYPTION_KEY}"},
          {"encryption_key_file", SecretFile{store_key, "encryption_key", encryption_key_fault},
           "File that holds the key.", "", "", "/run/secrets/marquee-encryption-key"},
          {"poll_interval", Duration{&d.poll_interval, Ms(20), minutes(5)},
           "How often changes are looked for where the database does not announce them."},
          {"timeout", Duration{&d.timeout, Ms(50), minutes(1)}, "Longest look-up."},
          {"modules", describe(d.modules), "Domains of module installations."},
          {"sites", describe(d.sites), "Verified domains of sites."},
          {"refused_agency_status", statuses(d.refused_agencies),
           "agencies.status values whose domains get the suspended page; without it suspended "
           "and cancelled. none is nobody.",
           "", "", "[suspended, cancelled]"},
          {"refused_subscription_status", statuses(d.refused_subscriptions),
           "agencies.subscription_status values that are refused likewise; without it nobody.", "",
           "", "[canceled, expired]"},
          {"serve_unpublished", Flag{&d.serve_unpublished},
           "Serves domains of sites that are not published."},
          {"snapshot", describe(d.snapshot),
           "The signed file of the domains in use: a node that starts while its directory is down "
           "serves these, as old as directory.cache.max_stale allows."},
          {"cache", describe(d.cache), "What is remembered of the directory's answers."},
      },
      &d.mark};
}

}  // namespace marquee::config
