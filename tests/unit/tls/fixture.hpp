// A TLS engine on one end of a socket pair, and plain OpenSSL on the other.
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/buffer_pool.hpp"
#include "tls/admission.hpp"
#include "tls/certified_key.hpp"
#include "tls/context.hpp"
#include "tls/engine.hpp"
#include "tls/openssl.hpp"
#include "tls/ticket_keys.hpp"

namespace marquee::tls::testing {

inline KeyPtr make_key(const char* type = "EC") {
  if (std::string_view(type) == "RSA")
    return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

struct LeafOptions {
  std::vector<std::string> names{"bakery.localhost"};
  long from = -3600, until = 86400;
  bool ca = false;
  X509* issuer = nullptr;
  EVP_PKEY* issuer_key = nullptr;
};

inline void add_extension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

inline X509Ptr make_certificate(EVP_PKEY* key, const LeafOptions& options) {
  static std::atomic<long> serial{1};
  X509Ptr cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), options.from);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), options.until);
  X509_set_pubkey(cert.get(), key);
  const std::string cn = options.names.empty() ? "none" : options.names.front();
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(cn.c_str()), -1, -1, 0);
  X509* issuer = options.issuer ? options.issuer : cert.get();
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer));
  if (options.ca) {
    add_extension(cert.get(), issuer, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    std::string san;
    for (const auto& name : options.names)
      san += (san.empty() ? "" : ",") +
             std::string(name[0] >= '0' && name[0] <= '9' ? "IP:" : "DNS:") + name;
    if (!san.empty()) add_extension(cert.get(), issuer, NID_subject_alt_name, san);
  }
  X509_sign(cert.get(), options.issuer_key ? options.issuer_key : key, EVP_sha256());
  return cert;
}

inline std::shared_ptr<const CertifiedKeys> make_keys(std::vector<std::string> names) {
  const KeyPtr key = make_key();
  LeafOptions options;
  options.names = std::move(names);
  const X509Ptr cert = make_certificate(key.get(), options);
  return CertifiedKeys::adopt(cert.get(), key.get(), 0).value;
}

// Admits the names it knows, each a tenant of its own, and hands out their keys.
class TestAdmission : public Admission, public CertificateSource {
 public:
  struct Tenant {
    std::string agency;
    std::shared_ptr<const CertifiedKeys> keys;
  };
  TestAdmission() {
    static const auto bakery = make_keys({"bakery.localhost"});
    static const auto clinic = make_keys({"clinic.localhost"});
    tenants["bakery.localhost"] = {"agency-1", bakery};
    tenants["clinic.localhost"] = {"agency-2", clinic};
  }
  Admitted admit(std::optional<std::string_view> sni, std::uint64_t waiter) override {
    ++admits;
    last_waiter = waiter;
    if (route_pending) return {Verdict::pending, 0, {}, nullptr, nullptr};
    const std::string name(sni.value_or(fallback));
    const auto found = tenants.find(name);
    if (found == tenants.end()) return {};
    auto spec = std::make_shared<CertificateSpec>();
    spec->names.push_back(name);
    return {Verdict::admit, 0, scope_of(found->second.agency, name), spec, this};
  }
  CertificateLookup find(const std::shared_ptr<const CertificateSpec>& spec,
                         std::uint64_t) override {
    ++finds;
    if (load_pending) return {CertificateLookup::Status::loading, nullptr, {}};
    if (load_fails) return {CertificateLookup::Status::failed, nullptr, "the disk is gone"};
    return {CertificateLookup::Status::ready, tenants.at(spec->names[0]).keys, {}};
  }
  std::map<std::string, Tenant> tenants;
  std::string_view fallback;
  bool route_pending = false, load_pending = false, load_fails = false;
  int admits = 0, finds = 0;
  std::uint64_t last_waiter = 0;
};

struct Sockets {
  explicit Sockets(int send_buffer = 0) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0) std::abort();
    ours = fds[0];
    theirs = fds[1];
    if (send_buffer)
      for (int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  }
  ~Sockets() {
    ::close(ours);
    close_theirs();
  }
  void close_theirs() {
    if (theirs >= 0) ::close(std::exchange(theirs, -1));
  }
  int ours = -1, theirs = -1;
};

