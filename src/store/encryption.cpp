#include "store/encryption.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>
#include <vector>

namespace marquee::store {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool from_hex(std::string_view text, std::uint8_t* out) {
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out[i / 2] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

void append_hex(std::string& out, const std::uint8_t* bytes, std::size_t size) {
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
}

}  // namespace

std::optional<EncryptionKey> EncryptionKey::parse(std::string_view hex) {
  EncryptionKey key;
  if (hex.size() != 64 || !from_hex(hex, key.bytes_.data())) return std::nullopt;
  return key;
}

EncryptionKey::~EncryptionKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::optional<std::string> decrypt(const EncryptionKey& key, std::string_view text) {
  constexpr std::size_t around = kIvSize + kTagSize;
  if (text.size() % 2 != 0 || text.size() <= 2 * around || text.size() > kMostEncrypted)
    return std::nullopt;
  std::vector<std::uint8_t> bytes(text.size() / 2);
  if (!from_hex(text, bytes.data())) return std::nullopt;
  const std::size_t length = bytes.size() - around;
  std::string out(length, '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  int rest = 0;
  auto* const plain = reinterpret_cast<std::uint8_t*>(out.data());
  const bool good = context &&
                    EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(),
                                       bytes.data()) == 1 &&
                    EVP_DecryptUpdate(context.get(), plain, &written, bytes.data() + kIvSize,
                                      static_cast<int>(length)) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize,
                                        bytes.data() + kIvSize + length) == 1 &&
                    EVP_DecryptFinal_ex(context.get(), plain + written, &rest) == 1;
  if (good) return out;
  OPENSSL_cleanse(out.data(), out.size());
  return std::nullopt;
}

std::optional<std::string> encrypt(const EncryptionKey& key, std::string_view plaintext) {
  Iv iv{};
  if (RAND_bytes(iv.data(), static_cast<int>(iv.size())) != 1) return std::nullopt;
  return encrypt(key, plaintext, iv);
}

std::optional<std::string> encrypt(const EncryptionKey& key, std::string_view plaintext,
                                   const Iv& iv) {
  if (plaintext.empty() || plaintext.size() > kMostEncrypted / 2 - kIvSize - kTagSize)
    return std::nullopt;
  std::vector<std::uint8_t> out(plaintext.size());
  std::array<std::uint8_t, kTagSize> tag{};
  const Context context(EVP_CIPHER_CTX_new());
  int written = 0;
  int rest = 0;
  if (!context ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), iv.data()) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written,
                        reinterpret_cast<const std::uint8_t*>(plaintext.data()),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), out.data() + written, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize, tag.data()) != 1) {
    return std::nullopt;
  }
  std::string text;
  text.reserve(2 * (iv.size() + out.size() + tag.size()));
  append_hex(text, iv.data(), iv.size());
  append_hex(text, out.data(), out.size());
  append_hex(text, tag.data(), tag.size());
  return text;
}

}  // namespace marquee::store
