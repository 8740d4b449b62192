// One accepted connection, from accept() to close(): PROXY protocol, TLS
// handshake, then the session that ALPN chose.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "net/socket.hpp"
#include "net/worker.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/h1_session.hpp"
#include "proxy/h2_session.hpp"
#include "tls/engine.hpp"

namespace marquee::proxy {

class ClientConnection;
struct ListenerFacts;

enum class HandshakeEnd : std::uint8_t { done, failed, timed_out };

// The worker's front: owns the connections.
class ConnectionOwner {
 public:
  virtual void on_closed(ClientConnection& connection) = 0;
  // For metrics and the budget of failed handshakes.
  virtual void on_handshake(ClientConnection& connection, HandshakeEnd how) = 0;
  // A PROXY header has said who the client is. False: it may not have another
  // connection.
  virtual bool on_client_known(ClientConnection& connection) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class ClientConnection final : public net::Watched,
                               public SessionHost,
                               public ConnectionFacts,
                               public net::Expiring {
 public:
  ClientConnection(Services& services, ExchangePool& exchanges, ConnectionOwner& owner,
                   std::shared_ptr<const ListenerFacts> listener, net::Fd fd,
                   const base::IpAddress& peer, std::uint16_t peer_port);
  ~ClientConnection() override;

  int fd() const { return fd_.get(); }
  const ListenerFacts& listener() const { return *listener_; }
  // The engine of a secure listener; the context lives as long as it does, also
  // when a reload has put another in force.
  void use_tls(std::shared_ptr<const tls::ServerContext> context,
               std::unique_ptr<tls::Engine> engine);
  void start();
  // A suspended handshake may go on.
  void continue_handshake();
  // No further requests; at once when idle.
  void drain();
  // Destroyed at the turn's end, whatever is under way.
  void close_now() { close(false); }
  bool idle() const { return (!session_ || session_->idle()) && (!h2_ || h2_->idle()); }
  // It has had an answer and has asked for nothing since.
  bool between_requests() const {
    const std::uint64_t answered = h2_ ? h2_->requests() : session_ ? session_->requests() : 0;
    return phase_ == Phase::session && idle() && answered > 0;
  }

  // SessionHost
  net::ByteStream& stream() override { return *stream_; }
  ConnectionFacts& facts() override { return *this; }
  void wake() override;
  void close(bool reset) override;

  bool certificate_covers(std::string_view host) const override;

  void on_ready(Ready ready) override;
  void run() override;
  void on_deadline(net::Deadline& which) override;

  std::size_t slot = 0;                       // in the owner's list
  std::uint32_t generation = 0;               // for waiters
  std::optional<base::ClientPrefix> counted;  // against the limit per client

 private:
  enum class Phase : std::uint8_t {
    proxy_header,
    handshake,
    preface,  // of a plain connection that may speak HTTP/2
    session,
    closed,
  };

  void set_client(const base::IpAddress& address);
  void read_proxy_header();
  void begin_handshake();
  void begin_session();
  void read_preface();
  void begin_h2();

  net::Turn& turn_;
  Services& services_;
  ExchangePool& exchanges_;
  ConnectionOwner& owner_;
  std::shared_ptr<const ListenerFacts> listener_;
  net::Fd fd_;
  std::shared_ptr<const tls::ServerContext> context_;
  std::unique_ptr<net::ByteStream> stream_;
  tls::Engine* engine_ = nullptr;
  Phase phase_ = Phase::session;
  net::Deadline time_;        // PROXY header and handshake
  net::Deadline first_head_;  // these and the first head together
  net::TimePoint accepted_{};
  std::optional<H1Session> session_;
  std::unique_ptr<H2Session> h2_;
};

}  // namespace marquee::proxy
