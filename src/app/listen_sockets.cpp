#include "app/listen_sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "admin/unix_socket.hpp"
#include "config/address.hpp"

namespace marquee::app {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const config::ListenAddress& from, std::uint16_t port) {
  Address a;
  if (from.is_v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(a.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, from.host.c_str(), &v6.sin6_addr);
    a.size = sizeof v6;
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(a.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, from.host.c_str(), &v4.sin_addr);
    a.size = sizeof v4;
  }
  return a;
}

std::uint16_t port_of(const Address& a) {
  if (a.storage.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(a.storage).sin_port);
  if (a.storage.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(a.storage).sin6_port);
  return 0;
}

net::Fd bind_one(const Address& address, bool v6, int backlog, std::string& error) {
  net::Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool good =
      fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      (!v6 || ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
      ::bind(fd.get(), address.raw(), address.size) == 0 && ::listen(fd.get(), backlog) == 0;
  if (good) return fd;
  error = std::strerror(errno);
  return {};
}

bool same_address(int fd, const Address& wanted) {
  Address bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(fd, bound.raw(), &bound.size) != 0) return false;
  return bound.size == wanted.size &&
         std::memcmp(&bound.storage, &wanted.storage, wanted.size) == 0;
}

// One socket, shared by all workers.
bool share(int fd, std::size_t workers, BoundListener& out) {
  for (std::size_t i = 0; i < workers; ++i) {
    net::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!copy) {
      out.error = std::strerror(errno);
      return false;
    }
    out.sockets.push_back(std::move(copy));
  }
  return true;
}

std::string with_port(const config::ListenAddress& a, std::uint16_t port) {
  const std::string host = a.is_v6 ? "[" + a.host + "]" : a.host;
  return host + ":" + std::to_string(port);
}

}  // namespace

BoundListener bind_listener(const std::string& text, std::uint32_t backlog, std::size_t workers,
                            std::vector<PassedSocket>& passed) {
  BoundListener out;
  std::string complaint;
  const auto parsed = config::parse_listen_address(text, complaint);
  if (!parsed) {
    out.error = complaint;
    return out;
  }
  if (parsed->is_unix) {
    admin::UnixSocket socket;
    if (auto failure = admin::listen_unix(parsed->path, 0666, socket)) {
      out.error = failure->sentence;
      return out;
    }
    const net::Fd owned(socket.fd);
    out.address = text;
    share(owned.get(), workers, out);
    return out;
  }
  Address address = address_of(*parsed, parsed->port);
  for (std::size_t i = 0; i < passed.size(); ++i) {
    if (!same_address(passed[i].fd, address)) continue;
    const net::Fd owned(passed[i].fd);
    passed.erase(passed.begin() + static_cast<std::ptrdiff_t>(i));
    out.port = parsed->port;
    out.address = with_port(*parsed, out.port);
    share(owned.get(), workers, out);
    return out;
  }
  for (std::size_t i = 0; i < workers; ++i) {
    net::Fd fd = bind_one(address, parsed->is_v6, static_cast<int>(backlog), out.error);
    if (!fd) {
      out.error = "cannot listen on " + text + ": " + out.error;
      out.sockets.clear();
      return out;
    }
    address.size = sizeof address.storage;
    ::getsockname(fd.get(), address.raw(), &address.size);  // port 0 has become a number
    out.sockets.push_back(std::move(fd));
  }
  out.port = port_of(address);
  out.address = with_port(*parsed, out.port);
  return out;
}

}  // namespace marquee::app
