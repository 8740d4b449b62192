// The opening handshake's challenge (RFC 6455 4.1, 4.2.2), for clients of HTTP/2,
// which have none of their own.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace marquee::proxy::http {

// Base64 of 16 bytes. Not a secret: it only shows that the server was asked anew.
void make_websocket_key(std::uint64_t random_a, std::uint64_t random_b, std::array<char, 24>& into);
// Is this the Sec-WebSocket-Accept to that key?
bool is_websocket_accept(std::string_view key, std::string_view accept);

}  // namespace marquee::proxy::http
