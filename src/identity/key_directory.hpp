// The port to stored credentials: the platform's API keys (module_api_keys), clients of
// a module's API mode (module_api_consumers) and embed tokens (module_embed_tokens).
// src/store implements it beside the directory of
// domains; the access gate asks it, once for each credential and minute.
//
// Contract
//  - Threads: every function may be called from any thread and returns without
//    blocking. `done` is called exactly once, on a thread of the adapter's choice,
//    perhaps inside the call; it only hands on. A directory that is being destroyed
//    answers what is open with `unavailable` before its destructor returns.
//  - Missing key: `absent`. Failure to know is `unavailable`, never `absent`.
//  - Staleness: an answer shows what was committed before the question. A change is
//    told by the change feed as Change::What::credential, with the hash, before and
//    after, as its value; nothing is cached here.
//  - Errors: no exceptions. A row of which a part cannot be read is `broken`: it has
//    restrictions that nobody knows, so that it opens nothing.
//  - Bounds: lists are cut nowhere: more than kMostRestrictions entries are broken.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/ip.hpp"

namespace marquee::identity {

inline constexpr std::size_t kMostRestrictions = 256;  // of one kind, of one row
// A Change::What::credential with this value instead of a hash: perhaps all of them.
inline constexpr std::string_view kAnyCredential = "any";
inline constexpr std::size_t kConsumerPrefix = 11;  // "dk_" and 48 of 192 bits

// What rows of keys of both kinds have.
struct KeyRecord {
  std::string id;
  std::string hash;  // lower hex SHA-256 of the whole key
  std::string module;
  std::string site;
  std::string agency;
  std::vector<std::string> scopes;
  std::vector<base::Cidr> addresses;  // empty: any
  std::uint32_t per_minute = 0;       // 0: no limit
  std::uint32_t per_day = 0;
  bool active = false;
  bool broken = false;
};

struct ApiKeyRecord : KeyRecord {
  std::vector<std::string> origins;  // empty: any
  bool revoked = false;
  std::optional<std::chrono::sys_seconds> expires_at;
};

// A client of one installation of a module. Its key is stored as it is.
struct ConsumerRecord : KeyRecord {
  std::vector<std::string> endpoints;  // "GET /product/{id}", "*"; empty: none
};

struct EmbedTokenRecord {
  std::string hash;  // as stored: lower hex SHA-256 of the whole token
  std::string module;
  std::string site;
  std::vector<std::string> domains;  // empty: any
  bool revoked = false;
  std::optional<std::chrono::sys_seconds> expires_at;
  bool broken = false;
};

enum class KeyFound : std::uint8_t { found, absent, unavailable };

template <typename Record>
struct KeyAnswer {
  KeyFound status = KeyFound::unavailable;
  Record record;          // with found
  base::Failure failure;  // with unavailable
};

class KeyDirectory {
 public:
  virtual ~KeyDirectory() = default;

  // By the lower hex SHA-256 of the key.
  using ApiKeyFound = std::function<void(KeyAnswer<ApiKeyRecord>)>;
  virtual void find_api_key(const std::string& hash, ApiKeyFound done) = 0;
  // By the same of a consumer's key, and by its first kConsumerPrefix characters: a
  // database that has no hash of it finds it by these, and compares the hashes.
  using ConsumerFound = std::function<void(KeyAnswer<ConsumerRecord>)>;
  virtual void find_consumer(const std::string& hash, const std::string& prefix,
                             ConsumerFound done) = 0;
  // There is one of each site and module.
  using EmbedFound = std::function<void(KeyAnswer<EmbedTokenRecord>)>;
  virtual void find_embed_token(const std::string& site, const std::string& module,
                                EmbedFound done) = 0;
};

}  // namespace marquee::identity
