// Keys of session tickets: AES-256-CBC and HMAC-SHA256 (RFC 5077 section 4).
// Three generations: the newest seals, all open, and a ticket that an older one
// opened is replaced. Shared by all workers; no lock is taken in a handshake.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;
struct evp_cipher_st;

namespace marquee::tls {

class TicketKeys {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };

  // Makes the first key. `rotation` > 0: how long a key seals. Throws
  // std::runtime_error when the system has no randomness (at start only).
  TicketKeys(std::chrono::milliseconds rotation, Time now);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Called by a timer of the control thread; as many generations pass as are
  // due, but never more than all three. Without randomness the old keys stay.
  void rotate_if_due(Time now);
  Time next_rotation() const;

  // The two halves of OpenSSL's ticket callback, with its results: 1 done,
  // 0 no key (a full handshake follows), 2 opened by an older key, < 0 error.
  int seal(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
           evp_mac_ctx_st* mac) const;
  int open(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher,
           evp_mac_ctx_st* mac) const;

 private:
  struct Generations {
    std::array<Key, 3> keys;  // newest first
    std::size_t count = 0;
    ~Generations();  // wipes the keys
  };
  void publish(std::unique_ptr<Generations> next);

  std::chrono::milliseconds rotation_;
  evp_cipher_st* aes_ = nullptr;  // fetched once; a fetch per ticket costs more than the cipher
  std::atomic<const Generations*> current_{nullptr};
  // Handshakes that look at a set just now. A replaced set is freed at a rotation
  // that sees none; else at a later one.
  mutable std::atomic<std::uint32_t> readers_{0};
  class Reading;
  mutable std::mutex rotating_;                     // between callers of rotate_if_due
  std::vector<std::unique_ptr<Generations>> sets_;  // the last is in force
  Time due_;
};

}  // namespace marquee::tls
