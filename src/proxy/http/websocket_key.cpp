#include "proxy/http/websocket_key.hpp"

#include <openssl/evp.h>

#include <cstring>
#include <string>

namespace marquee::proxy::http {
namespace {

constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

}  // namespace

void make_websocket_key(std::uint64_t random_a, std::uint64_t random_b,
                        std::array<char, 24>& into) {
  std::array<unsigned char, 16> bytes;
  std::memcpy(bytes.data(), &random_a, 8);
  std::memcpy(bytes.data() + 8, &random_b, 8);
  std::array<unsigned char, 25> text;  // with the NUL that OpenSSL adds
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  std::memcpy(into.data(), text.data(), into.size());
}

bool is_websocket_accept(std::string_view key, std::string_view accept) {
  const std::string input = std::string(key).append(guid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    return false;
  std::array<unsigned char, 33> text;
  const int n = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return accept ==
         std::string_view(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(n));
}

}  // namespace marquee::proxy::http
