#include "app/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace marquee::app {
namespace {

constexpr int first_passed_fd = 3;  // SD_LISTEN_FDS_START
constexpr int most_passed = 1024;

std::string one_line(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

// -1 when the variable is not there or not a number.
long number(const char* variable) {
  const char* const text = std::getenv(variable);
  if (!text) return -1;
  long n = -1;
  const char* const end = text + std::strlen(text);
  return std::from_chars(text, end, n).ptr == end ? n : -1;
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  const char* const text = std::getenv("LISTEN_FDNAMES");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    out.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return out;
}

}  // namespace

void ServiceNotifier::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + one_line(status));
}

void ServiceNotifier::reloading(std::chrono::microseconds monotonic) const {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic.count()));
}

void ServiceNotifier::stopping() const { send("STOPPING=1"); }

void ServiceNotifier::status(std::string_view text) const { send("STATUS=" + one_line(text)); }

void ServiceNotifier::send(const std::string& datagram) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path) return;
  if (socket_.front() != '/' && socket_.front() != '@') return;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  // An abstract name begins with a zero byte and ends with its length, a path
  // with a zero byte.
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const std::size_t length =
      offsetof(sockaddr_un, sun_path) + socket_.size() + (socket_.front() == '/' ? 1 : 0);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  ::sendto(fd, datagram.data(), datagram.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
  ::close(fd);
}

std::chrono::microseconds monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::duration_cast<std::chrono::microseconds>(
                                                std::chrono::nanoseconds(now.tv_nsec));
}

std::vector<PassedSocket> take_passed_sockets() {
  std::vector<PassedSocket> out;
  if (number("LISTEN_PID") == ::getpid()) {
    const long count = std::clamp(number("LISTEN_FDS"), 0L, static_cast<long>(most_passed));
    const std::vector<std::string> given = names();
    for (int i = 0; i < count; ++i) {
      const int fd = first_passed_fd + i;
      const int flags = ::fcntl(fd, F_GETFL);
      if (flags < 0) continue;  // said to be there, but is not
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
      const auto index = static_cast<std::size_t>(i);
      out.push_back({fd, index < given.size() ? given[index] : "unknown"});
    }
  }
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  return out;
}

}  // namespace marquee::app
