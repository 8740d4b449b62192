// One SSL_CTX per TLS policy, made at start or reload and shared by all workers.
// Certificates are not here: they are set per connection (design 8).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "tls/digest.hpp"

struct ssl_ctx_st;

namespace marquee::tls {

class TicketKeys;

// What could not be made, and why: exactly one of the two is set.
template <typename T>
struct Made {
  std::unique_ptr<T> value;
  std::string error;  // a sentence without a full stop
};

class ServerContext {
 public:
  // `tickets` may outlive this context (reloads keep them); nullptr switches
  // tickets off, as does the policy. `alpn` in the server's order of preference;
  // a client that offers ALPN but none of these is refused (RFC 7301 section 3.2).
  static Made<ServerContext> make(const config::TlsPolicy& policy,
                                  std::shared_ptr<const TicketKeys> tickets,
                                  std::vector<std::string> alpn = {"http/1.1"});
  ~ServerContext();

  ssl_ctx_st* native() const { return context_; }
  const Digest& policy_digest() const { return policy_digest_; }
  const TicketKeys* tickets() const { return tickets_.get(); }
  const std::vector<std::string>& alpn() const { return alpn_; }

 private:
  ServerContext() = default;
  ssl_ctx_st* context_ = nullptr;
  Digest policy_digest_{};
  std::shared_ptr<const TicketKeys> tickets_;
  std::vector<std::string> alpn_;
};

// What is wrong with the policy, for `check` and reload.
std::vector<config::Problem> check(const config::TlsPolicy& policy);

// For TLS to upstreams.
class ClientContext {
 public:
  // Verifies against `ca_file`, or the system's roots when that is empty.
  static Made<ClientContext> make(const config::UpstreamTls& settings,
                                  const std::vector<std::string>& alpn = {});
  ~ClientContext();

  ssl_ctx_st* native() const { return context_; }
  bool verify() const { return verify_; }

 private:
  ClientContext() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verify_ = true;
};

}  // namespace marquee::tls
