#include "admin/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <optional>
#include <system_error>

namespace marquee::admin {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t longest_answer = 64u << 20;

struct Connection {
  ~Connection() {
    if (fd >= 0) ::close(fd);
  }
  // False when the deadline passed.
  bool wait(short events) const {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      pollfd p{fd, events, 0};
      const int n =
          ::poll(&p, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX)));
      if (n > 0) return true;
      if (n == 0 || errno != EINTR) return false;
    }
  }
  int fd = -1;
  Clock::time_point deadline;
};

std::string connect_words(int error, const std::string& socket) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return "no Marquee answers on " + socket + "; is it running with these settings?";
    case EACCES:
      return "may not open " + socket +
             "; run this as its owner, as a member of its group, or as root";
    default:
      return "cannot connect to " + socket + ": " + std::generic_category().message(error);
  }
}

// `text` is a whole answer: the connection has ended.
std::optional<Reply> parse(std::string_view text) {
  Reply reply;
  const std::size_t head_end = text.find("\r\n\r\n");
  constexpr std::string_view version = "HTTP/1.1 ";
  if (head_end == std::string_view::npos || !text.starts_with(version)) return std::nullopt;
  const char* const code = text.data() + version.size();
  if (std::from_chars(code, code + 3, reply.status).ptr != code + 3) return std::nullopt;
  const std::string_view head = text.substr(0, head_end + 2);
  const std::string_view body = text.substr(head_end + 4);
  constexpr std::string_view length_field = "\r\nContent-Length: ";
  const std::size_t at = head.find(length_field);
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t length = 0;
  std::from_chars(head.data() + at + length_field.size(), head.data() + head.size(), length);
  if (length != body.size()) return std::nullopt;  // cut off
  reply.body = body;
  return reply;
}

}  // namespace

std::variant<Reply, base::Failure> ask(const std::string& socket, std::string_view method,
                                       std::string_view path, std::chrono::milliseconds timeout) {
  return ask(socket, method, path, {}, timeout);
}

std::variant<Reply, base::Failure> ask(const std::string& socket, std::string_view method,
                                       std::string_view path, std::string_view body,
                                       std::chrono::milliseconds timeout) {
  const auto failure = [](std::string sentence) {
    return base::Failure{base::FailureSource::dependency, true, std::move(sentence)};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path)
    return failure("the socket path is too long: " + socket);
  std::memcpy(address.sun_path, socket.data(), socket.size());

  Connection c;
  c.deadline = Clock::now() + timeout;
  c.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (c.fd < 0) return failure(std::generic_category().message(errno));
  if (::connect(c.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure(connect_words(errno, socket));
  }
  std::string request(method);
  request.append(" ").append(path).append(" HTTP/1.1\r\nHost: marquee\r\nConnection: close\r\n");
  if (!body.empty()) request.append("Content-Type: application/json\r\n");
  if (!body.empty() || method == "POST" || method == "PUT")
    request.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  request.append("\r\n").append(body);
  for (std::size_t sent = 0; sent < request.size();) {
    if (!c.wait(POLLOUT)) return failure("no answer from " + socket + " in time");
    const ssize_t n = ::send(c.fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return failure(connect_words(errno, socket));
  }
  std::string answer;
  char chunk[16384];
  for (;;) {
    if (!c.wait(POLLIN)) return failure("no answer from " + socket + " in time");
    const ssize_t n = ::recv(c.fd, chunk, sizeof chunk, 0);
    if (n == 0) break;
    if (n < 0 && errno != EAGAIN && errno != EINTR) return failure(connect_words(errno, socket));
    if (n > 0) answer.append(chunk, static_cast<std::size_t>(n));
    if (answer.size() > longest_answer) break;
  }
  if (auto reply = parse(answer)) return *std::move(reply);
  return failure("what answers on " + socket +
                 " is not Marquee's admin interface, or it ended too early");
}

}  // namespace marquee::admin
