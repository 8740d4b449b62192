// The lists of a TLS policy: cipher suites and groups, name by name.
#pragma once
#include <vector>

#include "config/settings.hpp"
#include "tls/openssl.hpp"

namespace marquee::tls {

// Sets them on `context`, or says everything that is wrong with them, each fault
// at its key.
std::vector<config::Problem> set_lists(SSL_CTX* context, const config::TlsPolicy& policy);

}  // namespace marquee::tls
