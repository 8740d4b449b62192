#include "net/turn.hpp"

namespace marquee::net {

void Turn::run_later(Resident& r) {
  if (r.queued_ || r.retired_) return;
  r.queued_ = true;
  later_.push_back(&r);
}

void Turn::retire(std::unique_ptr<Resident> r) {
  if (!r || r->retired_) {
    (void)r.release();  // retired twice: the first call owns it
    return;
  }
  r->retired_ = true;
  retired_.push_back(std::move(r));
}

bool Turn::finish(std::size_t bound) {
  std::size_t ran = 0;
  while (!later_.empty() && ran < bound) {
    running_.swap(later_);
    for (Resident* r : running_) {
      r->queued_ = false;
      if (!r->retired_) r->run();
      ++ran;
    }
    running_.clear();
  }
  // Destructors may retire more.
  while (!retired_.empty()) {
    std::vector<std::unique_ptr<Resident>> dead;
    dead.swap(retired_);
    for (auto& r : dead) {
      std::erase(later_, r.get());
      r.reset();
    }
  }
  return !later_.empty();
}

}  // namespace marquee::net
