#include "tls/engine.hpp"

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "net/socket.hpp"
#include "tls/context.hpp"
#include "tls/handshake.hpp"
#include "tls/name_check.hpp"
#include "tls/openssl.hpp"
#include "tls/record_bio.hpp"

namespace marquee::tls {

namespace {
constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;  // 16,384 bytes of plaintext
}

struct Engine::State {
  State(int fd, EngineBuffers& buffers) : wire(fd, buffers) {}
  ~State() {
    // Else SSL_free takes the write lock of the shared context to strike a
    // session that no cache holds.
    if (ssl) SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Wire wire;
  SslPtr ssl;                               // refers to `wire`: declared behind it, freed before it
  std::unique_ptr<ServerHandshake> server;  // during a server's handshake
  SessionInfo info;
  std::string error;
  bool handshaken = false;
  bool closed = false;          // close_notify came
  bool dead = false;            // failed; nothing more in either direction
  bool shutdown_asked = false;  // close_notify is on its way
  bool shut = false;            // SHUT_WR done

  void attach(SSL_CTX* context);
  void explain(const char* fallback);
  void fail(const char* fallback) {
    dead = true;
    explain(fallback);
  }
  void on_done();
  bool flush();
  std::size_t seal(const char* data, std::size_t size);
};

void Engine::State::attach(SSL_CTX* context) {
  empty_error_queue();
  ssl.reset(SSL_new(context));
  BIO* bio = ssl ? new_record_bio(wire) : nullptr;
  if (!bio) {
    ssl.reset();
    return fail("out of memory");
  }
  SSL_set_bio(ssl.get(), bio, bio);
}

// The most telling of what is known about a failure.
void Engine::State::explain(const char* fallback) {
  const std::string openssl = ERR_peek_error() ? take_openssl_error() : std::string();
  if (server && !server->error.empty()) {
    error = server->error;
  } else if (wire.overflowed()) {
    error = "the peer provokes answers and does not read them";
  } else if (wire.error()) {
    error = std::strerror(wire.error());
  } else if (wire.ended()) {
    error = handshaken ? "the connection ended without close_notify"
                       : "the connection ended during the handshake";
  } else if (ssl && SSL_get_verify_result(ssl.get()) != X509_V_OK) {
    error = "the certificate was not accepted: ";
    error += X509_verify_cert_error_string(SSL_get_verify_result(ssl.get()));
  } else {
    error = openssl.empty() ? fallback : openssl;
  }
}

void Engine::State::on_done() {
  handshaken = true;
  info.version = SSL_get_version(ssl.get());
  info.cipher = SSL_get_cipher_name(ssl.get());
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl.get(), &name, &size);
  if (size > 0) info.alpn = {reinterpret_cast<const char*>(name), size};
  info.resumed = SSL_session_reused(ssl.get()) == 1;
  if (server) {
    // Nothing of this is needed again: there is no renegotiation.
    SSL_set_app_data(ssl.get(), nullptr);
    SSL_certs_clear(ssl.get());
    server.reset();
  }
}

bool Engine::State::flush() {
  if (!wire.flush()) {
    fail("the socket failed");
    return false;
  }
  if (wire.out_empty() && shutdown_asked && !shut) {
    shut = true;
    ::shutdown(wire.fd(), SHUT_WR);
  }
  return true;
}

Engine::Engine(const ServerContext& context, Admission& admission, std::uint64_t waiter, int fd,
               EngineBuffers& buffers)
    : state_(std::make_unique<State>(fd, buffers)) {
  state_->attach(context.native());
  if (!state_->ssl) return;
  state_->server = std::make_unique<ServerHandshake>(
      ServerHandshake{context, admission, waiter, {}, false, false, {}, {}});
  SSL_set_app_data(state_->ssl.get(), state_->server.get());
  SSL_set_accept_state(state_->ssl.get());
}

Engine::Engine(const ClientContext& context, std::string_view server_name, int fd,
               EngineBuffers& buffers)
    : state_(std::make_unique<State>(fd, buffers)) {
  State& s = *state_;
  s.attach(context.native());
  if (!s.ssl) return;
  SSL* ssl = s.ssl.get();
  const std::string name(server_name);
  s.info.sni = printable_sni(server_name);
  bool named = false;
  if (is_ip_literal(name)) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  } else {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // An empty name would switch the check off.
    named = !name.empty() && SSL_set1_host(ssl, name.c_str()) == 1 &&
            SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                     const_cast<char*>(name.c_str())) == 1;
  }
  if (!named && context.verify()) s.fail("no usable name to verify the upstream's certificate by");
  SSL_set_connect_state(ssl);
}

