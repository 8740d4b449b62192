#include "proxy/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace marquee::proxy {
namespace {

// One event accepts at most so many: the connections that are there come first.
constexpr int accepts_per_event = 64;
constexpr net::Ms pause_for_descriptors{200};
// Bytes of an answer that may wait in the kernel unsent. Without the bound a
// client that reads nothing fills a send buffer of several MiB, and what we gave
// the kernel would say nothing about what the client has taken.
constexpr int unsent_bytes = 256 << 10;

}  // namespace

Listener::Listener(net::Worker& worker, net::Fd fd, std::shared_ptr<const ListenerFacts> facts,
                   SharedCounts& shared, Accepted accepted, std::function<void()> on_pause)
    : worker_(worker),
      fd_(std::move(fd)),
      facts_(std::move(facts)),
      shared_(shared),
      accepted_(std::move(accepted)),
      on_pause_(std::move(on_pause)) {
  // Accepted sockets inherit both (tcp(7)); a Unix socket has neither.
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

Listener::~Listener() { set_paused(false); }

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
  const bool last = fd.get() >= shared_.descriptor_mark.load(std::memory_order_relaxed);
  accepted_(std::move(fd), address.value_or(base::IpAddress{}), port, facts_);
  if (last) pause();
  return !last;
}

void Listener::on_ready(Ready) {
  for (int i = 0; i < accepts_per_event; ++i)
    if (!accept_one()) return;
}

void Listener::accept_rest() {
  while (accept_one()) {
  }
}

// Without descriptors a level-triggered listener would spin: it leaves the epoll
// set until a connection has ended, or for a while. Who waits to be accepted
// waits in the kernel's queue.
void Listener::pause() {
  worker_.turn().deadlines().arm(retry_, *this, pause_for_descriptors, worker_.turn().now());
  if (paused_) return;
  set_paused(true);
  worker_.unwatch(fd_.get());
  on_pause_();
}

void Listener::set_paused(bool paused) {
  if (paused == paused_) return;
  paused_ = paused;
  if (paused)
    shared_.paused_listeners.fetch_add(1, std::memory_order_relaxed);
  else
    shared_.paused_listeners.fetch_sub(1, std::memory_order_relaxed);
}

bool Listener::descriptors_free() const {
  const net::Fd lowest(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  return lowest && lowest.get() < shared_.descriptor_mark.load(std::memory_order_relaxed);
}

void Listener::resume() {
  if (!paused_) return;
  if (!descriptors_free() || !start())
    return worker_.turn().deadlines().arm(retry_, *this, pause_for_descriptors,
                                          worker_.turn().now());
  retry_.disarm();
  set_paused(false);
}

void Listener::on_deadline(net::Deadline&) { resume(); }

}  // namespace marquee::proxy
