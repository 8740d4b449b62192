// What of a client's HTTP/2 frames is abuse. Pure: bytes and time come in.
//
// H2Budget counts events of each kind over the last second. H2FrameScan follows
// the frames' headers (RFC 9113 4.1) in front of the codec, so that a flood is met
// before anything of it is decoded or answered. The floods are those of
// CVE-2019-9511..9518, CVE-2023-44487, CVE-2024-27316 and CVE-2025-8671.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/h2_stream_order.hpp"

namespace marquee::proxy::http {

enum class H2Flood : std::uint8_t {
  none,
  rapid_reset,     // the client takes its requests back
  provoked_reset,  // the client makes us reset them ("MadeYouReset")
  continuation,    // a field block of too many frames, or too long
  header_list,     // a field block that decodes to far more than allowed
  settings,
  ping,
  empty_data,
  window_update,  // beyond what the DATA sent to it calls for
  priority,
  unknown_frame,
  count_,
};
std::string_view name(H2Flood f);

struct H2FloodLimits {
  std::uint32_t resets = 200;             // a second
  std::uint32_t control_frames = 500;     // a second, of each kind
  std::uint32_t continuations = 8;        // of one field block
  std::uint32_t field_block = 64u << 10;  // encoded bytes of one
};

class H2Budget {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit H2Budget(const H2FloodLimits& limits) : limits_(limits) {}

  // `cost` events of that kind; true: that was too many.
  bool spend(H2Flood kind, std::uint32_t cost, Time now);
  // WINDOW_UPDATE and PRIORITY answer to what went on before.
  void earn_window_updates(std::uint32_t n) { updates_ = more(updates_, n); }
  void earn_priorities(std::uint32_t n) { priorities_ = more(priorities_, n); }
  const H2FloodLimits& limits() const { return limits_; }

 private:
  // Two counts of one second each: what is past weighs less with every moment.
  struct Window {
    Time begin{};
    std::uint32_t before = 0;
    std::uint32_t now = 0;
  };
  static std::uint32_t more(std::uint32_t have, std::uint32_t n) {
    return have > 1u << 20 ? have : have + n;
  }
  H2FloodLimits limits_;
  std::uint32_t updates_ = 0;
  std::uint32_t priorities_ = 0;
  std::array<Window, static_cast<std::size_t>(H2Flood::count_)> windows_{};
};

// Errors of the connection that the codec does not see, and are seen here.
enum class H2Fault : std::uint8_t { none, protocol_error, stream_closed };

class H2FrameScan {
 public:
  struct Result {
    std::size_t bytes;  // before the frame that is too many; else all of them
    H2Flood flood = H2Flood::none;
    H2Fault fault = H2Fault::none;
  };
  // All bytes of the connection in order, the client's preface first.
  Result take(std::string_view bytes, H2Budget& budget, H2Budget::Time now);
  // A field block has begun and not ended: the time for a head runs.
  bool in_field_block() const { return open_block_ || (block_frame_ && payload_ > 0); }
  bool preface_complete() const { return preface_ == 0; }

 private:
  H2Flood on_header(H2Budget& budget, H2Budget::Time now);
  H2Fault judge_header();
  H2Fault judge_dependency(std::uint8_t byte);
  std::uint32_t stream_id() const;
  H2Flood on_pad_length(std::uint8_t pad, H2Budget& budget, H2Budget::Time now);

  std::uint32_t preface_ = 24;  // bytes still to come
  std::uint32_t payload_ = 0;
  std::uint32_t have_ = 0;
  std::array<std::uint8_t, 9> header_{};
  bool open_block_ = false;           // CONTINUATION must follow
  bool block_frame_ = false;          // the present frame carries a field block
  bool padded_data_ = false;          // its first byte is the pad length
  std::uint8_t dependency_left_ = 0;  // bytes of PRIORITY's stream still to come
  std::uint32_t dependency_ = 0;
  H2StreamOrder order_;
  std::uint32_t block_frames_ = 0;
  std::uint32_t block_bytes_ = 0;
};

}  // namespace marquee::proxy::http
