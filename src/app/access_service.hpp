// The control side of the access checks: the keys of those who sign tokens, read
// from the settings and fetched from where they publish them. Lives on the control
// thread; workers get immutable sets.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/log.hpp"
#include "config/settings.hpp"
#include "identity/issuers.hpp"
#include "identity/sha256.hpp"
#include "net/http_fetch.hpp"
#include "net/resolver.hpp"
#include "routing/directory.hpp"

namespace marquee::app {

class AccessService {
 public:
  using Issuers = std::shared_ptr<const identity::Issuers>;
  // Hands new keys to all workers.
  using Publish = std::function<void(Issuers)>;
  // Tells all workers which credentials to forget; none: all. Then, if it is there, calls
  // `then` on the control thread.
  using Forget = std::function<void(std::vector<identity::Digest>, std::function<void()> then)>;

  AccessService(boost::asio::io_context& control, base::Logger& logger, Publish publish,
                Forget forget);
  ~AccessService();

  // New settings: the issuers to put in force with them. Those that are fetched
  // begin with the keys they had under the old settings.
  Issuers apply(const config::Settings& settings);
  // A worker met a token of issuer `index` whose key it does not have.
  void key_missing(std::size_t index);
  // At somebody's wish, one credential by its SHA-256; nothing: all, and key sets are
  // fetched anew, at most once for each `refetch`. `done` when no worker knows of it.
  void forget(const std::optional<identity::Digest>& which, std::function<void()> done);
  struct Counts {
    std::uint64_t fetched = 0;
    std::uint64_t failed = 0;
  };
  const Counts& counts() const { return counts_; }
  // What the directory tells; on any thread.
  void on_changes(std::span<const routing::Change> changes);

 private:
  // A key set that is fetched: kept by its address, also over a change of settings.
  struct Source {
    std::string url;
    std::string ca_file;
    std::shared_ptr<const identity::KeySet> keys;   // the last good ones; null: none yet
    std::string text;                               // that they were read from
    std::chrono::steady_clock::time_point begun{};  // of the last fetch
    std::chrono::steady_clock::time_point next{};   // at once
    std::unique_ptr<net::HttpFetch> fetch;          // under way
    bool again = false;                             // after the one under way
    bool failing = false;
  };

  void tick();
  void fetch(Source& source);
  void on_fetched(Source& source, const net::FetchResult& result);
  void hasten(Source& source);
  void put_keys(identity::Issuers& issuers) const;

  boost::asio::io_context& control_;
  base::Logger& logger_;
  Publish publish_;
  Forget forget_;
  net::Resolver resolver_;
  boost::asio::steady_timer timer_;
  bool ticking_ = false;
  config::Tokens settings_;
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Source*> by_issuer_;  // null: its keys are the settings' own
  Issuers issuers_;
  Counts counts_;
};

}  // namespace marquee::app
