#include "proxy/key_set_answer.hpp"

namespace marquee::proxy {

bool KeySetAnswer::answer(const EdgeRequest& request, LocalContent& content) {
  const http::Method method = request.request.method;
  if (method != http::Method::get && method != http::Method::head) {
    content.status = 405;
    content.content_type = "text/plain; charset=utf-8";
    content.body = "This path answers GET and HEAD only.\n";
    content.fields = {{"Allow", "GET, HEAD"}};
    return true;
  }
  content.status = 200;
  content.content_type = "application/jwk-set+json";
  content.body = context_.keys().document();
  content.fields = {{"Cache-Control", context_.keys().cache_control()},
                    {"X-Content-Type-Options", "nosniff"}};
  return true;
}

}  // namespace marquee::proxy
