// Private keys at rest, in the platform's layout (platform contract 1.4):
// AES-256-GCM without associated data, text = hex(iv 12) hex(ciphertext) hex(tag
// 16), lower case. The plaintext is the PEM. Pure, but for the IV of encrypt().
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::store {

// 32 bytes, wiped when it goes.
class EncryptionKey {
 public:
  // 64 hex digits of either case; nothing for anything else.
  static std::optional<EncryptionKey> parse(std::string_view hex);
  EncryptionKey(const EncryptionKey&) = default;
  EncryptionKey& operator=(const EncryptionKey&) = default;
  ~EncryptionKey();

  const std::uint8_t* data() const { return bytes_.data(); }

 private:
  EncryptionKey() = default;
  std::array<std::uint8_t, 32> bytes_{};
};

inline constexpr std::size_t kIvSize = 12;
inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kMostEncrypted = 64u << 10;  // characters of the column

// Nothing: not this layout, another key, or altered. The caller wipes the result.
std::optional<std::string> decrypt(const EncryptionKey& key, std::string_view text);

using Iv = std::array<std::uint8_t, kIvSize>;
// `iv` must never be used twice with one key; without it, it comes from OpenSSL's
// generator. Nothing if that failed.
std::optional<std::string> encrypt(const EncryptionKey& key, std::string_view plaintext);
std::optional<std::string> encrypt(const EncryptionKey& key, std::string_view plaintext,
                                   const Iv& iv);

}  // namespace marquee::store