// OpenSSL as a client on its own.
class Client {
 public:
  struct Options {
    int version = 0;  // 0: any
    std::string sni = "bakery.localhost";
    SSL_SESSION* session = nullptr;
    std::string alpn{};  // wire format
    std::string groups{};
  };
  Client(int fd, const Options& options) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_mode(context_.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* of, SSL_SESSION* fresh) {
      static_cast<Client*>(SSL_get_app_data(of))->session.reset(fresh);
      return 1;
    });
    ssl.reset(SSL_new(context_.get()));
    SSL_set_app_data(ssl.get(), this);
    if (fd >= 0) SSL_set_fd(ssl.get(), fd);
    if (options.version) {
      SSL_set_min_proto_version(ssl.get(), options.version);
      SSL_set_max_proto_version(ssl.get(), options.version);
    }
    if (!options.sni.empty())
      SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(options.sni.c_str()));
    if (options.session) SSL_set_session(ssl.get(), options.session);
    if (!options.alpn.empty())
      SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                          static_cast<unsigned>(options.alpn.size()));
    if (!options.groups.empty()) SSL_set1_groups_list(ssl.get(), options.groups.c_str());
    SSL_set_connect_state(ssl.get());
  }
  // Without this OpenSSL spoils the session of a connection that just ends.
  ~Client() { SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  // True when done; `failed` when it will never be.
  bool handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl.get());
    if (result == 1) return true;
    const int reason = SSL_get_error(ssl.get(), result);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE && !failed) {
      failed = true;
      const unsigned long code = ERR_peek_error();
      // Received alerts are 1000 + their number.
      if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > 1000)
        alert = ERR_GET_REASON(code) - 1000;
      ERR_clear_error();
    }
    return false;
  }
  // Bytes read; the last SSL error is kept.
  std::string read(std::size_t most = 16384) {
    std::string into(most, '\0');
    ERR_clear_error();
    const int n = SSL_read(ssl.get(), into.data(), static_cast<int>(most));
    error = n > 0 ? 0 : SSL_get_error(ssl.get(), n);
    into.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return into;
  }
  std::size_t write(std::string_view bytes) {
    ERR_clear_error();
    const int n = SSL_write(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
    error = n > 0 ? 0 : SSL_get_error(ssl.get(), n);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  bool resumed() const { return SSL_session_reused(ssl.get()) == 1; }

  struct FreeSession {
    void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
  };
  std::unique_ptr<SSL_SESSION, FreeSession> session;
  bool failed = false;
  int alert = 0;
  int error = 0;

 private:
  SslCtxPtr context_;

 public:
  SslPtr ssl;
};

struct Worker {
  net::BufferPool pool;
  EngineBuffers buffers{pool, {}};
};

// One readiness event, as epoll would tell it.
inline void ready(Engine& engine, int fd) {
  pollfd entry{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
  ::poll(&entry, 1, 0);
  engine.on_readiness(entry.revents & POLLIN, entry.revents & POLLOUT);
  if (entry.revents & (POLLRDHUP | POLLHUP)) engine.on_hangup();
}

// Both sides until the engine is done or stops for another reason.
inline Handshake shake(Engine& engine, int fd, Client& client) {
  Handshake state = Handshake::want_io;
  bool client_done = false;
  for (int i = 0; i < 50; ++i) {
    client_done = client.handshake();
    ready(engine, fd);
    state = engine.handshake();
    if (state == Handshake::failed || state == Handshake::suspended) {
      client.handshake();
      break;
    }
    if (state == Handshake::done && client_done) break;
  }
  return state;
}

inline std::shared_ptr<TicketKeys> make_tickets() {
  return std::make_shared<TicketKeys>(std::chrono::hours(12), std::chrono::steady_clock::now());
}

inline std::unique_ptr<ServerContext> make_server(
    config::TlsPolicy policy = {}, std::shared_ptr<TicketKeys> tickets = make_tickets()) {
  auto made = ServerContext::make(policy, std::move(tickets));
  return std::move(made.value);
}

inline net::IoResult write(Engine& engine, std::initializer_list<std::string_view> parts) {
  std::vector<iovec> vectors;
  for (auto part : parts) vectors.push_back({const_cast<char*>(part.data()), part.size()});
  return engine.write(vectors);
}

inline std::string read(Engine& engine, net::IoStatus& status, std::size_t most = 65536) {
  std::string into(most, '\0');
  const auto result = engine.read(into);
  status = result.status;
  into.resize(result.bytes);
  return into;
}

// Bytes without a pattern that a shifted or repeated block would keep.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (char& c : bytes) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>(seed >> 56);
  }
  return bytes;
}

}  // namespace marquee::tls::testing
