#include <algorithm>

#include "limits/rule.hpp"

namespace marquee::limits {
namespace {

constexpr int kMostDecodings = 4;  // "%2561" is "a" to an upstream that decodes twice

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool plain(std::string_view path) {
  return path.find_first_of("%;\\") == path.npos && path.find("//") == path.npos &&
         path.find("/.") == path.npos;
}

// Escapes of printable characters, in place; the new size.
std::size_t decode(char* text, std::size_t size) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < size; ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < size) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      const int byte = high * 16 + low;
      if (high >= 0 && low >= 0 && byte > 0x20 && byte < 0x7f) {
        c = static_cast<char>(byte);
        i += 2;
      }
    }
    text[out++] = c;
  }
  return out;
}

// Parameters (";x=1") go, backslashes are slashes, in place; the new size.
std::size_t drop_parameters(char* text, std::size_t size) {
  std::size_t out = 0;
  bool parameter = false;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = text[i] == '\\' ? '/' : text[i];
    parameter = c == ';' || (parameter && c != '/');
    if (!parameter) text[out++] = c;
  }
  return out;
}

// Empty segments, "." and "..", in place (RFC 3986 5.2.4); the new size.
std::size_t resolve(char* text, std::size_t size) {
  std::size_t out = 0;
  bool open = true;  // ends with a slash
  for (std::size_t at = 0; at < size;) {
    const std::size_t begin = at;
    while (at < size && text[at] != '/') ++at;
    const std::string_view segment(text + begin, at - begin);
    open = segment.empty() || segment == "." || segment == ".." || at < size;
    if (segment == "..") {
      while (out > 0 && text[--out] != '/') {
      }
    } else if (!segment.empty() && segment != ".") {
      text[out++] = '/';  // never ahead of what was read: each had its slash
      std::copy(segment.begin(), segment.end(), text + out);
      out += segment.size();
    }
    ++at;
  }
  if (open || out == 0) text[out++] = '/';
  return out;
}

}  // namespace

std::string_view rule_path(std::string_view target, std::string& buffer) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (plain(path) || !path.starts_with('/')) return path;
  buffer.assign(path);
  std::size_t size = path.size();
  for (int pass = 0; pass < kMostDecodings; ++pass) {
    const std::size_t shorter = decode(buffer.data(), size);
    if (shorter == size) break;
    size = shorter;
  }
  size = drop_parameters(buffer.data(), size);
  buffer += '/';  // one byte for the last slash
  return {buffer.data(), resolve(buffer.data(), size)};
}

bool starts_with_folded(std::string_view text, std::string_view prefix) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace marquee::limits
