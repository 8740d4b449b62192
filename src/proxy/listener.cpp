#include "proxy/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace marquee::proxy {
namespace {

// One event accepts at most so many: the connections that are there come first.
constexpr int accepts_per_event = 64;
constexpr net::Ms pause_for_descriptors{200};

}  // namespace

Listener::Listener(net::Worker& worker, net::Fd fd, std::shared_ptr<const ListenerFacts> facts,
                   Accepted accepted, std::function<void()> paused)
    : worker_(worker),
      fd_(std::move(fd)),
      facts_(std::move(facts)),
      accepted_(std::move(accepted)),
      paused_(std::move(paused)) {}

bool Listener::start() { return worker_.watch_listener(fd_.get(), *this); }

bool Listener::accept_one() {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  net::Fd fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
    // The client may be gone again before we took it (accept(2), ERRORS).
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
  }
  const auto address = base::IpAddress::from_sockaddr(reinterpret_cast<const sockaddr&>(peer));
  std::uint16_t port = 0;
  if (peer.ss_family == AF_INET) port = ntohs(reinterpret_cast<const sockaddr_in&>(peer).sin_port);
  if (peer.ss_family == AF_INET6)
    port = ntohs(reinterpret_cast<const sockaddr_in6&>(peer).sin6_port);
  if (peer.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  accepted_(std::move(fd), address.value_or(base::IpAddress{}), port, facts_);
  return true;
}

void Listener::on_ready(Ready) {
  for (int i = 0; i < accepts_per_event; ++i)
    if (!accept_one()) return;
}

void Listener::accept_rest() {
  while (accept_one()) {
  }
}

// Without descriptors a level-triggered listener would spin: look away a while.
void Listener::pause() {
  paused_();
  worker_.unwatch(fd_.get());
  worker_.turn().deadlines().arm(retry_, *this, pause_for_descriptors, worker_.turn().now());
}

void Listener::on_deadline(net::Deadline&) { start(); }

}  // namespace marquee::proxy
