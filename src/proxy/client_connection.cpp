#include "proxy/client_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "proxy/exchange_pool.hpp"
#include "proxy/http/proxy_protocol.hpp"
#include "proxy/listener.hpp"
#include "proxy/snapshot_slot.hpp"

namespace marquee::proxy {

ClientConnection::ClientConnection(Services& services, ExchangePool& exchanges,
                                   ConnectionOwner& owner,
                                   std::shared_ptr<const ListenerFacts> listener, net::Fd fd,
                                   const base::IpAddress& peer, std::uint16_t peer_port)
    : turn_(services.turn),
      services_(services),
      exchanges_(exchanges),
      owner_(owner),
      listener_(std::move(listener)),
      fd_(std::move(fd)),
      accepted_(services.turn.now()) {
  client_port = peer_port;
  secure = listener_->secure();
  public_port = listener_->public_port;
  fallback = listener_->fallback;
  client_known = !listener_->local();
  set_client(peer);
}

ClientConnection::~ClientConnection() {
  session_.reset();
  h2_.reset();
  stream_.reset();
}

void ClientConnection::set_client(const base::IpAddress& address) {
  client = address;
  client_text = address.text();
  trusted = services_.snapshots.current().shared->trusted().contains(address);
}

void ClientConnection::use_tls(std::shared_ptr<const tls::ServerContext> context,
                               std::unique_ptr<tls::Engine> engine) {
  context_ = std::move(context);
  engine_ = engine.get();
  stream_ = std::move(engine);
}

void ClientConnection::start() {
  if (!stream_) stream_ = std::make_unique<net::PlainStream>(fd_.get());
  const config::Timeouts& limits = services_.snapshots.current().shared->settings().timeouts;
  // One budget from accept on: who has spent it on the handshake gets no other.
  if (engine_ || listener_->proxy_protocol != config::ProxyProtocol::off)
    turn_.deadlines().arm(first_head_, *this, std::max(limits.handshake, limits.head), turn_.now());
  if (listener_->proxy_protocol != config::ProxyProtocol::off) {
    // Who may not say it is not asked; a Unix socket's peer is ours.
    if (!trusted && client_known) return close(true);
    phase_ = Phase::proxy_header;
    turn_.deadlines().arm(time_, *this, limits.handshake, turn_.now());
    return;
  }
  if (engine_) {
    phase_ = Phase::handshake;
    turn_.deadlines().arm(time_, *this, limits.handshake, turn_.now());
    return;
  }
  begin_session();
}

// The header is looked at with MSG_PEEK and taken out exactly, so that what
// follows is still there for the TLS engine or the session.
void ClientConnection::read_proxy_header() {
  std::array<char, kProxyHeaderMax> bytes;
  const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_PEEK);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return close(false);
  const ProxyParse parsed =
      parse_proxy_header({bytes.data(), static_cast<std::size_t>(n)}, listener_->proxy_protocol);
  if (parsed.status == ProxyStatus::refused) return close(true);
  if (parsed.status == ProxyStatus::need_more) return;
  if (::recv(fd_.get(), bytes.data(), parsed.consumed, 0) < 0) return close(false);
  if (parsed.kind == ProxySource::proxied) {
    client_port = parsed.source.port;
    client_known = true;
    set_client(parsed.source.ip);
    if (!owner_.on_client_known(*this)) return close(true);
  }
  if (engine_) {
    phase_ = Phase::handshake;
    return continue_handshake();
  }
  time_.disarm();
  begin_session();
}

void ClientConnection::continue_handshake() {
  if (phase_ != Phase::handshake) return;
  switch (engine_->handshake()) {
    case tls::Handshake::want_io:
    case tls::Handshake::suspended:
      return;
    case tls::Handshake::failed:
      owner_.on_handshake(*this, HandshakeEnd::failed);
      return close(false);
    case tls::Handshake::done:
      break;
  }
  time_.disarm();
  tls = &engine_->info();
  handshake_us =
      std::chrono::duration_cast<std::chrono::microseconds>(turn_.now() - accepted_).count();
  owner_.on_handshake(*this, HandshakeEnd::done);
  begin_session();
}

void ClientConnection::begin_session() {
  if (tls && tls->alpn == "h2") return begin_h2();
  if (!tls && listener_->h2c) {
    phase_ = Phase::preface;
    if (!first_head_.armed())
      turn_.deadlines().arm(first_head_, *this, services_.snapshots.settings().timeouts.head,
                            turn_.now());
    return read_preface();
  }
  phase_ = Phase::session;
  session_.emplace(services_, exchanges_, *this);
  session_->start(&first_head_);
}

void ClientConnection::begin_h2() {
  phase_ = Phase::session;
  h2_ = std::make_unique<H2Session>(services_, exchanges_, *this);
  h2_->start(&first_head_);
}

// Prior knowledge (RFC 9113 3.3): the first bytes say which protocol it is. They
// are looked at only, so that the session finds them.
void ClientConnection::read_preface() {
  constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::array<char, preface.size()> bytes;
  const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_PEEK);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return close(false);
  const std::string_view got(bytes.data(), static_cast<std::size_t>(n));
  if (got == preface) return begin_h2();
  if (preface.starts_with(got)) return;
  phase_ = Phase::session;
  session_.emplace(services_, exchanges_, *this);
  session_->start(&first_head_);
}

void ClientConnection::on_ready(Ready ready) {
  if (phase_ == Phase::closed) return;
  stream_->on_readiness(ready.in, ready.out);
  if (ready.hup) stream_->on_hangup();
  switch (phase_) {
    case Phase::proxy_header:
      return read_proxy_header();
    case Phase::handshake:
      return continue_handshake();
    case Phase::session:
      if (h2_) return h2_->on_ready(ready.out, ready.error);
      return session_->on_ready(ready.out, ready.error);
    case Phase::preface:
      return read_preface();
    case Phase::closed:
      return;
  }
}

void ClientConnection::run() {
  if (phase_ != Phase::session) return;
  if (h2_) return h2_->run();
  if (session_) session_->run();
}

void ClientConnection::wake() { turn_.run_later(*this); }

void ClientConnection::drain() {
  if (h2_) return h2_->drain();
  if (session_) return session_->drain();
}

void ClientConnection::close(bool reset) {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  time_.disarm();
  first_head_.disarm();
  if (reset) {
    const linger now{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  owner_.on_closed(*this);
}

void ClientConnection::on_deadline(net::Deadline&) {
  if (phase_ == Phase::handshake) owner_.on_handshake(*this, HandshakeEnd::timed_out);
  close(false);
}

}  // namespace marquee::proxy
