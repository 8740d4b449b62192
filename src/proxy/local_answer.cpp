#include "proxy/local_answer.hpp"

#include "proxy/exchange.hpp"

namespace marquee::proxy {

void LocalAnswer::start(LocalContent content) {
  content_ = std::move(content);
  sent_ = 0;
  active_ = true;
  http::ResponseHead& head = exchange_.response();
  head.clear();
  head.status = static_cast<std::uint16_t>(content_.status);
  const bool head_request = exchange_.request().method == http::Method::head;
  auto push = [&head](std::string_view name, std::string_view value) {
    head.fields.push({name, value, http::identify(name)});
  };
  if (!content_.content_type.empty()) push("Content-Type", content_.content_type);
  for (const auto& [name, value] : content_.fields) push(name, value);
  length_ = std::to_string(content_.body.size());
  if (head_request) {
    push("Content-Length", length_);
    content_.body.clear();
  } else if (content_.status != 204 && content_.status != 304) {
    head.body = {http::BodyKind::length, content_.body.size()};
  }
  exchange_.on_response_head();
  run();
}

void LocalAnswer::run() {
  if (!active_) return;
  if (sent_ < content_.body.size()) {
    BodySlice slice;
    slice.data = content_.body.data() + sent_;
    slice.size = content_.body.size() - sent_;
    slice.end = true;
    sent_ += exchange_.on_response_body(slice);
    if (!active_ || sent_ < content_.body.size()) return;
  }
  exchange_.on_response_end(nullptr);
}

}  // namespace marquee::proxy
