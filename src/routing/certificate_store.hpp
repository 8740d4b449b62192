// The port through which a certificate comes into the directory. src/store implements
// it, for rows that can have one (module domains).
//
// Contract: may be called from any thread and returns without blocking. `done` is
// called exactly once, on a thread of the adapter's choice, perhaps inside the call;
// it only hands on. No exceptions. The row's certificate, key, expiry and ssl_status
// change in one transaction, together with a row of the history; what follows the
// change feed then hears of the name.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.hpp"

namespace marquee::routing {

struct NewCertificate {
  std::string row;     // of a module domain
  std::string chain;   // PEM, leaf first
  std::string sealed;  // the key as it is stored: encrypted in the platform's layout
  // For the history; of the certificate that expires first.
  std::string serial, issuer, subject;
  std::vector<std::string> names;
  std::chrono::sys_seconds issued_at{}, expires_at{};
};

class CertificateStore {
 public:
  virtual ~CertificateStore() = default;
  // A failure's source is `client` where the row is gone, else `dependency`.
  using Stored = std::function<void(std::optional<base::Failure>)>;
  virtual void store_certificate(const NewCertificate& certificate, Stored done) = 0;
  // Empties the row's columns; the history stays. `client`: there is nothing to remove.
  virtual void remove_certificate(const std::string& row, Stored done) = 0;
};

}  // namespace marquee::routing
