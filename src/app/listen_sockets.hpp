// Listening sockets: bound by us, or handed over by systemd.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "app/systemd.hpp"
#include "net/socket.hpp"

namespace marquee::app {

struct BoundListener {
  std::vector<net::Fd> sockets;  // one for each worker
  std::string address;           // "127.0.0.1:41234": the port that was chosen
  std::uint16_t port = 0;        // 0: a Unix socket
  std::string error;             // a sentence; empty: it listens
};

// Binds `address` once for every worker (SO_REUSEPORT), so that the kernel
// spreads connections; a Unix socket, or one of `passed` for the same address,
// is shared by all.
BoundListener bind_listener(const std::string& address, std::uint32_t backlog, std::size_t workers,
                            std::vector<PassedSocket>& passed);

}  // namespace marquee::app
