#include "app/context_keys.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "identity/check.hpp"

namespace marquee::app {
namespace {

using identity::KeyRing;
using identity::KeyStore;
using identity::StoredKey;

// The store is asked again four times within the overlap, so that a key which another
// node made is known here long before it signs.
std::chrono::milliseconds interval_of(const identity::RotationRules& rules) {
  return std::chrono::milliseconds(std::clamp<std::int64_t>(rules.overlap * 250, 250, 60'000));
}
constexpr std::chrono::milliseconds kRetry{1000};

}  // namespace

ContextKeys::ContextKeys(boost::asio::io_context& control, std::unique_ptr<KeyStore> store,
                         base::Logger& logger, Publish publish)
    : logger_(logger), publish_(std::move(publish)), timer_(control), store_(std::move(store)) {}

void ContextKeys::put_in_force(const config::Context& settings) {
  settings_ = settings;
  ++round_;
  timer_.cancel();
  if (!settings.enabled) return publish(std::make_shared<const KeyRing>());
  if (!identity::keys_are_given(settings)) return tick();
  std::string error;
  auto ring = identity::ring_of_given_keys(settings, error);
  if (!ring) return failed(error);  // it changed since the check: the old ones stay
  trouble_.clear();
  publish(std::move(ring));
}

void ContextKeys::tick() {
  store_->load([this, round = round_](KeyStore::Loaded result) {
    if (round == round_) loaded(std::move(result));
  });
}

void ContextKeys::loaded(KeyStore::Loaded result) {
  if (!result.ok) {
    failed(result.failure.sentence);
    return again_in(kRetry);
  }
  if (result.stale) {
    if (!result.failure.sentence.empty()) failed(result.failure.sentence);
    use(result.keys);
    return again_in(result.failure.sentence.empty() ? std::chrono::milliseconds(1) : kRetry);
  }
  if (!std::exchange(trouble_, {}).empty()) logger_.info("context keys: read again");
  const identity::RotationRules rules = identity::rules_of(settings_);
  std::vector<identity::KeyTimes> times;
  for (const StoredKey& k : result.keys)
    times.push_back(
        {k.generation, k.signs_from, k.key->algorithm() == identity::algorithm_of(settings_)});
  const identity::RotationPlan plan = plan_rotation(times, std::time(nullptr), rules);
  for (const std::uint64_t gone : plan.gone) {
    store_->remove(gone);
    logger_.info("context keys: forgotten", {{"generation", gone}});
  }
  std::erase_if(result.keys, [&plan](const StoredKey& k) {
    return std::find(plan.gone.begin(), plan.gone.end(), k.generation) != plan.gone.end();
  });
  if (plan.next_signs_from && result.keys.size() < identity::kMostKeys)
    return make_next(std::move(result.keys), *plan.next_signs_from);
  use(result.keys);
  again_in(interval_of(rules));
}

void ContextKeys::make_next(std::vector<StoredKey> keys, std::int64_t signs_from) {
  if (!keys.empty()) use(keys);  // adding one may take its time
  StoredKey next;
  for (const StoredKey& k : keys) next.generation = std::max(next.generation, k.generation);
  ++next.generation;
  next.signs_from = signs_from;
  identity::jose::MadeKey made = identity::jose::Key::generate(identity::algorithm_of(settings_));
  if (!made.key) {
    failed("the key " + made.error);
    return again_in(kRetry);
  }
  next.key = std::move(made.key);
  store_->add(next, [this, round = round_, next,
                     keys = std::move(keys)](const KeyStore::Added& result) mutable {
    if (round != round_) return;
    switch (result.status) {
      case KeyStore::Added::Status::added:
        logger_.info("context keys: made", {{"generation", next.generation},
                                            {"kid", next.key->thumbprint()},
                                            {"signs_from", next.signs_from}});
        keys.push_back(std::move(next));
        use(keys);
        [[fallthrough]];  // what is there now is read: of all nodes
      case KeyStore::Added::Status::taken:
        return again_in(std::chrono::milliseconds(1));
      case KeyStore::Added::Status::failed:
        failed(result.failure.sentence);
        return again_in(kRetry);
    }
  });
}

void ContextKeys::use(const std::vector<StoredKey>& keys) {
  std::vector<identity::SigningKey> signing;
  for (const StoredKey& k : keys)
    signing.push_back(KeyRing::signing_key(k.key, k.generation, k.signs_from));
  publish(std::make_shared<const KeyRing>(std::move(signing),
                                          max_age_of(identity::rules_of(settings_))));
}

void ContextKeys::publish(std::shared_ptr<const KeyRing> ring) {
  if (same_keys(*ring, *ring_)) return;
  ring_ = ring;
  publish_(std::move(ring));
}

void ContextKeys::failed(const std::string& sentence) {
  if (sentence != trouble_) logger_.error("context keys", {{"reason", sentence}});
  trouble_ = sentence;
}

void ContextKeys::again_in(std::chrono::milliseconds wait) {
  timer_.expires_after(wait);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

}  // namespace marquee::app
