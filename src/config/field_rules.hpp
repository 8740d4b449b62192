// Which HTTP fields an operator may set, add or remove (RFC 9110 5.1, 5.5,
// 7.6.1; RFC 9112 6). Pure. Rules return an empty text, or what completes the
// sentence `X is "...", ...`.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::config {

// A token, and none of: hop-by-hop and framing fields, which belong to a
// connection, and the names of the tenant context and forwarding, which
// Marquee writes and clients and upstreams may not (underscores count as
// dashes: servers behind often make them one).
// Towards an upstream an operator may say more about the tenant: x-tenant-*
// names that Marquee itself does not write. Clients' own never get through.
enum class FieldTarget : std::uint8_t { any, upstream };
std::string field_name_fault(std::string_view name, FieldTarget target = FieldTarget::any);

// Visible characters, spaces and tabs inside, at most 8 KiB.
std::string field_value_fault(std::string_view value);

}  // namespace marquee::config
