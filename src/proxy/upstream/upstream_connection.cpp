#include "proxy/upstream/upstream_connection.hpp"

#include <sys/socket.h>

#include <chrono>

#include "tls/engine.hpp"

namespace marquee::proxy {

UpstreamConnection::UpstreamConnection(net::Turn& turn, UpstreamOwner& owner, Parts parts,
                                       bool multiplexed)
    : turn_(turn),
      owner_(&owner),
      fd_(std::move(parts.fd)),
      stream_(std::move(parts.stream)),
      tls_(parts.tls),
      multiplexed_(multiplexed) {}

UpstreamConnection::~UpstreamConnection() = default;

void UpstreamConnection::await_connect(net::Ms limit) {
  state_ = State::connecting;
  started_ = turn_.now();
  turn_.deadlines().arm(time_, *this, limit, turn_.now());
}

void UpstreamConnection::continue_connect() {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return connect_failed(UpstreamFailure::connect_refused);
    state_ = State::handshake;
  }
  if (tls_) {
    auto& engine = static_cast<tls::Engine&>(*stream_);
    const tls::Handshake h = engine.handshake();
    if (h == tls::Handshake::want_io || h == tls::Handshake::suspended) return;
    if (h == tls::Handshake::failed) return connect_failed(UpstreamFailure::tls);
    // RFC 9113 3.2: over TLS it is spoken only where ALPN agreed on it.
    if (multiplexed_ && engine.info().alpn != "h2") return connect_failed(UpstreamFailure::tls);
  }
  on_transport();
}

void UpstreamConnection::connected() {
  time_.disarm();
  connect_us_ =
      std::chrono::duration_cast<std::chrono::microseconds>(turn_.now() - started_).count();
  state_ = State::idle;
  owner_->on_connected(*this);
}

void UpstreamConnection::connect_failed(UpstreamFailure why) {
  time_.disarm();
  state_ = State::closed;
  owner_->on_connect_failed(*this, why);
}

void UpstreamConnection::become_idle(net::Ms limit) {
  state_ = State::idle;
  idled_ = true;
  turn_.deadlines().arm(time_, *this, limit, turn_.now());
}

void UpstreamConnection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  time_.disarm();
  owner_->on_closed(*this);
}

}  // namespace marquee::proxy
