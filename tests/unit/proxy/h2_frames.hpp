// HTTP/2 frames by hand, independent of the library under test: what a server
// sends, and what a client sent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::proxy::testing {

enum H2Type : std::uint8_t {
  h2_data,
  h2_headers,
  h2_priority,
  h2_rst,
  h2_settings,
  h2_push,
  h2_ping,
  h2_goaway,
  h2_window,
  h2_continuation
};
inline constexpr std::uint8_t end_stream = 1, ack = 1, end_headers = 4;

inline std::string u32(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

inline std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                            std::string_view payload = {}) {
  std::string out = u32(static_cast<std::uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out + u32(stream) + std::string(payload);
}

// A field line, never indexed, without Huffman; both shorter than 127 bytes.
inline std::string h2_field(std::string_view name, std::string_view value) {
  std::string out = "\x10";
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(value.size());
  return out += value;
}
inline const std::string h2_ok = "\x88";  // :status 200

inline std::string h2_setting(std::uint16_t id, std::uint32_t value) {
  return std::string{static_cast<char>(id >> 8), static_cast<char>(id)} + u32(value);
}
inline std::string server_preface(std::string_view settings = {}) {
  return h2_frame(h2_settings, 0, 0, settings) + h2_frame(h2_settings, ack, 0);
}
// HEADERS 200 and DATA, whole.
inline std::string h2_answer(std::uint32_t stream, std::string_view body) {
  return h2_frame(h2_headers, end_headers, stream, h2_ok) +
         h2_frame(h2_data, end_stream, stream, body);
}
inline std::string h2_reset(std::uint32_t stream, std::uint32_t code) {
  return h2_frame(h2_rst, 0, stream, u32(code));
}
inline std::string h2_bye(std::uint32_t last, std::uint32_t code = 0) {
  return h2_frame(h2_goaway, 0, 0, u32(last) + u32(code));
}
inline std::string h2_credit(std::uint32_t stream, std::uint32_t bytes) {
  return h2_frame(h2_window, 0, stream, u32(bytes));
}

struct H2Frame {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t stream;
  std::string payload;
};

// All whole frames behind a client's preface.
inline std::vector<H2Frame> frames_of(std::string_view bytes) {
  constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  if (bytes.starts_with(preface)) bytes.remove_prefix(preface.size());
  std::vector<H2Frame> out;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  while (bytes.size() >= 9) {
    const std::size_t size = static_cast<std::size_t>(byte(0)) << 16 | byte(1) << 8 | byte(2);
    if (bytes.size() < 9 + size) break;
    const std::uint32_t stream = static_cast<std::uint32_t>(byte(5)) << 24 |
                                 static_cast<std::uint32_t>(byte(6)) << 16 | byte(7) << 8 | byte(8);
    out.push_back({byte(3), byte(4), stream, std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return out;
}

inline std::size_t count_of(const std::vector<H2Frame>& frames, std::uint8_t type,
                            std::uint32_t stream) {
  std::size_t n = 0;
  for (const H2Frame& f : frames)
    n += f.type == type && f.stream == stream && !(type == h2_settings && f.flags == ack);
  return n;
}

}  // namespace marquee::proxy::testing
