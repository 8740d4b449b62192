// The control side of the access checks: the keys of those who sign tokens, read
// from the settings and fetched from where they publish them. Lives on the control
// thread; workers get immutable sets.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/log.hpp"
#include "config/settings.hpp"
#include "identity/issuers.hpp"

namespace marquee::app {

class AccessService {
 public:
  using Issuers = std::shared_ptr<const identity::Issuers>;
  // Hands new keys to all workers.
  using Publish = std::function<void(Issuers)>;

  AccessService(boost::asio::io_context& control, base::Logger& logger, Publish publish);
  ~AccessService();

  // New settings: the issuers to put in force with them. Those that are fetched
  // begin with the keys they had under the old settings.
  Issuers apply(const config::Settings& settings);
  // A worker met a token of issuer `index` whose key it does not have.
  void key_missing(std::size_t index);

 private:
  boost::asio::io_context& control_;
  base::Logger& logger_;
  Publish publish_;
  Issuers issuers_;
};

}  // namespace marquee::app
