// The server's side of a handshake: what the OpenSSL callbacks need and keep.
// Lives from the first byte to the end of the handshake only.
#pragma once
#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "tls/admission.hpp"
#include "tls/context.hpp"

namespace marquee::tls {

struct ServerHandshake {
  const ServerContext& context;
  Admission& admission;
  std::uint64_t waiter;
  Admitted admitted{};
  bool decided = false;  // admit() gave its verdict
  bool had_sni = false;
  std::string sni;    // as sent; a second ClientHello must repeat it
  std::string error;  // why we refused, for the log
};

// Sets the callbacks that expect a ServerHandshake as the SSL's app data.
void install_handshake_callbacks(SSL_CTX* context);

// Lower case, without one trailing dot; empty when `raw` is not a printable name
// of at most 253 bytes (it goes to logs, not to routing).
std::string printable_sni(std::string_view raw);

}  // namespace marquee::tls
