// Exchanges of one worker, lent for the life of a request. They are large (two
// field tables) and so are reused; an idle connection holds none.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/exchange.hpp"

namespace marquee::proxy {

class ExchangePool {
 public:
  explicit ExchangePool(Services& services) : services_(services) {}

  Exchange& acquire() {
    if (free_.empty()) {
      all_.push_back(std::make_unique<Exchange>(services_));
      all_.back()->place = all_.size() - 1;
      return *all_.back();
    }
    Exchange* e = free_.back();
    free_.pop_back();
    return *e;
  }
  void release(Exchange& e) {
    e.reset();
    free_.push_back(&e);
  }
  // Destroys the free ones above `keep`; not from within a call of an exchange.
  void trim(std::size_t keep) {
    while (free_.size() > keep) {
      const std::size_t place = free_.back()->place;
      free_.pop_back();
      std::swap(all_[place], all_.back());
      all_[place]->place = place;
      all_.pop_back();
    }
  }
  std::size_t made() const { return all_.size(); }
  template <typename Each>
  void for_each_active(Each each) {
    for (auto& e : all_)
      if (e->active()) each(*e);
  }
  std::size_t in_use() const { return all_.size() - free_.size(); }

 private:
  Services& services_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> free_;
};

}  // namespace marquee::proxy
