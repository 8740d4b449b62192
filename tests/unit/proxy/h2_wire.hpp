// HTTP/2 as a test's peer writes and reads it: frames by hand, so that wrong ones
// can be written too.
#pragma once
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace marquee::proxy::testing {

enum H2Type : std::uint8_t {
  h2_data = 0,
  h2_headers = 1,
  h2_priority = 2,
  h2_rst = 3,
  h2_settings = 4,
  h2_ping = 6,
  h2_goaway = 7,
  h2_window = 8,
  h2_continuation = 9,
};
constexpr std::uint8_t h2_end_stream = 1;
constexpr std::uint8_t h2_end_headers = 4;

inline std::string h2_number(std::uint32_t n, int bytes = 4) {
  std::string s;
  for (int i = bytes - 1; i >= 0; --i) s += static_cast<char>(n >> (8 * i) & 0xff);
  return s;
}

inline std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                            const std::string& payload = {}) {
  return h2_number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) +
         static_cast<char>(flags) + h2_number(stream) + payload;
}

using H2List = std::vector<std::pair<std::string, std::string>>;

// Literals without indexing or Huffman coding (RFC 7541 6.2.2).
inline std::string h2_block(const H2List& fields) {
  auto text = [](const std::string& s) {
    if (s.size() < 127) return std::string(1, static_cast<char>(s.size())) + s;
    std::string n = "\x7f";
    std::size_t rest = s.size() - 127;
    for (; rest >= 128; rest /= 128) n += static_cast<char>(rest % 128 + 128);
    return n + static_cast<char>(rest) + s;
  };
  std::string out;
  for (const auto& [name, value] : fields) {
    out += '\0';
    out += text(name) + text(value);
  }
  return out;
}

inline const std::string h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline std::string h2_open(const std::string& settings = {}) {
  return h2_preface + h2_frame(h2_settings, 0, 0, settings);
}
inline H2List h2_request(const std::string& path, const std::string& method = "GET",
                         const std::string& host = "a.test") {
  return {{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", host}};
}
inline std::string h2_head(std::uint32_t id, const H2List& fields, bool ends = true) {
  return h2_frame(h2_headers,
                  static_cast<std::uint8_t>(h2_end_headers | (ends ? h2_end_stream : 0)), id,
                  h2_block(fields));
}
inline std::string h2_get(std::uint32_t id, const std::string& path, H2List more = {}) {
  H2List all = h2_request(path);
  all.insert(all.end(), more.begin(), more.end());
  return h2_head(id, all);
}
inline std::string h2_body(std::uint32_t id, const std::string& bytes, bool ends = false) {
  return h2_frame(h2_data, ends ? h2_end_stream : 0, id, bytes);
}
inline std::string h2_reset(std::uint32_t id, std::uint32_t code) {
  return h2_frame(h2_rst, 0, id, h2_number(code));
}

// What a client makes of Marquee's bytes.
struct H2Seen {
  struct Stream {
    std::string text;  // heads as "name: value|", body bytes as they are
    bool ended = false;
    std::int64_t reset = -1;  // code of RST_STREAM
  };
  std::map<std::uint32_t, Stream> streams;
  std::int64_t goaway = -1;  // code of the last
  std::uint32_t goaway_last = 0;
  int goaways = 0;
  std::map<int, int> frames;  // by type
  bool broken = false;        // bytes that are no frames
  bool unfinished = false;    // ends within a frame

  std::string all() const {
    std::string s;
    for (const auto& [id, stream] : streams)
      s += std::to_string(id) + "{" + stream.text + (stream.ended ? "}" : "...") +
           (stream.reset >= 0 ? "R" + std::to_string(stream.reset) : "") + "\n";
    return s;
  }
};

inline H2Seen h2_read(const std::string& out) {
  H2Seen seen;
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  std::size_t at = 0;
  const auto byte = [&out](std::size_t i) { return static_cast<std::uint8_t>(out[i]); };
  const auto number = [&](std::size_t i) {
    return static_cast<std::uint32_t>(byte(i)) << 24 |
           static_cast<std::uint32_t>(byte(i + 1)) << 16 |
           static_cast<std::uint32_t>(byte(i + 2)) << 8 | byte(i + 3);
  };
  while (at < out.size()) {
    if (out.size() - at < 9) break;
    const std::size_t size = number(at) >> 8;
    const std::uint8_t type = byte(at + 3);
    const std::uint8_t flags = byte(at + 4);
    const std::uint32_t id = number(at + 5);
    at += 9;
    if (out.size() - at < size) {
      at -= 9;
      break;
    }
    ++seen.frames[type];
    if (type == h2_headers) {
      auto& stream = seen.streams[id];
      seen.broken |= stream.ended || stream.reset >= 0;
      const auto* p = reinterpret_cast<const std::uint8_t*>(out.data() + at);
      std::size_t left = size;
      for (int done = 0; !done;) {
        nghttp2_nv nv;
        int what = 0;
        const auto n = nghttp2_hd_inflate_hd2(inflater, &nv, &what, p, left, 1);
        if (n < 0) {
          seen.broken = true;
          break;
        }
        p += n;
        left -= static_cast<std::size_t>(n);
        if (what & NGHTTP2_HD_INFLATE_EMIT)
          stream.text += std::string(reinterpret_cast<char*>(nv.name), nv.namelen) + ": " +
                         std::string(reinterpret_cast<char*>(nv.value), nv.valuelen) + "|";
        done = what & NGHTTP2_HD_INFLATE_FINAL;
      }
      nghttp2_hd_inflate_end_headers(inflater);
      seen.broken |= !(flags & h2_end_headers);
      stream.ended |= (flags & h2_end_stream) != 0;
    } else if (type == h2_data) {
      auto& stream = seen.streams[id];
      seen.broken |= stream.ended || stream.reset >= 0;
      stream.text += out.substr(at, size);
      stream.ended |= (flags & h2_end_stream) != 0;
    } else if (type == h2_rst) {
      seen.streams[id].reset = number(at);
    } else if (type == h2_goaway) {
      ++seen.goaways;
      seen.goaway_last = number(at);
      seen.goaway = number(at + 4);
    }
    at += size;
  }
  seen.unfinished = at < out.size();
  nghttp2_hd_inflate_del(inflater);
  return seen;
}

}  // namespace marquee::proxy::testing
