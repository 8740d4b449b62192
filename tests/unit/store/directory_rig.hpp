// A directory under test with what it tells, and its questions made synchronous.
#pragma once
#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "routing/directory.hpp"
#include "store/encryption.hpp"

namespace marquee::store {

inline constexpr std::chrono::seconds kPatience{20};

inline EncryptionKey sample_key() {
  return *EncryptionKey::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

template <typename T>
T wait_for(std::future<T> future) {
  REQUIRE(future.wait_for(kPatience) == std::future_status::ready);
  return future.get();
}

inline routing::DirectoryAnswer ask(routing::DomainDirectory& directory, std::string_view host,
                                    std::string_view base = "sites.example.com") {
  const auto promise = std::make_shared<std::promise<routing::DirectoryAnswer>>();
  directory.find(routing::keys_of(*base::parse_hostname(host).name, base),
                 [promise](routing::DirectoryAnswer a) { promise->set_value(std::move(a)); });
  return wait_for(promise->get_future());
}

inline routing::ListPage list(routing::DomainDirectory& directory,
                              const routing::ListQuery& query) {
  const auto promise = std::make_shared<std::promise<routing::ListPage>>();
  directory.list(query, [promise](routing::ListPage p) { promise->set_value(std::move(p)); });
  return wait_for(promise->get_future());
}

inline routing::NamePage names(routing::DomainDirectory& directory, const std::string& cursor,
                               std::uint32_t limit) {
  const auto promise = std::make_shared<std::promise<routing::NamePage>>();
  directory.list_names(cursor, limit,
                       [promise](routing::NamePage p) { promise->set_value(std::move(p)); });
  return wait_for(promise->get_future());
}

inline routing::StoredCertificate certificate(
    routing::DomainDirectory& directory, const std::string& row,
    routing::RecordKind kind = routing::RecordKind::module_domain) {
  const auto promise = std::make_shared<std::promise<routing::StoredCertificate>>();
  directory.load_certificate(
      kind, row, [promise](routing::StoredCertificate c) { promise->set_value(std::move(c)); });
  return wait_for(promise->get_future());
}

inline std::optional<std::uint64_t> generation(routing::DomainDirectory& directory) {
  const auto promise = std::make_shared<std::promise<std::optional<std::uint64_t>>>();
  directory.generation(
      [promise](std::optional<std::uint64_t> g, std::uint64_t) { promise->set_value(g); });
  return wait_for(promise->get_future());
}

// Keeps what it is told, and waits for it.
class Ear final : public routing::ChangeListener {
 public:
  void on_changes(std::span<const routing::Change> changes, std::uint64_t generation) override {
    const std::lock_guard hold(mutex_);
    changes_.insert(changes_.end(), changes.begin(), changes.end());
    largest_ = std::max(largest_, changes.size());
    generation_ = generation;
    woken_.notify_all();
  }
  void on_feed(const routing::Feed& feed) override {
    const std::lock_guard hold(mutex_);
    feed_ = feed;
    woken_.notify_all();
  }

  bool wait_live(bool live = true) {
    return wait([&] { return feed_ && feed_->live == live; });
  }
  bool wait_change(routing::Change::What what, std::string_view value = {}) {
    return wait([&] {
      for (const auto& c : changes_)
        if (c.what == what && c.value == value) return true;
      return false;
    });
  }
  std::vector<routing::Change> take() {
    const std::lock_guard hold(mutex_);
    return std::exchange(changes_, {});
  }
  // The most changes that were told with one call.
  std::size_t largest() {
    const std::lock_guard hold(mutex_);
    return largest_;
  }
  std::chrono::milliseconds staleness() {
    const std::lock_guard hold(mutex_);
    return feed_ ? feed_->staleness : std::chrono::milliseconds(0);
  }

 private:
  template <typename P>
  bool wait(P predicate) {
    std::unique_lock hold(mutex_);
    return woken_.wait_for(hold, kPatience, predicate);
  }
  std::mutex mutex_;
  std::condition_variable woken_;
  std::vector<routing::Change> changes_;
  std::size_t largest_ = 0;
  std::uint64_t generation_ = 0;
  std::optional<routing::Feed> feed_;
};

}  // namespace marquee::store
