// Edits of an answer's head that have to look at what the upstream wrote: fields that
// are merged, not replaced. Pure, but for the arena that holds new values.
#pragma once
#include <string_view>

#include "proxy/arena.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

// Names `field` in Vary (RFC 9110 12.5.5), unless it or "*" is there.
void vary_on(std::string_view field, http::FieldTable& fields, Additions& additions, Arena& arena);

// `ancestors` is the only frame-ancestors that holds: every other one is taken out of
// the upstream's policies, whose other directives stay as they are, and a policy of
// its own says it (CSP 3, 4.1: all of several policies apply). X-Frame-Options says
// the same, where it can.
void set_frame_ancestors(std::string_view ancestors, http::FieldTable& fields, Additions& additions,
                         Arena& arena);

}  // namespace marquee::proxy
