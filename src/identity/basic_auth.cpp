#include "identity/basic_auth.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/base64.hpp"

namespace marquee::identity {
namespace {

constexpr std::size_t kMost = 1024;
constexpr std::string_view kScheme = "basic ";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

bool is_basic(std::string_view authorization) {
  return authorization.size() > kScheme.size() &&
         std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                    [](char a, char b) { return a == lower(b); });
}

std::optional<BasicCredentials> read_basic(std::string_view authorization) {
  if (!is_basic(authorization) || authorization.size() > kMost) return std::nullopt;
  std::string_view text = authorization.substr(kScheme.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto decoded = base::base64_decode(text);
  if (!decoded) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  const bool control = std::any_of(decoded->begin(), decoded->end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f;
  });
  if (colon == std::string::npos || control) return std::nullopt;
  return BasicCredentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

bool password_fits(const std::string& password, const std::string& hash) {
  const auto room = std::make_unique<crypt_data>();  // 32 KiB
  std::memset(room.get(), 0, sizeof(crypt_data));
  const char* const made = ::crypt_r(password.c_str(), hash.c_str(), room.get());
  // A failure begins with "*", which no hash does.
  const bool fits = made && made[0] != '*' && std::strlen(made) == hash.size() &&
                    CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(room.get(), sizeof(crypt_data));
  return fits;
}

}  // namespace marquee::identity
