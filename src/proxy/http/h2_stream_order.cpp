#include "proxy/http/h2_stream_order.hpp"

#include <algorithm>

namespace marquee::proxy::http {

H2StreamOrder::Verdict H2StreamOrder::on_message(std::uint32_t id, bool opens, bool ends) {
  if (id % 2 == 0) return Verdict::fine;  // 0 and the server's: nghttp2 knows
  if (id > last_) {
    if (!opens) return Verdict::fine;  // idle: nghttp2 knows
    if (id > last_ + 2) pass_over(last_ == 0 ? 1 : last_ + 2, id - 2);
    last_ = id;
  } else if (std::find(over_.begin(), over_.end(), id) != over_.end()) {
    return Verdict::stream_closed;
  } else if (std::any_of(passed_.begin(), passed_.end(),
                         [&](const Range& r) { return r.first <= id && id <= r.last; })) {
    return Verdict::passed_over;
  }
  if (ends) over(id);
  return Verdict::fine;
}

void H2StreamOrder::on_reset(std::uint32_t id) {
  if (id % 2 == 1 && id <= last_) over(id);
}

void H2StreamOrder::over(std::uint32_t id) {
  over_[next_over_] = id;
  next_over_ = static_cast<std::uint8_t>((next_over_ + 1) % over_.size());
}

void H2StreamOrder::pass_over(std::uint32_t first, std::uint32_t last) {
  if (first > last) return;
  passed_[next_passed_] = {first, last};
  next_passed_ = static_cast<std::uint8_t>((next_passed_ + 1) % passed_.size());
}

}  // namespace marquee::proxy::http
