// Pure questions about names in certificates (RFC 6125, RFC 9525).
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace marquee::tls {

// True for "192.0.2.1" and "2001:db8::1" (also in brackets).
bool is_ip_literal(std::string_view text);

// Does a certificate with these dNSNames serve `host`? Compared without case.
// A name "*.x" stands for one label below x; for a wildcard host "*.x" only the
// very same name counts.
bool covers(std::span<const std::string> names, std::string_view host);

}  // namespace marquee::tls
