#include "tls/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

bool make_key(TicketKeys::Key& key) {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
         RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
}

bool set_mac(EVP_MAC_CTX* mac, const TicketKeys::Key& key) {
  // OpenSSL's parameters are not const, but are only read.
  auto* bytes = const_cast<unsigned char*>(key.mac.data());
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes, key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

}  // namespace

// Counts a handshake while it looks at the set in force.
class TicketKeys::Reading {
 public:
  explicit Reading(const TicketKeys& keys) : readers_(keys.readers_) {
    readers_.fetch_add(1);
    set_ = keys.current_.load();
  }
  ~Reading() { readers_.fetch_sub(1); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  const Generations& set() const { return *set_; }

 private:
  std::atomic<std::uint32_t>& readers_;
  const Generations* set_;
};

TicketKeys::Generations::~Generations() { OPENSSL_cleanse(keys.data(), sizeof keys); }

TicketKeys::TicketKeys(std::chrono::milliseconds rotation, Time now)
    : rotation_(std::max(rotation, std::chrono::milliseconds(1))), due_(now + rotation_) {
  auto first = std::make_unique<Generations>();
  first->count = 1;
  aes_ = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  if (!aes_ || !make_key(first->keys[0])) {
    EVP_CIPHER_free(aes_);
    throw std::runtime_error("session ticket keys cannot be made: " + take_openssl_error());
  }
  publish(std::move(first));
}

TicketKeys::~TicketKeys() { EVP_CIPHER_free(aes_); }

void TicketKeys::publish(std::unique_ptr<Generations> next) {
  current_.store(next.get());
  // Sequentially consistent on both sides: who is not counted yet sees the new set.
  if (readers_.load() == 0) sets_.clear();
  sets_.push_back(std::move(next));
}

void TicketKeys::rotate_if_due(Time now) {
  const std::lock_guard lock(rotating_);
  if (now < due_) return;
  const auto missed = (now - due_) / rotation_;  // whole rotations beyond the one that is due
  const auto steps = static_cast<std::size_t>(std::min<std::int64_t>(missed, 2)) + 1;
  auto next = std::make_unique<Generations>();
  const Generations& old = *current_.load(std::memory_order_relaxed);
  std::size_t made = 0;
  for (; made < steps; ++made)
    if (!make_key(next->keys[made])) return;
  next->count = std::min<std::size_t>(old.count + steps, 3);
  for (std::size_t i = made; i < next->count; ++i) next->keys[i] = old.keys[i - made];
  publish(std::move(next));
  due_ += rotation_ * (missed + 1);
}

TicketKeys::Time TicketKeys::next_rotation() const {
  const std::lock_guard lock(rotating_);
  return due_;
}

int TicketKeys::seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) const {
  const Reading reading(*this);
  const Key& key = reading.set().keys[0];
  std::memcpy(name, key.name.data(), key.name.size());
  if (RAND_bytes(iv, 16) != 1 ||
      !EVP_EncryptInit_ex(cipher, aes_, nullptr, key.cipher.data(), iv) || !set_mac(mac, key))
    return -1;
  return 1;
}

int TicketKeys::open(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac) const {
  const Reading reading(*this);
  const Generations& set = reading.set();
  for (std::size_t i = 0; i < set.count; ++i) {
    const Key& key = set.keys[i];
    if (std::memcmp(name, key.name.data(), key.name.size()) != 0) continue;
    if (!set_mac(mac, key) || !EVP_DecryptInit_ex(cipher, aes_, nullptr, key.cipher.data(), iv))
      return -1;
    return i == 0 ? 1 : 2;
  }
  return 0;
}

}  // namespace marquee::tls
