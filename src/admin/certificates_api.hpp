// The HTTP face of certificates:
//
//   GET /v1/certificates?cursor=&limit=&contains=   {"certificates":[...],"next":...}
//   GET /v1/certificates/HOST[?with_key=true]       one of them, with its chain
//   PUT /v1/certificates/HOST                       {"certificate":PEM,"key":PEM}
//
// Keys are given to the Unix socket only, and only when asked for. Errors are
// application/problem+json.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "admin/certificate_port.hpp"

namespace marquee::admin {

struct ApiRequest {
  std::string_view method;
  std::string_view target;  // path and query
  std::string_view body;
  bool local = false;  // came by the Unix socket
};
struct ApiAnswer {
  unsigned status = 200;
  std::string allow;  // with 405
  std::string body;   // JSON; a problem's `detail` where the status is an error
};

bool is_certificates_path(std::string_view target);
// `done` once, on the control thread.
void answer_certificates(CertificatePort& port, const ApiRequest& request,
                         std::function<void(ApiAnswer)> done);

}  // namespace marquee::admin
