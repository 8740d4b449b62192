#include "net/redis_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace marquee::net {
namespace {

struct Raw {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Raw raw(const RedisAddress& address) {
  Raw out;
  if (!address.path.empty()) {
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    un.sun_family = AF_UNIX;
    std::strncpy(un.sun_path, address.path.c_str(), sizeof un.sun_path - 1);
    out.size = sizeof un;
  } else if (address.ip.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.bytes().data() + 12, 4);
    out.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.bytes().data(), 16);
    out.size = sizeof v6;
  }
  return out;
}

}  // namespace

Fd redis_socket(const RedisAddress& to) {
  const int family = raw(to).storage.ss_family;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd && to.path.empty()) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

bool redis_connect(int fd, const RedisAddress& to) {
  const Raw name = raw(to);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&name.storage), name.size) == 0 ||
         errno == EINPROGRESS;
}

}  // namespace marquee::net
