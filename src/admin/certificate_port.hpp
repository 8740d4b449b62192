// What /v1/certificates asks of the program. Called on the control thread; none may
// block, `done` is called once, on the control thread, during the call or later.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "admin/ports.hpp"

namespace marquee::admin {

struct CertificateFacts {
  std::string issuer;    // RFC 2253
  std::string key_type;  // "EC P-256", "RSA 2048"
  std::vector<std::string> names;
  WallTime not_before{}, not_after{};
};

struct CertificateEntry {
  std::string host;
  std::string source;                          // "directory", "file", "internal"
  std::vector<CertificateFacts> certificates;  // one per key type; empty: made when needed
  std::string fault;                           // why it cannot be served, a sentence; or empty
  std::string chain;                           // PEM; with show()
  std::string key;  // PEM, with show() and `with_key`; wiped by whoever held it last
};

struct CertificateQuery {
  std::string cursor;
  std::uint32_t limit = 100;  // 1..200
  std::string contains;       // part of the name
};
struct CertificatePage {
  std::vector<CertificateEntry> entries;
  std::string next;
  unsigned status = 200;
  std::string problem;  // a sentence, where the status is not 200
};
struct CertificateAnswer {
  unsigned status = 200;
  std::string problem;
  CertificateEntry entry;
};

class CertificatePort {
 public:
  virtual ~CertificatePort() = default;
  virtual void list(const CertificateQuery& query, std::function<void(CertificatePage)> done) = 0;
  virtual void show(const std::string& host, bool with_key,
                    std::function<void(CertificateAnswer)> done) = 0;
  // Both are PEM texts: one certificate with its chain per key. They are checked here.
  virtual void import(const std::string& host, std::string chain, std::string key,
                      std::function<void(CertificateAnswer)> done) = 0;
  // From the directory; `entry` has the host. `local`: by the Unix socket, for the log.
  virtual void remove(const std::string& host, bool local,
                      std::function<void(CertificateAnswer)> done) = 0;
};

}  // namespace marquee::admin
