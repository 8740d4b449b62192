#include "identity/api_call.hpp"

#include <algorithm>

namespace marquee::identity {
namespace {

// Bytes of the well-formed character at the start of `text`, which begins with a byte
// above 0x7f; 0: there is none (RFC 3629 4).
std::size_t character(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  const unsigned char second = at(1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool beyond = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : size;
}

}  // namespace

std::string call_text(std::string_view text, std::size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most));
  while (!text.empty() && out.size() < most) {
    const auto first = static_cast<unsigned char>(text.front());
    std::size_t size = 1;
    if (first >= 0x80) size = character(text);
    if (size > 1 && out.size() + size > most) break;
    // C1 controls are two bytes long.
    const bool control = first < 0x20 || first == 0x7f ||
                         (size == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
    if (size == 0 || control)
      out += '?';
    else
      out.append(text.substr(0, size));
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string call_path(std::string_view path) {
  return call_text(path.substr(0, path.find('?')), kMostCallPath);
}

}  // namespace marquee::identity
