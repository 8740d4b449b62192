#include "store/encryption.hpp"

#include <doctest/doctest.h>

using namespace marquee::store;

namespace {
const EncryptionKey kKey =
    *EncryptionKey::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
constexpr std::string_view kPlain = "-----BEGIN PRIVATE KEY-----\n";
// Platform contract 1.4.
constexpr std::string_view kVector =
    "000102030405060708090a0b6a2ffb36e8a7875cc40fb7dbe3a02e2cd793a77fb5227251154ac88fb8ffdbdb81c241"
    "9cf46d592fa0a674e7";
}  // namespace

TEST_CASE("the platform's vector, both ways") {
  CHECK(decrypt(kKey, kVector) == std::string(kPlain));
  Iv iv{};
  for (std::uint8_t i = 0; i < kIvSize; ++i) iv[i] = i;
  CHECK(encrypt(kKey, kPlain, iv) == std::string(kVector));
}

TEST_CASE("what was altered, cut or made with another key does not open") {
  for (std::size_t i = 0; i < kVector.size(); ++i) {
    std::string altered(kVector);
    altered[i] = altered[i] == '0' ? '1' : '0';
    CHECK_FALSE(decrypt(kKey, altered));
    CHECK_FALSE(decrypt(kKey, kVector.substr(0, i)));
  }
  const auto other = EncryptionKey::parse(std::string(64, 'f'));
  CHECK_FALSE(decrypt(*other, kVector));
  for (const auto text : {"", "vercel_managed", "mock_encrypted_key", "zz"})
    CHECK_FALSE(decrypt(kKey, text));
  CHECK_FALSE(decrypt(kKey, std::string(kMostEncrypted + 2, '0')));
}

TEST_CASE("each encryption has an IV of its own") {
  const auto a = encrypt(kKey, kPlain);
  const auto b = encrypt(kKey, kPlain);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(*a != *b);
  CHECK(decrypt(kKey, *a) == std::string(kPlain));
}

TEST_CASE("a key is 64 hex digits") {
  CHECK(EncryptionKey::parse(std::string(64, 'A')));
  CHECK_FALSE(EncryptionKey::parse(std::string(63, 'a')));
  CHECK_FALSE(EncryptionKey::parse(std::string(64, 'g')));
  CHECK_FALSE(EncryptionKey::parse(""));
}