Engine::~Engine() {
  static_assert(sizeof(State) <= 320, "an idle connection pays for every byte here");
}

bool Engine::prime(std::span<const char> received) { return state_->wire.prime(received); }

Handshake Engine::handshake() {
  State& s = *state_;
  if (s.dead) return Handshake::failed;
  if (s.handshaken) return Handshake::done;
  empty_error_queue();
  s.wire.expect(kRecord + Wire::kRecordOverhead);
  s.wire.hold();  // a flight leaves in one send
  const int result = SSL_do_handshake(s.ssl.get());
  const int reason = result == 1 ? SSL_ERROR_NONE : SSL_get_error(s.ssl.get(), result);
  s.wire.settle();
  if (s.server && s.info.sni.empty()) s.info.sni = printable_sni(s.server->sni);
  if (reason == SSL_ERROR_NONE) {
    s.on_done();
    // TLS 1.3 ends with our ticket (server) or Finished (client). They wait for
    // the first write or the first read that finds nothing, and leave with it.
    if (SSL_version(s.ssl.get()) == TLS1_3_VERSION) return Handshake::done;
    return s.flush() ? Handshake::done : Handshake::failed;
  }
  const bool waits =
      reason == SSL_ERROR_WANT_X509_LOOKUP || reason == SSL_ERROR_WANT_CLIENT_HELLO_CB;
  if (!waits && reason != SSL_ERROR_WANT_READ) {
    s.fail("the handshake failed");
    s.wire.flush();  // the alert
    return Handshake::failed;
  }
  if (!s.flush()) return Handshake::failed;
  return waits ? Handshake::suspended : Handshake::want_io;
}

const SessionInfo& Engine::info() const { return state_->info; }
std::string_view Engine::error() const { return state_->error; }

net::IoResult Engine::read(std::span<char> into) {
  State& s = *state_;
  if (s.dead) return {net::IoStatus::failed, 0};
  if (s.closed) return {net::IoStatus::closed, 0};
  if (!s.handshaken || into.empty()) return {net::IoStatus::would_block, 0};
  s.wire.expect(into.size() + 2 * Wire::kRecordOverhead);
  std::size_t total = 0;
  while (total < into.size() && (s.wire.may_take() || SSL_pending(s.ssl.get()) > 0)) {
    empty_error_queue();
    std::size_t n = 0;
    if (SSL_read_ex(s.ssl.get(), into.data() + total, into.size() - total, &n)) {
      total += n;
      continue;
    }
    const int reason = SSL_get_error(s.ssl.get(), 0);
    if (reason == SSL_ERROR_WANT_READ) continue;  // the condition knows whether there is more
    if (reason == SSL_ERROR_ZERO_RETURN)
      s.closed = true;
    else
      s.fail("the connection failed");
    break;
  }
  s.wire.settle();
  if (total > 0) return {net::IoStatus::ok, total};
  if (s.closed) return {net::IoStatus::closed, 0};
  if (!s.dead && s.wire.held()) s.flush();
  return {s.dead ? net::IoStatus::failed : net::IoStatus::would_block, 0};
}

// One record of at most kRecord bytes; 0 when the connection is dead.
std::size_t Engine::State::seal(const char* data, std::size_t size) {
  empty_error_queue();
  std::size_t taken = 0;
  if (SSL_write_ex(ssl.get(), data, size, &taken)) return taken;
  fail("the connection failed");
  return 0;
}

