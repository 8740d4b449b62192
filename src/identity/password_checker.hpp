// Checks passwords away from the workers: one thread per process computes hashes,
// one after the other, from a bounded queue in which one client network has few
// places. Verdicts are remembered by a keyed digest of what was shown, so that a
// page with fifty resources costs one hash, and the same wrong password asked again
// and again costs one, too. No password is kept.
//
// Thread-safe.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/ip.hpp"
#include "base/lru_table.hpp"

namespace marquee::identity {

class PasswordChecker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Done = std::function<void(bool fits)>;
  static constexpr std::size_t kMostWaiting = 64;
  static constexpr std::size_t kMostOfOneClient = 4;
  static constexpr std::size_t kMostRemembered = 8192;
  static constexpr std::chrono::seconds kRemembered{300};
  static constexpr std::chrono::seconds kRememberedWrong{30};

  PasswordChecker();
  ~PasswordChecker();  // what waits is answered with false
  PasswordChecker(const PasswordChecker&) = delete;
  PasswordChecker& operator=(const PasswordChecker&) = delete;

  // Identifies user, password and hash together; means nothing outside this process.
  std::string digest(std::string_view user, std::string_view password, std::string_view hash) const;
  std::optional<bool> known(const std::string& digest, Time now);
  // `done` is called once, on the checker's thread. False, without calling it: too
  // many wait, all together or of this client.
  bool check(std::string digest, const base::ClientPrefix& client, std::string password,
             std::string hash, Done done);

  std::uint64_t computed() const;

 private:
  struct Job {
    std::string digest;
    base::ClientPrefix client;
    std::string password;
    std::string hash;
    Done done;
  };
  struct Verdict {
    bool fits = false;
    Time until{};
  };
  void run();

  std::string key_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::unordered_map<base::ClientPrefix, std::size_t> of_client_;  // queued and under way
  base::LruTable<std::string, Verdict, std::hash<std::string>> verdicts_{kMostRemembered};
  std::uint64_t computed_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace marquee::identity
