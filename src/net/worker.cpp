#include "net/worker.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "net/socket.hpp"

namespace marquee::net {
namespace {

constexpr std::size_t batch = 256;
// Deadlines are coarse: never checked more often than this.
constexpr Ms tick{20};

std::int64_t wall_now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Fd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(fd);
}

struct Post {
  std::function<void()> work;
  Post* next = nullptr;
};

// Wakes the worker for its deadlines. It is set only when one comes that is
// earlier than what it is set to, so it may ring early. A timeout given to
// epoll_wait would cost a kernel timer, made and unmade, in every turn.
struct Alarm final : Watched {
  Fd fd{checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")};
  TimePoint at = TimePoint::max();

  void ring_by(TimePoint when) {
    using namespace std::chrono;
    if (when >= at) return;
    at = when;
    // steady_clock counts CLOCK_MONOTONIC's nanoseconds.
    const auto since = when.time_since_epoch();
    const auto whole = duration_cast<seconds>(since);
    const itimerspec once{{}, {whole.count(), nanoseconds(since - whole).count()}};
    ::timerfd_settime(fd.get(), TFD_TIMER_ABSTIME, &once, nullptr);
  }
  // Edge-triggered, and setting it anew clears it: there is nothing to read.
  void on_ready(Ready) override { at = TimePoint::max(); }
};

}  // namespace

struct Worker::Loop final : Watched {
  Fd set{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  Fd bell{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
  std::atomic<Post*> posts{nullptr};  // newest first
  std::atomic<bool> stopped{false};
  Turn turn;
  Alarm alarm;
  TimePoint next_check{};  // no deadline is looked at before this
  bool more = false;       // work of this turn was left over
  std::function<void()> turn_end;
  std::array<epoll_event, batch> events;

  ~Loop() override {
    for (Post* p = posts.exchange(nullptr); p;) delete std::exchange(p, p->next);
  }

  void read_clock() { turn.set_time(std::chrono::steady_clock::now(), wall_now_ms()); }

  // Blocks, unless work of the last turn was left over.
  int wait(bool may_block) {
    if (more) may_block = false;
    if (may_block) alarm.ring_by(due());
    return ::epoll_wait(set.get(), events.data(), batch, may_block ? -1 : 0);
  }

  // When deadlines are looked at next.
  TimePoint due() const { return std::max(turn.deadlines().soonest(), next_check); }

  static void dispatch(const epoll_event& e) {
    auto* owner = static_cast<Watched*>(e.data.ptr);
    if (owner->retired()) return;
    Ready ready;
    ready.in = (e.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    ready.out = (e.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    ready.hup = (e.events & (EPOLLRDHUP | EPOLLHUP)) != 0;
    ready.error = (e.events & EPOLLERR) != 0;
    owner->on_ready(ready);
  }

  // The bell: takes all posts, oldest first.
  void on_ready(Ready) override {
    std::uint64_t rings;
    (void)!::read(bell.get(), &rings, sizeof rings);
    Post* oldest = nullptr;
    for (Post* p = posts.exchange(nullptr, std::memory_order_acquire); p;) {
      Post* next = p->next;
      p->next = oldest;
      oldest = p;
      p = next;
    }
    while (oldest) {
      std::unique_ptr<Post> p(std::exchange(oldest, oldest->next));
      p->work();
    }
  }

  void expire() {
    if (turn.now() < due()) return;
    turn.deadlines().expire(turn.now());
    next_check = turn.now() + tick;
  }
};

Worker::Worker(std::uint32_t index) : index_(index), loop_(std::make_unique<Loop>()) {
  loop_->read_clock();
  if (!watch_listener(loop_->bell.get(), *loop_) || !watch(loop_->alarm.fd.get(), loop_->alarm))
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}
Worker::~Worker() = default;

Turn& Worker::turn() { return loop_->turn; }

bool Worker::watch(int fd, Watched& owner) {
  epoll_event e{};
  e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  e.data.ptr = &owner;
  return ::epoll_ctl(loop_->set.get(), EPOLL_CTL_ADD, fd, &e) == 0;
}

bool Worker::watch_listener(int fd, Watched& owner) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = &owner;
  return ::epoll_ctl(loop_->set.get(), EPOLL_CTL_ADD, fd, &e) == 0;
}

void Worker::unwatch(int fd) { ::epoll_ctl(loop_->set.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Worker::on_turn_end(std::function<void()> work) { loop_->turn_end = std::move(work); }

void Worker::turn_once(bool may_block) {
  Loop& l = *loop_;
  const int n = l.wait(may_block);
  l.read_clock();
  for (int i = 0; i < n; ++i) Loop::dispatch(l.events[static_cast<std::size_t>(i)]);
  l.expire();
  l.more = l.turn.finish();
  if (l.turn_end) l.turn_end();
}

void Worker::run() {
  while (!loop_->stopped.load(std::memory_order_relaxed)) turn_once(true);
}

void Worker::post(std::function<void()> work) {
  auto* p = new Post{std::move(work), loop_->posts.load(std::memory_order_relaxed)};
  while (!loop_->posts.compare_exchange_weak(p->next, p, std::memory_order_release,
                                             std::memory_order_relaxed)) {
  }
  const std::uint64_t one = 1;
  (void)!::write(loop_->bell.get(), &one, sizeof one);
}

void Worker::stop() {
  post([this] { loop_->stopped.store(true, std::memory_order_relaxed); });
}

}  // namespace marquee::net
