#include "app/access_service.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "identity/stored_proof.hpp"

namespace marquee::app {

AccessService::AccessService(boost::asio::io_context& control, base::Logger& logger,
                             Publish publish, Forget forget)
    : control_(control),
      logger_(logger),
      publish_(std::move(publish)),
      forget_(std::move(forget)),
      resolver_(control, {}),
      timer_(control) {}

AccessService::~AccessService() = default;

AccessService::Issuers AccessService::apply(const config::Settings& settings) {
  settings_ = settings.access.tokens;
  std::vector<std::unique_ptr<Source>> old = std::move(sources_);
  sources_.clear();
  by_issuer_.clear();
  for (const config::TokenIssuer& issuer : settings_.issuers) {
    by_issuer_.push_back(nullptr);
    if (issuer.jwks_url.empty()) continue;
    const auto same = [&issuer](const auto& source) {
      return source && source->url == issuer.jwks_url && source->ca_file == issuer.ca_file;
    };
    auto known = std::find_if(sources_.begin(), sources_.end(), same);
    if (known == sources_.end()) {
      const auto before = std::find_if(old.begin(), old.end(), same);
      auto source = before == old.end() ? std::make_unique<Source>() : std::move(*before);
      source->url = issuer.jwks_url;
      source->ca_file = issuer.ca_file;
      sources_.push_back(std::move(source));
      known = std::prev(sources_.end());
    }
    by_issuer_.back() = known->get();
  }
  auto issuers = identity::make_issuers(settings_);
  put_keys(issuers);
  issuers_ = std::make_shared<const identity::Issuers>(std::move(issuers));
  if (!sources_.empty() && !ticking_) tick();
  return issuers_;
}

void AccessService::put_keys(identity::Issuers& issuers) const {
  for (std::size_t i = 0; i < issuers.size() && i < by_issuer_.size(); ++i)
    if (by_issuer_[i] && by_issuer_[i]->keys) issuers[i].keys = by_issuer_[i]->keys;
}

void AccessService::tick() {
  const auto now = std::chrono::steady_clock::now();
  for (const auto& source : sources_)
    if (!source->fetch && now >= source->next) fetch(*source);
  ticking_ = !sources_.empty();
  if (!ticking_) return;
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

void AccessService::fetch(Source& source) {
  source.begun = std::chrono::steady_clock::now();
  net::FetchRequest request;
  request.url = source.url;
  request.ca_file = source.ca_file;
  request.most = identity::jose::kMostJwkSet;
  request.limit = settings_.fetch_timeout;
  source.fetch = std::make_unique<net::HttpFetch>(
      control_, resolver_, std::move(request),
      [this, &source](const net::FetchResult& result) { on_fetched(source, result); });
}

// A set that cannot be had, or not be read, leaves the last good one in force.
void AccessService::on_fetched(Source& source, const net::FetchResult& result) {
  source.fetch.reset();
  std::string why = result.sentence;
  identity::ReadKeySet set;
  if (result.ok) {
    set = identity::read_key_set(result.body);
    if (!set.why.empty()) why = source.url + " gave a key set that " + set.why;
  }
  const bool good = result.ok && set.why.empty();
  ++(good ? counts_.fetched : counts_.failed);
  // A set that was never had is tried for again soon.
  const bool soon = std::exchange(source.again, false) || !good;
  source.next =
      source.begun + (soon ? std::min(settings_.refresh, settings_.refetch) : settings_.refresh);
  if (!good) {
    if (!std::exchange(source.failing, true))
      logger_.warn("keys of tokens cannot be fetched",
                   {{"reason", why}, {"old keys in use", source.keys != nullptr}});
    return;
  }
  if (std::exchange(source.failing, false))
    logger_.info("keys of tokens are fetched again", {{"url", source.url}});
  if (source.keys && source.text == result.body) return;
  source.text = result.body;
  source.keys = std::make_shared<const identity::KeySet>(std::move(set.keys));
  logger_.info("new keys of tokens",
               {{"url", source.url}, {"keys", source.keys->size()}, {"left out", set.left_out}});
  identity::Issuers issuers = *issuers_;
  put_keys(issuers);
  issuers_ = std::make_shared<const identity::Issuers>(std::move(issuers));
  publish_(issuers_);
}

// At most one fetch for each `refetch`.
void AccessService::hasten(Source& source) {
  const auto soonest = source.begun + settings_.refetch;
  source.next = std::min(source.next, soonest);
  if (std::chrono::steady_clock::now() >= source.next) fetch(source);
}

// However many tokens name keys of nobody.
void AccessService::key_missing(std::size_t index) {
  Source* const source = index < by_issuer_.size() ? by_issuer_[index] : nullptr;
  if (source && !source->fetch) hasten(*source);
}

// A set that is under way may be from before.
void AccessService::forget(const std::optional<identity::Digest>& which,
                           std::function<void()> done) {
  if (which) return forget_({*which}, std::move(done));
  forget_({}, std::move(done));
  for (const auto& source : sources_) {
    source->again = source->fetch != nullptr;
    if (!source->fetch) hasten(*source);
  }
}

void AccessService::on_changes(std::span<const routing::Change> changes) {
  std::vector<identity::Digest> digests;
  bool all = false;
  bool any = false;
  for (const routing::Change& change : changes) {
    all |= change.what == routing::Change::What::everything;
    if (change.what != routing::Change::What::credential) continue;
    any |= change.value == identity::kAnyCredential;
    // What is no hash of ours was never remembered.
    if (const auto digest = identity::digest_of_hex(change.value)) digests.push_back(*digest);
  }
  all |= any;
  if (all) digests.clear();
  if (!all && digests.empty()) return;
  // The workers are the control thread's to reach, as they end before the directory.
  boost::asio::post(control_, [this, any, digests = std::move(digests)] {
    if (any) return forget(std::nullopt, {});
    forget_(digests, {});
  });
}

}  // namespace marquee::app
