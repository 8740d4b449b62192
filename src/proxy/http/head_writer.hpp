// Composes HTTP/1.1 heads into memory of the caller: one pass, one memcpy per
// piece. The bounds are computed first, so that nothing is checked per field.
#pragma once
#include <cstddef>

#include "proxy/outgoing.hpp"

namespace marquee::proxy::http {

// Bytes that compose() needs at most.
std::size_t head_bound(const OutgoingRequest& head);
std::size_t head_bound(const OutgoingResponse& head);

// Connection options of the response, decided by the session.
enum class Persistence : unsigned char {
  keep,           // HTTP/1.1 default: nothing is said
  close,          // "Connection: close"
  keep_explicit,  // an HTTP/1.0 client that asked for keep-alive
};

// Return the bytes written; `out` holds at least head_bound().
std::size_t compose(const OutgoingRequest& head, char* out);
std::size_t compose(const OutgoingResponse& head, Persistence persistence, char* out);

std::string_view reason_phrase(unsigned status);

}  // namespace marquee::proxy::http
