#include "store/certificate_sql.hpp"

namespace marquee::store {
namespace {

std::string seconds(std::chrono::sys_seconds time) {
  return std::to_string(time.time_since_epoch().count());
}

// Names of a certificate may hold anything: what is no hostname's character would
// have to be escaped in one of the two forms, and is of no use in a history.
std::string plain(const std::string& name) {
  std::string out;
  for (const char c : name)
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == '*')
      out += c;
  return out;
}

// ["a","b"] or {"a","b"}
std::string list(const std::vector<std::string>& names, char open, char close) {
  std::string out(1, open);
  for (const std::string& name : names)
    out.append(out.size() > 1 ? "," : "").append("\"").append(plain(name)).append("\"");
  return out + close;
}

}  // namespace

std::vector<std::string> store_certificate_values(const routing::NewCertificate& c) {
  return {c.row, c.chain, c.sealed, seconds(c.expires_at)};
}

std::vector<std::string> note_certificate_values(const routing::NewCertificate& c) {
  return {c.row,
          c.serial,
          c.issuer,
          c.subject,
          list(c.names, '[', ']'),
          seconds(c.issued_at),
          seconds(c.expires_at)};
}

std::vector<std::string> postgres_certificate_values(const routing::NewCertificate& c) {
  return {c.row,
          c.chain,
          c.sealed,
          seconds(c.expires_at),
          c.serial,
          c.issuer,
          c.subject,
          list(c.names, '{', '}'),
          seconds(c.issued_at)};
}

}  // namespace marquee::store
