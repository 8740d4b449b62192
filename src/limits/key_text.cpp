#include "limits/key_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "limits/key_hash.hpp"

namespace marquee::limits {
namespace {

constexpr std::size_t kMostValue = 128;

// Bytes that stand for themselves.
constexpr auto kPlain = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '!'; c < 0x7f; ++c)
    table[c] = c != '%' && c != ',' && c != '=' && c != '{' && c != '}';
  return table;
}();

void append_hex(std::string& out, std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  out.append(text, 16);
}

}  // namespace

void append_value(std::string& out, std::string_view value) {
  if (value.size() > kMostValue) {  // 128 bits of it
    out += "%~";
    append_hex(out, key_hash(value, {0x6d617271, 1}));
    append_hex(out, key_hash(value, {0x6d617271, 2}));
    return;
  }
  const auto plain = [](char c) { return kPlain[static_cast<unsigned char>(c)]; };
  for (auto at = value.begin(); at != value.end(); ++at) {
    const auto odd = std::find_if_not(at, value.end(), plain);
    out.append(at, odd);
    if (odd == value.end()) return;
    at = odd;
    const char c = *odd;
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
}

void append_network(std::string& out, const base::IpAddress& address, unsigned v4_bits,
                    unsigned v6_bits) {
  const base::IpAddress network = base::client_prefix(address, v4_bits, v6_bits).network;
  char text[base::IpAddress::kTextSize];
  out += network.format(text);
  out += '/';
  out += std::to_string(network.is_v4() ? v4_bits : v6_bits);
}

}  // namespace marquee::limits
