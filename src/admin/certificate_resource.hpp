// Certificates of the domains.
//
//   GET /v1/certificates?cursor=&limit=&contains=   {"certificates":[...],"next":...}
//   GET /v1/certificates/HOST[?with_key=true]       one of them, with its chain
//   PUT /v1/certificates/HOST                       {"certificate":PEM,"key":PEM}
//
// Keys are given to the Unix socket only, and only when asked for.
#pragma once
#include <vector>

#include "admin/certificate_port.hpp"
#include "admin/resource.hpp"

namespace marquee::admin {

// `port` outlives the routes.
std::vector<Route> certificate_routes(CertificatePort& port);

}  // namespace marquee::admin
