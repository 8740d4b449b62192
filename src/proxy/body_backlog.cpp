#include "proxy/body_backlog.hpp"

#include <utility>

namespace marquee::proxy {

BodyBacklog::Share::~Share() {
  if (waits_) std::erase(all_->waiting_, this);
  remove(bytes_);
}

void BodyBacklog::Share::add(std::size_t bytes) {
  bytes_ += bytes;
  all_->bytes_ += bytes;
}

void BodyBacklog::Share::remove(std::size_t bytes) {
  bytes_ -= bytes;
  all_->bytes_ -= bytes;
  if (all_->bytes_ <= all_->bound_) all_->tell();
}

bool BodyBacklog::Share::has_room() {
  if (bytes_ > bound_) return false;
  if (all_->bytes_ <= all_->bound_) return true;
  if (!std::exchange(waits_, true)) all_->waiting_.push_back(this);
  return false;
}

void BodyBacklog::tell() {
  if (waiting_.empty()) return;
  std::vector<Share*> waiting;
  waiting.swap(waiting_);
  for (Share* s : waiting) s->waits_ = false;
  for (Share* s : waiting) s->waiter_.on_backlog_room();
}

}  // namespace marquee::proxy
