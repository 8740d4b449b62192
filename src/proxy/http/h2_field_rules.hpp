// What RFC 9113 8.2 asks of any one field, whichever way it goes.
#pragma once
#include <string_view>

#include "proxy/http/head.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

inline bool is_pseudo_field(std::string_view name) { return name.starts_with(':'); }

// No control characters, no whitespace at either end (8.2.1).
bool is_h2_value(std::string_view value);

// A regular field: a name of token characters, none in upper case, a value, and
// its identity. Not dropped.
Refusal read_h2_field(std::string_view name, std::string_view value, Field& into);

// Fields that speak of a connection (8.2.2), other than TE, which requests may
// carry with one value.
bool belongs_to_a_connection(const Field& f);

// A field of a block behind the body: no pseudo-field, nothing that frames, routes
// or speaks of the connection; `dropped` where it is left out (body_decoder.hpp).
Refusal read_h2_trailer(std::string_view name, std::string_view value, Field& into);

}  // namespace marquee::proxy::http
