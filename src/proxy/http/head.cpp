#include "proxy/http/head.hpp"

namespace marquee::proxy::http {

Method method_of(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return Method::get;
      if (name == "PUT") return Method::put;
      break;
    case 4:
      if (name == "POST") return Method::post;
      if (name == "HEAD") return Method::head;
      break;
    case 5:
      if (name == "PATCH") return Method::patch;
      if (name == "TRACE") return Method::trace;
      break;
    case 6:
      if (name == "DELETE") return Method::delete_;
      break;
    case 7:
      if (name == "OPTIONS") return Method::options;
      if (name == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

void RequestHead::clear() {
  fields.clear();
  method_name = target = path = authority = host = upgrade_to = websocket_key = {};
  method = Method::other;
  form = TargetForm::origin;
  minor = 1;
  h2 = false;
  body = {};
  keep_alive = true;
  expects_continue = upgrade = false;
}

void ResponseHead::clear() {
  fields.clear();
  status = 0;
  reason = {};
  minor = 1;
  body = {};
  keep_alive = true;
}

}  // namespace marquee::proxy::http
