// One relay, several ways to learn that a socket is ready. Everything but the
// readiness is shared, so that a difference in cost is the readiness's own.
//
//   relay MODE LISTEN_PORT UPSTREAM_PORT ANSWER_BYTES
//
//   read   Asio async_read_some
//   wait   Asio socket.async_wait, then one recv
//   once   own edge-triggered epoll set, waited on by Asio; one epoll_wait(0)
//          per wake-up (the re-arm looks again)
//   drain  the same, but epoll_wait(0) until the set is empty
//   own    own edge-triggered epoll set is the only wait; no Asio on the path
//
// Plain TCP, one thread, keep-alive on both sides. A request ends with an empty
// line, an answer after ANSWER_BYTES; nothing else is parsed. Sends go straight
// to the socket in every mode. IPv4 loopback only; a measuring tool, no proxy.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in address = loopback(port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (::listen(fd, 1024) != 0) fail("listen");
  return fd;
}

void no_delay(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// Blocks while it connects: it happens a few times per run.
int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fail("connect to upstream");
  }
  no_delay(fd);
  return fd;
}

struct Connection {
  int fd = -1;
  bool is_client = false;
  bool dead = false;
  Connection* peer = nullptr;    // the other side while a request is in flight
  std::optional<Socket> socket;  // modes `read` and `wait`: owns fd
  std::size_t used = 0;
  std::array<char, 4096> buffer;

  Connection(int descriptor, bool client) : fd(descriptor), is_client(client) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (!socket) ::close(fd);
  }
};

// What happens with bytes; the same in every mode. Readiness offers
// add(Connection&), await(Connection&) and remove(Connection&).
template <typename Readiness>
class Relay {
 public:
  Relay(Readiness& readiness, std::uint16_t upstream, std::size_t answer)
      : readiness_(readiness), upstream_(upstream), answer_(answer) {}

  void accept_from(int listener) {
    for (;;) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      no_delay(fd);
      auto* client = new Connection(fd, true);
      readiness_.add(*client);
      readiness_.await(*client);
    }
  }

  // The socket has something: bytes, an end or an error. A short read empties
  // it, so that the next bytes are a new edge.
  void readable(Connection& from) {
    while (!from.dead) {
      const std::size_t room = from.buffer.size() - from.used;
      const ssize_t n = ::recv(from.fd, from.buffer.data() + from.used, room, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return readiness_.await(from);
      if (n <= 0) return close(from);
      received(from, static_cast<std::size_t>(n));
      if (static_cast<std::size_t>(n) < room) return;
    }
  }

  void received(Connection& from, std::size_t n) {
    from.used += n;
    if (from.is_client) {
      const std::string_view bytes(from.buffer.data(), from.used);
      if (!bytes.ends_with("\r\n\r\n")) return more(from);
      Connection& to = take();
      to.peer = &from;
      from.peer = &to;
      if (!send(from, to)) close(to);
      return readiness_.await(to);
    }
    if (from.used < answer_) return more(from);
    Connection* client = from.peer;
    from.peer = nullptr;
    idle_.push_back(&from);
    if (client == nullptr) {
      from.used = 0;
      return;
    }
    client->peer = nullptr;
    if (!send(from, *client)) return close(*client);
    readiness_.await(*client);
  }

  void close(Connection& gone) {
    if (gone.dead) return;
    gone.dead = true;
    if (gone.peer != nullptr) gone.peer->peer = nullptr;
    if (!gone.is_client) {
      if (gone.peer != nullptr) close(*gone.peer);
      std::erase(idle_, &gone);
    }
    readiness_.remove(gone);
    dead_.push_back(&gone);
  }

  // End of a turn: nothing on the stack refers to a connection now.
  void destroy_dead() {
    for (Connection* c : dead_) delete c;
    dead_.clear();
  }

 private:
  void more(Connection& from) {
    if (from.used == from.buffer.size()) return close(from);
    readiness_.await(from);
  }

  Connection& take() {
    if (!idle_.empty()) {
      Connection* last = idle_.back();
      idle_.pop_back();
      return *last;
    }
    auto* fresh = new Connection(connect_to(upstream_), false);
    readiness_.add(*fresh);
    return *fresh;
  }

  // Messages are far smaller than a socket's buffer: a partial send is an error.
  static bool send(Connection& from, Connection& to) {
    const ssize_t n = ::send(to.fd, from.buffer.data(), from.used, MSG_NOSIGNAL);
    const bool whole = n == static_cast<ssize_t>(from.used);
    from.used = 0;
    return whole;
  }

  Readiness& readiness_;
  std::uint16_t upstream_;
  std::size_t answer_;
  std::vector<Connection*> idle_;
  std::vector<Connection*> dead_;
};

