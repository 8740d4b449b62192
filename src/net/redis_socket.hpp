// A socket towards Redis: TCP or Unix, non-blocking.
#pragma once
#include <cstdint>
#include <string>

#include "base/ip.hpp"
#include "net/socket.hpp"

namespace marquee::net {

struct RedisAddress {
  std::string path;  // of a Unix socket; empty: `ip` and `port`
  base::IpAddress ip;
  std::uint16_t port = 0;
  friend bool operator==(const RedisAddress&, const RedisAddress&) = default;
};

// None with errno.
Fd redis_socket(const RedisAddress& to);
// Begins to connect; false with errno when it cannot.
bool redis_connect(int fd, const RedisAddress& to);

}  // namespace marquee::net
