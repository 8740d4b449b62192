#include "proxy/upstream/stream_share.hpp"

namespace marquee::proxy {

std::uint32_t StreamShare::of(std::uint64_t tenant) const {
  for (const Held& h : held_)
    if (h.tenant == tenant) return h.streams;
  return 0;
}

void StreamShare::enter(std::uint64_t tenant) {
  ++total_;
  for (Held& h : held_) {
    if (h.tenant != tenant) continue;
    ++h.streams;
    return;
  }
  held_.push_back({tenant, 1});
}

void StreamShare::leave(std::uint64_t tenant) {
  for (Held& h : held_) {
    if (h.tenant != tenant) continue;
    --total_;
    if (--h.streams > 0) return;
    h = held_.back();
    held_.pop_back();
    return;
  }
}

}  // namespace marquee::proxy
