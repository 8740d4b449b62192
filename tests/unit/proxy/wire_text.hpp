// Makes what went over a wire comparable: a chunked body is written as one run,
// since where its chunks are cut depends on when the bytes came.
#pragma once
#include <string>
#include <string_view>

namespace marquee::proxy::testing {

// Takes chunks off `rest`; what is cut short stays visible as "<cut>".
inline std::string unchunked(std::string_view& rest) {
  std::string body = "<chunked>";
  for (;;) {
    const std::size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) break;
    const std::size_t size = std::stoul(std::string(rest.substr(0, end)), nullptr, 16);
    if (size == 0) {
      const std::size_t last = rest.find("\r\n\r\n", end);
      if (last == std::string_view::npos) break;
      body.append("<end>").append(rest.substr(end + 2, last + 2 - end));
      rest.remove_prefix(last + 4);
      return body;
    }
    if (rest.size() < end + 2 + size + 2) break;
    if (rest.substr(end + 2 + size, 2) != "\r\n") return body + "<a chunk without its CRLF>";
    body.append(rest.substr(end + 2, size));
    rest.remove_prefix(end + 2 + size + 2);
  }
  const std::size_t line = rest.find("\r\n");
  if (line != std::string_view::npos) body.append(rest.substr(line + 2));
  rest = {};
  return body + "<cut>";
}

inline std::string wire_text(std::string_view rest) {
  std::string text;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n\r\n");
    if (end == std::string_view::npos) break;
    const std::string_view head = rest.substr(0, end + 4);
    text.append(head);
    rest.remove_prefix(head.size());
    constexpr std::string_view length = "\r\nContent-Length: ";
    if (head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string_view::npos) {
      text += unchunked(rest);
    } else if (const std::size_t at = head.find(length); at != std::string_view::npos) {
      const std::size_t n = std::stoul(std::string(head.substr(at + length.size())));
      text.append(rest.substr(0, n));
      rest.remove_prefix(std::min(n, rest.size()));
    }
  }
  return text.append(rest);
}

}  // namespace marquee::proxy::testing
