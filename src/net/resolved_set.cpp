#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "net/resolver.hpp"

namespace marquee::net {

namespace asio = boost::asio;
using std::chrono::milliseconds;

class ResolvedSet::Impl : public std::enable_shared_from_this<ResolvedSet::Impl> {
 public:
  Impl(asio::io_context& io, Resolver& resolver, std::vector<Name> names, Changed changed,
       Failed failed)
      : resolver_(resolver), changed_(std::move(changed)), failed_(std::move(failed)) {
    entries_.reserve(names.size());
    for (Name& n : names) entries_.push_back({std::move(n), {}, asio::steady_timer(io)});
  }

  void start() {
    for (std::size_t i = 0; i < entries_.size(); ++i) ask(i);
  }

  // After this nothing is asked and nobody is told.
  void stop() {
    stopped_ = true;
    for (Entry& e : entries_) e.timer.cancel();
  }

  Addresses addresses(std::string_view name) const {
    for (const Entry& e : entries_) {
      if (e.name.name == name) return e.good;
    }
    return nullptr;
  }

 private:
  static constexpr milliseconds kFirstRetry{1000};
  static constexpr milliseconds kLeastInterval{10};  // a zero interval must not spin

  struct Entry {
    Name name;
    Addresses good;
    asio::steady_timer timer;
  };

  void ask(std::size_t i) {
    resolver_.resolve(entries_[i].name.name, [weak = weak_from_this(), i](ResolveResult result) {
      const auto self = weak.lock();
      if (self && !self->stopped_) self->answered(i, std::move(result));
    });
  }

  void answered(std::size_t i, ResolveResult result) {
    Entry& e = entries_[i];
    const bool ok = result.status == ResolveStatus::ok;
    // Answers come sorted, so equal vectors are equal sets.
    const bool news = ok && (!e.good || *e.good != result.addresses);
    if (news) {
      e.good = std::make_shared<const std::vector<base::IpAddress>>(std::move(result.addresses));
    }
    ask_later(i);
    // Last: the callee may destroy the set.
    if (news && changed_) changed_(e.name.name, e.good);
    if (!ok && failed_) failed_(e.name.name, result);
  }

  void ask_later(std::size_t i) {
    Entry& e = entries_[i];
    const milliseconds wait = e.good ? e.name.interval : std::min(e.name.interval, kFirstRetry);
    e.timer.expires_after(std::max(wait, kLeastInterval));
    e.timer.async_wait([weak = weak_from_this(), i](boost::system::error_code ec) {
      const auto self = weak.lock();
      if (self && !ec && !self->stopped_) self->ask(i);
    });
  }

  Resolver& resolver_;
  Changed changed_;
  Failed failed_;
  std::vector<Entry> entries_;
  bool stopped_ = false;
};

ResolvedSet::ResolvedSet(asio::io_context& io, Resolver& resolver, std::vector<Name> names,
                         Changed changed, Failed failed)
    : impl_(std::make_shared<Impl>(io, resolver, std::move(names), std::move(changed),
                                   std::move(failed))) {
  impl_->start();
}

ResolvedSet::~ResolvedSet() { impl_->stop(); }

Addresses ResolvedSet::addresses(std::string_view name) const { return impl_->addresses(name); }

}  // namespace marquee::net
