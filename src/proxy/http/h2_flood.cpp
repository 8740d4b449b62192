#include "proxy/http/h2_flood.hpp"

#include <algorithm>

namespace marquee::proxy::http {
namespace {

constexpr std::string_view names[] = {
    "none", "rapid_reset", "provoked_reset", "continuation", "header_list",   "settings",
    "ping", "empty_data",  "window_update",  "priority",     "unknown_frame",
};
static_assert(sizeof names / sizeof names[0] == static_cast<std::size_t>(H2Flood::count_));

// RFC 9113 6, RFC 9218 7.1.
enum Frame : std::uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,
  priority_update = 0x10,
};
constexpr std::uint8_t end_stream = 0x1;
constexpr std::uint8_t end_headers = 0x4;
constexpr std::uint8_t padded = 0x8;

}  // namespace

std::string_view name(H2Flood f) { return names[static_cast<std::size_t>(f)]; }

bool H2Budget::spend(H2Flood kind, std::uint32_t cost, Time now) {
  if (kind == H2Flood::window_update && updates_ > 0) {
    --updates_;
    return false;
  }
  if (kind == H2Flood::priority && priorities_ > 0) {
    --priorities_;
    return false;
  }
  constexpr auto second = std::chrono::seconds(1);
  Window& w = windows_[static_cast<std::size_t>(kind)];
  const auto age = now - w.begin;
  if (age >= 2 * second) {
    w = {now, 0, 0};
  } else if (age >= second) {
    w = {w.begin + second, w.now, 0};
  }
  w.now += cost;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(second - (now - w.begin));
  const std::uint64_t before =
      static_cast<std::uint64_t>(w.before) * static_cast<std::uint64_t>(left.count()) / 1000;
  const bool reset = kind == H2Flood::rapid_reset || kind == H2Flood::provoked_reset;
  return before + w.now >= (reset ? limits_.resets : limits_.control_frames);
}

H2Flood H2FrameScan::on_header(H2Budget& budget, H2Budget::Time now) {
  payload_ = static_cast<std::uint32_t>(header_[0]) << 16 |
             static_cast<std::uint32_t>(header_[1]) << 8 | header_[2];
  const std::uint8_t flags = header_[4];
  const auto spend = [&](H2Flood kind) {
    return budget.spend(kind, 1, now) ? kind : H2Flood::none;
  };
  block_frame_ = padded_data_ = false;
  switch (header_[3]) {
    case data:
      if (flags & end_stream) return H2Flood::none;
      if (payload_ == 0) return spend(H2Flood::empty_data);
      padded_data_ = (flags & padded) != 0;
      return H2Flood::none;
    case headers:
      block_frame_ = true;
      open_block_ = !(flags & end_headers);
      block_frames_ = 0;
      block_bytes_ = payload_;
      budget.earn_priorities(4);
      return H2Flood::none;
    case continuation:
      block_frame_ = true;
      open_block_ = !(flags & end_headers);
      block_bytes_ += std::min<std::uint32_t>(payload_, 1u << 24);
      return ++block_frames_ >= budget.limits().continuations ||
                     block_bytes_ >= budget.limits().field_block
                 ? H2Flood::continuation
                 : H2Flood::none;
    case rst_stream:
      return spend(H2Flood::rapid_reset);
    case settings:
      return spend(H2Flood::settings);
    case ping:
      return spend(H2Flood::ping);
    case window_update:
      return spend(H2Flood::window_update);
    case priority:
    case priority_update:
      return spend(H2Flood::priority);
    case push_promise:
    case goaway:
      return H2Flood::none;
    default:
      return spend(H2Flood::unknown_frame);
  }
}

std::uint32_t H2FrameScan::stream_id() const {
  return (static_cast<std::uint32_t>(header_[5]) << 24 |
          static_cast<std::uint32_t>(header_[6]) << 16 |
          static_cast<std::uint32_t>(header_[7]) << 8 | header_[8]) &
         0x7fffffff;
}

// Inside a field block every frame but CONTINUATION is an error that nghttp2 finds.
H2Fault H2FrameScan::judge_header() {
  dependency_left_ = 0;
  dependency_ = 0;
  if (open_block_) return H2Fault::none;
  const std::uint32_t id = stream_id();
  switch (header_[3]) {
    case data:
    case headers:
      switch (order_.on_message(id, header_[3] == headers, (header_[4] & end_stream) != 0)) {
        case H2StreamOrder::Verdict::fine:
          return H2Fault::none;
        case H2StreamOrder::Verdict::stream_closed:
          return H2Fault::stream_closed;
        case H2StreamOrder::Verdict::passed_over:
          return H2Fault::protocol_error;
      }
      return H2Fault::none;
    case rst_stream:
      order_.on_reset(id);
      return H2Fault::none;
    case priority:  // nghttp2 reads none where RFC 9218 has replaced them
      if (id == 0) return H2Fault::protocol_error;
      if (header_[0] == 0 && header_[1] == 0 && header_[2] == 5) dependency_left_ = 4;
      return H2Fault::none;
    default:
      return H2Fault::none;
  }
}

// RFC 7540 5.3.1: a stream cannot depend on itself.
H2Fault H2FrameScan::judge_dependency(std::uint8_t byte) {
  dependency_ = dependency_ << 8 | byte;
  if (--dependency_left_ > 0 || (dependency_ & 0x7fffffff) != stream_id()) return H2Fault::none;
  return H2Fault::protocol_error;
}

// DATA of nothing but padding is as empty as any.
H2Flood H2FrameScan::on_pad_length(std::uint8_t pad, H2Budget& budget, H2Budget::Time now) {
  padded_data_ = false;
  if (pad + 1u < payload_) return H2Flood::none;
  return budget.spend(H2Flood::empty_data, 1, now) ? H2Flood::empty_data : H2Flood::none;
}

H2FrameScan::Result H2FrameScan::take(std::string_view bytes, H2Budget& budget,
                                      H2Budget::Time now) {
  std::size_t i = std::min<std::size_t>(preface_, bytes.size());
  preface_ -= static_cast<std::uint32_t>(i);
  std::size_t frame = i;
  while (i < bytes.size()) {
    if (have_ < header_.size()) {
      if (have_ == 0) frame = i;
      const std::size_t n = std::min(header_.size() - have_, bytes.size() - i);
      std::copy_n(bytes.data() + i, n, header_.begin() + have_);
      have_ += static_cast<std::uint32_t>(n);
      i += n;
      if (have_ < header_.size()) break;
      if (const H2Fault f = judge_header(); f != H2Fault::none) return {frame, H2Flood::none, f};
      if (const H2Flood f = on_header(budget, now); f != H2Flood::none) return {frame, f};
    }
    if (padded_data_ && payload_ > 0 && i < bytes.size()) {
      const H2Flood f = on_pad_length(static_cast<std::uint8_t>(bytes[i]), budget, now);
      if (f != H2Flood::none) return {frame, f};
    }
    for (std::size_t at = i; dependency_left_ > 0 && at < bytes.size(); ++at)
      if (const H2Fault f = judge_dependency(static_cast<std::uint8_t>(bytes[at]));
          f != H2Fault::none)
        return {frame, H2Flood::none, f};
    const std::size_t n = std::min<std::size_t>(payload_, bytes.size() - i);
    payload_ -= static_cast<std::uint32_t>(n);
    i += n;
    if (payload_ == 0) have_ = 0;
  }
  return {bytes.size(), H2Flood::none};
}

}  // namespace marquee::proxy::http
