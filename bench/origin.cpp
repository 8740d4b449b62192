// An origin that costs little beside the proxies it stands behind.
//
//   origin PORT
//
// GET /b/N answers N bytes (N up to 2^40), GET /echo the head it received, any
// other GET "ok"; POST reads a body of Content-Length bytes and answers "ok". HTTP/1.1 keep-alive
// on loopback, one thread, level-triggered epoll. It trusts its clients: a measuring tool.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kInput = 64u << 10;
constexpr std::size_t kPattern = 1u << 20;
std::array<char, kPattern> pattern;
int poll_set = -1;

struct Connection {
  int fd = -1;
  bool wants_write = false;
  std::size_t have = 0;         // bytes of `input`
  std::uint64_t body_left = 0;  // of the request being read
  bool in_body = false;
  std::string head;  // of the answer, what is left to send
  std::uint64_t answer_left = 0;
  std::size_t at = 0;  // where in the pattern the rest of the answer begins
  std::array<char, kInput> input;
};

void watch(Connection& c, int operation, bool write) {
  epoll_event event{};
  event.events = write ? EPOLLOUT : EPOLLIN;  // a client that does not read gets no new answers
  event.data.ptr = &c;
  ::epoll_ctl(poll_set, operation, c.fd, &event);
  c.wants_write = write;
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t content_length(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto same = [](char a, char b) {
    return a == b || (a >= 'A' && a <= 'Z' && (a | 32) == b);
  };
  const auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(), same);
  if (at == head.end()) return 0;
  std::string_view value(at + kName.size(), head.end());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return number_at(value);
}

void answer(Connection& c, std::uint64_t size, std::string_view body) {
  c.head =
      "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: "
      "application/octet-stream\r\nContent-Length: " +
      std::to_string(body.empty() ? size : body.size()) + "\r\n\r\n";
  c.head += body;
  c.answer_left = body.empty() ? size : 0;
  c.at = 0;
}

// true: all sent; false with errno EAGAIN: later; false otherwise: broken.
bool flush(Connection& c) {
  while (!c.head.empty() || c.answer_left > 0) {
    const std::size_t body = std::min<std::uint64_t>(c.answer_left, kPattern - c.at);
    iovec parts[2] = {{c.head.data(), c.head.size()}, {pattern.data() + c.at, body}};
    const ssize_t n = ::writev(c.fd, parts, 2);
    if (n < 0) return false;
    const std::size_t of_head = std::min(c.head.size(), static_cast<std::size_t>(n));
    c.head.erase(0, of_head);
    const std::size_t of_body = static_cast<std::size_t>(n) - of_head;
    c.answer_left -= of_body;
    c.at = (c.at + of_body) % kPattern;
  }
  return true;
}

// Takes what stands in `input`; false: drop the connection.
bool serve(Connection& c) {
  std::size_t used = 0;
  bool alive = true;
  while (c.head.empty() && c.answer_left == 0) {
    const std::string_view rest(c.input.data() + used, c.have - used);
    if (c.in_body) {
      const auto n = std::min<std::uint64_t>(c.body_left, rest.size());
      c.body_left -= n;
      used += static_cast<std::size_t>(n);
      if (c.body_left > 0) break;
      c.in_body = false;
      answer(c, 0, "ok");
    } else {
      const std::size_t end = rest.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        alive = rest.size() < kInput;
        break;
      }
      const std::string_view head = rest.substr(0, end);
      used += end + 4;
      if (head.starts_with("POST ")) {
        c.body_left = content_length(head);
        c.in_body = true;
        continue;
      }
      if (head.starts_with("GET /b/")) {
        answer(c, number_at(head.substr(7)), {});
      } else {
        answer(c, 0, head.starts_with("GET /echo ") ? head : std::string_view("ok"));
      }
    }
    if (!flush(c)) alive = errno == EAGAIN;
    if (!alive) break;
  }
  std::memmove(c.input.data(), c.input.data() + used, c.have - used);
  c.have -= used;
  const bool blocked = !c.head.empty() || c.answer_left > 0;
  if (alive && blocked != c.wants_write) watch(c, EPOLL_CTL_MOD, blocked);
  return alive;
}

bool ready(Connection& c, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    if (!flush(c)) return errno == EAGAIN;
    return serve(c);
  }
  const ssize_t n = ::recv(c.fd, c.input.data() + c.have, kInput - c.have, 0);
  if (n < 0) return errno == EAGAIN;
  c.have += static_cast<std::size_t>(n);
  return n > 0 && serve(c);
}

void accept_all(int listener) {
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto* c = new Connection;
    c->fd = fd;
    watch(*c, EPOLL_CTL_ADD, false);
  }
}

int listen_on(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 4096) != 0) {
    std::perror("origin: listen");
    std::exit(1);
  }
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: origin PORT\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (std::size_t i = 0; i < kPattern; ++i) pattern[i] = "0123456789abcdef"[(i * 7 + i / 64) & 15];

  poll_set = ::epoll_create1(0);
  const int listener = listen_on(std::atoi(argv[1]));
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(poll_set, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    epoll_event events[256];
    const int n = ::epoll_wait(poll_set, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      auto* c = static_cast<Connection*>(events[i].data.ptr);
      if (c == nullptr) {
        accept_all(listener);
      } else if (!ready(*c, events[i].events)) {
        ::close(c->fd);
        delete c;
      }
    }
  }
}
