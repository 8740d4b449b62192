// SHA-256 of credentials, again and again: its context is made once.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;
struct evp_md_st;

namespace marquee::identity {

using Digest = std::array<std::uint8_t, 32>;

// One thread's.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // `parts` one after the other. All zero where OpenSSL has no memory.
  Digest of(std::string_view first, std::string_view second = {});

 private:
  evp_md_ctx_st* context_;
  evp_md_st* algorithm_;
};

}  // namespace marquee::identity
