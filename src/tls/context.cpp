#include "tls/context.hpp"

#include <algorithm>
#include <chrono>

#include "tls/handshake.hpp"
#include "tls/openssl.hpp"
#include "tls/policy_lists.hpp"
#include "tls/ticket_keys.hpp"

namespace marquee::tls {
namespace {

constexpr std::uint64_t kModes = SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS |
                                 SSL_MODE_NO_AUTO_CHAIN;

int version_number(const std::string& version) {
  if (version == "1.2") return TLS1_2_VERSION;
  if (version == "1.3") return TLS1_3_VERSION;
  return 0;
}

std::vector<config::Problem> set_policy(SSL_CTX* context, const config::TlsPolicy& policy) {
  const int least = version_number(policy.min_version);
  const int most = version_number(policy.max_version);
  std::vector<config::Problem> problems = set_lists(context, policy);
  if (least == 0 || most == 0)
    problems.push_back({policy.mark, "TLS versions are \"1.2\" and \"1.3\""});
  else if (least > most)
    problems.push_back({policy.mark, "min_version " + policy.min_version +
                                         " is above max_version " + policy.max_version});
  if (!problems.empty()) return problems;
  SSL_CTX_set_min_proto_version(context, least);
  SSL_CTX_set_max_proto_version(context, most);
  return {};
}

void set_tickets(SSL_CTX* context, const config::TlsPolicy& policy, bool enabled) {
  // Nothing is kept on our side: a session lives in its ticket only.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (!enabled) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    return;
  }
  SSL_CTX_set_num_tickets(context, 1);
  // As long as the oldest key that still opens the ticket for certain; RFC 8446
  // section 4.6.1 allows seven days.
  using std::chrono::seconds;
  const auto life = std::clamp(std::chrono::duration_cast<seconds>(policy.ticket_rotation) * 2,
                               seconds(1), seconds(7 * 24 * 3600));
  SSL_CTX_set_timeout(context, static_cast<long>(life.count()));
}

}  // namespace

Made<ServerContext> ServerContext::make(const config::TlsPolicy& policy,
                                        std::shared_ptr<const TicketKeys> tickets,
                                        std::vector<std::string> alpn) {
  ERR_clear_error();
  std::unique_ptr<ServerContext> made(new ServerContext);
  SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_server_method());
  if (!context) return {nullptr, "no TLS context: " + take_openssl_error()};
  if (const auto problems = set_policy(context, policy); !problems.empty())
    return {nullptr, problems.front().sentence};
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                   SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, kModes);
  made->tickets_ = policy.session_tickets ? std::move(tickets) : nullptr;
  made->alpn_ = std::move(alpn);
  set_tickets(context, policy, made->tickets_ != nullptr);
  made->policy_digest_ = digest_of({"marquee TLS policy", policy.min_version, policy.max_version,
                                    policy.ciphers, policy.ciphersuites, policy.groups});
  SSL_CTX_set_app_data(context, made.get());
  install_handshake_callbacks(context);
  return {std::move(made), {}};
}

ServerContext::~ServerContext() { SSL_CTX_free(context_); }

std::vector<config::Problem> check(const config::TlsPolicy& policy) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  if (!context) return {{policy.mark, "tls: no TLS context: " + take_openssl_error()}};
  std::vector<config::Problem> problems = set_policy(context, policy);
  SSL_CTX_free(context);
  for (config::Problem& problem : problems) problem.sentence = "tls: " + problem.sentence;
  return problems;
}

Made<ClientContext> ClientContext::make(const config::UpstreamTls& settings,
                                        const std::vector<std::string>& alpn) {
  ERR_clear_error();
  std::unique_ptr<ClientContext> made(new ClientContext);
  SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_client_method());
  if (!context) return {nullptr, "no TLS context: " + take_openssl_error()};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, kModes);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  made->verify_ = settings.verify;
  SSL_CTX_set_verify(context, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (!settings.ca_file.empty()) {
    if (!SSL_CTX_load_verify_file(context, settings.ca_file.c_str()))
      return {nullptr, "ca_file " + settings.ca_file + " holds no certificate authority (" +
                           take_openssl_error() + "); write the path of a PEM file"};
  } else if (settings.verify && !SSL_CTX_set_default_verify_paths(context)) {
    return {nullptr, "the system's roots cannot be read: " + take_openssl_error()};
  }
  std::string wire;
  for (const auto& name : alpn) {
    if (name.empty() || name.size() > 255) return {nullptr, "ALPN name of bad length"};
    wire.push_back(static_cast<char>(name.size()));
    wire += name;
  }
  // Returns 0 for success, unlike its neighbours.
  if (!wire.empty() &&
      SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned>(wire.size())) != 0)
    return {nullptr, "no memory for ALPN"};
  return {std::move(made), {}};
}

ClientContext::~ClientContext() { SSL_CTX_free(context_); }

}  // namespace marquee::tls