namespace {

// Walks the parts of one write() and hands out records' worth of plaintext:
// pieces of a large part as they stand, small parts joined in `scratch`.
class Records {
 public:
  explicit Records(std::span<const iovec> parts) : parts_(parts) {
    for (const iovec& part : parts) left_ += part.iov_len;
  }
  std::size_t left() const { return left_; }

  template <typename Scratch>
  std::span<const char> next(Scratch&& scratch) {
    while (parts_[at_].iov_len == offset_) step();
    const auto* data = static_cast<const char*>(parts_[at_].iov_base) + offset_;
    const std::size_t here = parts_[at_].iov_len - offset_;
    if (here >= kRecord || here == left_) return {data, std::min(here, kRecord)};
    char* const joined = scratch();
    std::size_t size = 0;
    std::size_t offset = offset_;
    for (std::size_t i = at_; i < parts_.size() && size < kRecord; ++i, offset = 0) {
      const std::size_t n = std::min(parts_[i].iov_len - offset, kRecord - size);
      if (n > 0)
        std::memcpy(joined + size, static_cast<const char*>(parts_[i].iov_base) + offset, n);
      size += n;
    }
    return {joined, size};
  }
  void took(std::size_t bytes) {
    left_ -= bytes;
    while (bytes > 0) {
      const std::size_t n = std::min(bytes, parts_[at_].iov_len - offset_);
      offset_ += n;
      bytes -= n;
      if (bytes > 0) step();
    }
  }

 private:
  void step() {
    ++at_;
    offset_ = 0;
  }
  std::span<const iovec> parts_;
  std::size_t at_ = 0, offset_ = 0, left_ = 0;
};

}  // namespace

net::IoResult Engine::write(std::span<const iovec> parts) {
  State& s = *state_;
  if (s.dead || s.shutdown_asked) return {net::IoStatus::failed, 0};
  if (!s.handshaken || (!s.wire.out_empty() && !s.wire.held())) return {net::IoStatus::ok, 0};
  Records records(parts);
  std::size_t taken = 0;
  if (records.left() > kRecord) s.wire.hold();
  while (records.left() > 0) {
    if (!s.wire.has_room(std::min(records.left(), kRecord))) {
      if (!s.flush()) return {net::IoStatus::failed, 0};
      if (!s.wire.out_empty()) break;  // full
      s.wire.hold();
    }
    const auto piece = records.next([&] { return s.wire.scratch(); });
    const std::size_t n = s.seal(piece.data(), piece.size());
    if (n == 0) return {net::IoStatus::failed, 0};
    records.took(n);
    taken += n;
  }
  if (s.wire.held() && !s.flush()) return {net::IoStatus::failed, 0};
  return {net::IoStatus::ok, taken};
}

net::IoResult Engine::on_writable() {
  State& s = *state_;
  if (s.dead || !s.flush()) return {net::IoStatus::failed, 0};
  return {s.wire.out_empty() ? net::IoStatus::ok : net::IoStatus::would_block, 0};
}

std::size_t Engine::pending_out() const {
  return state_->wire.held() ? 0 : state_->wire.out_bytes();
}

std::size_t Engine::untaken() const {
  return state_->wire.out_bytes() + net::unacknowledged(state_->wire.fd());
}

void Engine::on_readiness(bool readable, bool writable) {
  state_->wire.on_readiness(readable, writable);
}

void Engine::on_hangup() { state_->wire.on_hangup(); }

bool Engine::may_read() const {
  const State& s = *state_;
  if (s.dead || s.closed) return true;
  return s.handshaken && (s.wire.may_take() || SSL_pending(s.ssl.get()) > 0);
}

void Engine::shutdown_send() {
  State& s = *state_;
  if (s.shutdown_asked) return;
  s.shutdown_asked = true;
  if (s.handshaken && !s.dead) {
    empty_error_queue();
    SSL_shutdown(s.ssl.get());
    ERR_clear_error();
  }
  if (!s.dead) s.flush();
}

}  // namespace marquee::tls
