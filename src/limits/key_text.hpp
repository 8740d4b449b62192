// How the parts of a key are written (rule.hpp).
#pragma once
#include <string>
#include <string_view>

#include "base/ip.hpp"

namespace marquee::limits {

// No byte that separates parts or marks a Cluster's tag, none that is not text; at
// most 128 of them, longer ones are hashed, the same on every node.
void append_value(std::string& out, std::string_view value);

// "203.0.113.7/32": the network that counts as one client.
void append_network(std::string& out, const base::IpAddress& address, unsigned v4_bits,
                    unsigned v6_bits);

}  // namespace marquee::limits
