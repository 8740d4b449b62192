// The keys of the tenant context within the program: read from the settings, or made,
// rotated and read again from where they are kept. Lives on the control thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "config/settings.hpp"
#include "identity/key_ring.hpp"
#include "identity/key_store.hpp"

namespace marquee::app {

class ContextKeys {
 public:
  // Gives a new ring to the workers.
  using Publish = std::function<void(std::shared_ptr<const identity::KeyRing>)>;

  ContextKeys(boost::asio::io_context& control, std::unique_ptr<identity::KeyStore> store,
              base::Logger& logger, Publish publish);

  // At the start and after each reload. Keys of a local file are published when it
  // returns; those of a database when they have come.
  void put_in_force(const config::Context& settings);

  const identity::KeyRing& ring() const { return *ring_; }
  // Why there are no new keys; empty: all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  void tick();
  void loaded(identity::KeyStore::Loaded result);
  void make_next(std::vector<identity::StoredKey> keys, std::int64_t signs_from);
  void use(const std::vector<identity::StoredKey>& keys);
  void publish(std::shared_ptr<const identity::KeyRing> ring);
  void failed(const std::string& sentence);
  void again_in(std::chrono::milliseconds wait);

  base::Logger& logger_;
  Publish publish_;
  boost::asio::steady_timer timer_;
  config::Context settings_;
  std::shared_ptr<const identity::KeyRing> ring_ = std::make_shared<identity::KeyRing>();
  std::string trouble_;
  std::uint64_t round_ = 0;  // what an older one brings is not used
  // The last: it calls back nobody after it ends.
  std::unique_ptr<identity::KeyStore> store_;
};

}  // namespace marquee::app
