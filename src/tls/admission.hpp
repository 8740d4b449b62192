// The port through which a handshake asks who is called and what to show.
// The proxy implements Admission over its domain table; CertificateSource is
// the worker's certificate cache (tls/worker_certificates.hpp).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::tls {

class CertifiedKeys;     // tls/certified_key.hpp: parsed, ready to sign
struct CertificateSpec;  // tls/certified_key.hpp: where they come from

// Sessions resume only within one scope: the same agency and the same www pair.
struct CertificateScope {
  std::array<std::uint8_t, 32> hash{};
};
// `name` is the bare name of the pair, the name itself or the wildcard row.
CertificateScope scope_of(std::string_view agency, std::string_view name);

struct CertificateLookup {
  enum class Status : std::uint8_t { ready, loading, failed };
  Status status = Status::failed;
  std::shared_ptr<const CertifiedKeys> keys;  // with ready only
  std::string error;                          // with failed only, a sentence for the log
};

class CertificateSource {
 public:
  virtual ~CertificateSource() = default;
  // Called on the worker, inside a handshake. `loading`: a load runs and the
  // waiter will be told on this worker, never from inside this call; the
  // handshake then asks again.
  virtual CertificateLookup find(const std::shared_ptr<const CertificateSpec>& spec,
                                 std::uint64_t waiter) = 0;
};

enum class Verdict : std::uint8_t {
  admit,
  refuse,
  pending,  // the route is being looked up; the waiter will be told, admit() is called again
};

// Alerts of RFC 8446 section 6 that refusals use.
constexpr std::uint8_t kAlertUnrecognizedName = 112;
constexpr std::uint8_t kAlertInternalError = 80;

struct Admitted {
  Verdict verdict = Verdict::refuse;
  std::uint8_t alert = kAlertUnrecognizedName;         // with refuse
  CertificateScope scope;                              // with admit
  std::shared_ptr<const CertificateSpec> certificate;  // with admit
  CertificateSource* source = nullptr;                 // with admit; outlives the handshake
};

class Admission {
 public:
  virtual ~Admission() = default;
  // Called on the worker inside the ClientHello, also for resumption, before any
  // crypto. `sni` is what the client sent, unchecked and not normalised (1 to
  // 65,535 bytes of anything); nothing when it sent none. The call may not touch
  // any engine and does not block.
  virtual Admitted admit(std::optional<std::string_view> sni, std::uint64_t waiter) = 0;
};

}  // namespace marquee::tls
