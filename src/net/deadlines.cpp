#include "net/deadlines.hpp"

#include <algorithm>

namespace marquee::net {

void Deadline::disarm() {
  if (!next_) return;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  prev_ = next_ = nullptr;
}

void Deadline::take_over(Deadline& other, Expiring& owner) {
  disarm();
  if (!other.next_) return;
  when_ = other.when_;
  owner_ = &owner;
  prev_ = other.prev_;
  next_ = other.next_;
  prev_->next_ = next_->prev_ = this;
  other.prev_ = other.next_ = nullptr;
}

Deadline& Deadlines::list_of(Ms length) {
  for (const List& list : lists_)
    if (list.length == length) return *list.head;
  lists_.push_back({length, std::make_unique<Deadline>()});
  Deadline& head = *lists_.back().head;
  head.prev_ = head.next_ = &head;
  return head;
}

void Deadlines::arm(Deadline& d, Expiring& owner, Ms length, TimePoint now) {
  d.disarm();
  if (length.count() <= 0) return;
  Deadline& head = list_of(length);
  d.when_ = now + length;
  d.owner_ = &owner;
  d.prev_ = head.prev_;
  d.next_ = &head;
  head.prev_->next_ = &d;
  head.prev_ = &d;
  soonest_ = std::min(soonest_, d.when_);
}

void Deadlines::expire(TimePoint now) {
  if (now < soonest_) return;
  for (std::size_t i = 0; i < lists_.size(); ++i) {
    Deadline& head = *lists_[i].head;
    while (head.next_ != &head && head.next_->when_ <= now) {
      Deadline& d = *head.next_;
      d.disarm();
      d.owner_->on_deadline(d);
    }
  }
  soonest_ = next();
}

TimePoint Deadlines::next() const {
  TimePoint earliest = TimePoint::max();
  for (const List& list : lists_)
    if (list.head->next_ != list.head.get()) earliest = std::min(earliest, list.head->next_->when_);
  return earliest;
}

}  // namespace marquee::net