struct Options {
  std::uint16_t port;
  std::uint16_t upstream;
  std::size_t answer;
};

// Modes `read` and `wait`.
template <bool ReadItself>
class AsioSockets {
 public:
  explicit AsioSockets(const Options& options)
      : relay_(*this, options.upstream, options.answer),
        listener_(context_, asio::ip::tcp::v4(), listen_on(options.port)) {}

  void run() {
    accept();
    context_.run();
  }

  void add(Connection& c) {
    c.socket.emplace(context_, asio::ip::tcp::v4(), c.fd);
    c.socket->native_non_blocking(true);
    c.socket->non_blocking(true);
  }
  void remove(Connection&) {}

  void await(Connection& c) {
    if (c.dead) return;
    if constexpr (ReadItself) {
      const auto room = asio::buffer(c.buffer.data() + c.used, c.buffer.size() - c.used);
      c.socket->async_read_some(room, [this, &c](const error_code& error, std::size_t n) {
        if (error) {
          relay_.close(c);
        } else {
          relay_.received(c, n);
        }
        relay_.destroy_dead();
      });
    } else {
      c.socket->async_wait(Socket::wait_read, [this, &c](const error_code& error) {
        if (!error) relay_.readable(c);
        relay_.destroy_dead();
      });
    }
  }

 private:
  using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

  void accept() {
    listener_.async_wait(Acceptor::wait_read, [this](const error_code& error) {
      if (error) return;
      relay_.accept_from(listener_.native_handle());
      accept();
    });
  }

  asio::io_context context_{1};
  Relay<AsioSockets> relay_;
  Acceptor listener_;
};

// The worker's own set: each socket is registered once and never again.
class OwnSet {
 public:
  explicit OwnSet(const Options& options)
      : relay_(*this, options.upstream, options.answer), listener_(listen_on(options.port)) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(set_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("epoll_ctl");
  }

  int descriptor() const { return set_; }

  void add(Connection& c) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &c;
    if (::epoll_ctl(set_, EPOLL_CTL_ADD, c.fd, &event) != 0) fail("epoll_ctl");
  }
  void await(Connection&) {}  // edges come by themselves
  void remove(Connection& c) { ::epoll_ctl(set_, EPOLL_CTL_DEL, c.fd, nullptr); }

  // One turn; returns how many events it had.
  int turn(int timeout_ms) {
    std::array<epoll_event, 256> events;
    const int n = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      auto* c = static_cast<Connection*>(event.data.ptr);
      if (c == nullptr) {
        relay_.accept_from(listener_);
      } else if (!c->dead && (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        relay_.readable(*c);
      }
    }
    relay_.destroy_dead();
    return n;
  }

 private:
  int set_ = ::epoll_create1(EPOLL_CLOEXEC);
  Relay<OwnSet> relay_;
  int listener_;
};

void run_own(const Options& options) {
  OwnSet set(options);
  for (;;) set.turn(-1);
}

// Modes `once` and `drain`.
class SetUnderAsio {
 public:
  SetUnderAsio(const Options& options, bool drain)
      : set_(options), drain_(drain), descriptor_(context_, ::dup(set_.descriptor())) {}

  void run() {
    arm();
    context_.run();
  }

 private:
  void arm() {
    descriptor_.async_wait(Descriptor::wait_read, [this](const error_code& error) {
      if (error) return;
      while (set_.turn(0) > 0 && drain_) {
      }
      arm();
    });
  }

  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
  asio::io_context context_{1};
  OwnSet set_;
  bool drain_;
  Descriptor descriptor_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: relay read|wait|once|drain|own LISTEN_PORT UPSTREAM_PORT ANSWER_BYTES\n",
               stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const std::string_view mode = argv[1];
  const Options options{static_cast<std::uint16_t>(std::atoi(argv[2])),
                        static_cast<std::uint16_t>(std::atoi(argv[3])),
                        static_cast<std::size_t>(std::atoi(argv[4]))};
  if (mode == "read") {
    AsioSockets<true>(options).run();
  } else if (mode == "wait") {
    AsioSockets<false>(options).run();
  } else if (mode == "once" || mode == "drain") {
    SetUnderAsio(options, mode == "drain").run();
  } else if (mode == "own") {
    run_own(options);
  } else {
    std::fprintf(stderr, "unknown mode %s: write read, wait, once, drain or own\n", argv[1]);
    return 2;
  }
  return 0;
}
