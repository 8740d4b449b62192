// Handshakes for names that nobody has, as fast as one thread can begin them.
//
//   sni_flood ADDRESS PORT SECONDS CONNECTIONS NETWORKS SEED
//
// Each is a new connection and a whole ClientHello (TLS 1.3, as a browser's) with a
// name of its own. What comes back is read to its end and the connection reset, so
// that no port waits. They come from NETWORKS networks 127.x.y.0/24 in turn, at least
// one. Runs for SECONDS, or until its input ends with SECONDS 0. Prints one line of
// JSON when it has begun, and one with counts at its end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void put(std::string& out, unsigned value, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
}

// RFC 8446 4.1.2, with the extensions that servers look at.
std::string hello(const std::string& name, std::mt19937_64& random) {
  const auto noise = [&](int size) {
    std::string out;
    while (size-- > 0) out += static_cast<char>(random());
    return out;
  };
  const auto extension = [](std::string& out, unsigned type, const std::string& body) {
    put(out, type, 2);
    put(out, static_cast<unsigned>(body.size()), 2);
    out += body;
  };
  std::string extensions, body;
  put(body, static_cast<unsigned>(name.size()) + 3, 2);
  put(body, 0, 1);
  put(body, static_cast<unsigned>(name.size()), 2);
  extension(extensions, 0, body + name);
  using namespace std::string_literals;
  extension(extensions, 10, "\0\4\0\x1d\0\x17"s);                        // X25519, P-256
  extension(extensions, 13, "\0\x08\x04\x03\x08\x04\x04\x01\x08\x05"s);  // ECDSA, RSA-PSS, RSA
  extension(extensions, 16, "\0\x0c\x02h2\x08http/1.1"s);
  extension(extensions, 43, "\4\3\4\3\3"s);
  extension(extensions, 51, "\0\x24\0\x1d\0\x20"s + noise(32));
  std::string message = "\3\3"s + noise(32) + "\x20" + noise(32);
  message += "\0\x0a\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f"s + "\1\0"s;
  put(message, static_cast<unsigned>(extensions.size()), 2);
  message += extensions;
  std::string out = "\x16\3\1"s;
  put(out, static_cast<unsigned>(message.size()) + 4, 2);
  put(out, 1, 1);
  put(out, static_cast<unsigned>(message.size()), 3);
  return out + message;
}

struct Counts {
  unsigned long begun = 0, unrecognized = 0, other_alerts = 0, closed = 0, answered = 0,
                unanswered = 0;
};

struct Slot {
  int fd = -1;
  bool sent = false;
  std::string heard;
  Clock::time_point since;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: sni_flood ADDRESS PORT SECONDS CONNECTIONS NETWORKS SEED\n", stderr);
    return 2;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &to.sin_addr);
  const double seconds = std::atof(argv[3]);
  std::vector<Slot> slots(std::strtoul(argv[4], nullptr, 10));
  const unsigned long networks = std::strtoul(argv[5], nullptr, 10);
  std::mt19937_64 random(std::strtoul(argv[6], nullptr, 10));
  const int set = ::epoll_create1(0);
  Counts counts;
  const auto begin = [&](std::size_t i) {
    Slot& slot = slots[i];
    slot = {::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), false, {}, Clock::now()};
    const int one = 1;
    ::setsockopt(slot.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(slot.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    const linger at_once{1, 0};
    ::setsockopt(slot.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    const auto network = static_cast<std::uint32_t>(counts.begun % networks);
    from.sin_addr.s_addr = htonl(0x7f010001u + (network << 8));
    ::bind(slot.fd, reinterpret_cast<const sockaddr*>(&from), sizeof from);
    ++counts.begun;
    ::connect(slot.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLIN | EPOLLET;
    event.data.u64 = i;
    ::epoll_ctl(set, EPOLL_CTL_ADD, slot.fd, &event);
  };
  const auto finish = [&](std::size_t i) {
    Slot& slot = slots[i];
    ::close(slot.fd);
    if (slot.heard.empty())
      ++counts.closed;
    else if (slot.heard.size() >= 7 && slot.heard[0] == 21)
      ++(slot.heard[6] == 112 ? counts.unrecognized : counts.other_alerts);
    else
      ++counts.answered;
  };
  for (std::size_t i = 0; i < slots.size(); ++i) begin(i);
  std::puts("{\"running\": true}");
  std::fflush(stdout);
  const auto begun = Clock::now();
  const auto over = [&] {
    if (seconds > 0) return std::chrono::duration<double>(Clock::now() - begun).count() > seconds;
    pollfd input{0, POLLIN, 0};
    return ::poll(&input, 1, 0) > 0;
  };
  std::vector<epoll_event> events(256);
  for (unsigned turn = 0; turn % 64 != 0 || !over(); ++turn) {
    const int n = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 10);
    for (int e = 0; e < n; ++e) {
      const std::size_t i = events[static_cast<std::size_t>(e)].data.u64;
      Slot& slot = slots[i];
      const auto what = events[static_cast<std::size_t>(e)].events;
      if (!slot.sent && (what & EPOLLOUT)) {
        const std::string text = hello("n" + std::to_string(random()) + ".random.test", random);
        slot.sent = true;
        (void)!::send(slot.fd, text.data(), text.size(), MSG_NOSIGNAL);
      }
      if (!(what & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
      char buffer[4096];
      ssize_t got;
      while ((got = ::recv(slot.fd, buffer, sizeof buffer, 0)) > 0)
        if (slot.heard.size() < 16) slot.heard.append(buffer, static_cast<std::size_t>(got));
      // Its end, or all that was to be known.
      if (got < 0 && errno == EAGAIN && slot.heard.size() < 7) continue;
      finish(i);
      begin(i);
    }
    if (n > 0) continue;
    for (std::size_t i = 0; i < slots.size(); ++i) {  // lost, or forgotten
      if (Clock::now() - slots[i].since < std::chrono::seconds(2)) continue;
      ::close(slots[i].fd);
      ++counts.unanswered;
      begin(i);
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - begun).count();
  std::printf(
      "{\"begun\": %lu, \"unrecognized\": %lu, \"other_alerts\": %lu, \"closed\": %lu, "
      "\"answered\": "
      "%lu, \"unanswered\": %lu, \"seconds\": %.3f}\n",
      counts.begun, counts.unrecognized, counts.other_alerts, counts.closed, counts.answered,
      counts.unanswered, took);
  return 0;
}
