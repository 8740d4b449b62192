// What an exchange may know of the connection that its request came by.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.hpp"
#include "proxy/http/head.hpp"
#include "tls/engine.hpp"

namespace marquee::proxy {

struct ConnectionFacts {
  base::IpAddress client;    // the peer, or what PROXY protocol said
  bool client_known = true;  // false: a Unix socket
  std::string client_text;   // the same, as text
  std::uint16_t client_port = 0;
  bool trusted = false;           // a trusted proxy: its forwarding fields are believed
  bool secure = false;            // TLS
  std::uint16_t public_port = 0;  // the port that the client asked for
  std::string_view fallback;      // of the listener: who answers without an SNI
  const tls::SessionInfo* tls = nullptr;
  // Does the certificate of this connection cover `host`? For the 421 rule.
  virtual bool certificate_covers(std::string_view host) const {
    (void)host;
    return false;
  }
  // Who had the directory's domain at the first request under it; empty: not yet.
  std::string agency;
  std::int64_t handshake_us = -1;  // said once, with the first request
  virtual ~ConnectionFacts() = default;
};

}  // namespace marquee::proxy
