#include "net/worker.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <system_error>

#include "net/socket.hpp"

namespace marquee::net {
namespace asio = boost::asio;
namespace {

constexpr std::size_t batch = 256;
// Deadlines are coarse: never checked more often than this.
constexpr Ms tick{20};

std::int64_t wall_now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Worker::Loop {
  asio::io_context io{1};
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> set;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type>
      timer;
  TimePoint timer_at = TimePoint::max();
  Turn turn;
  bool more = false;  // work of this turn was left over
  std::array<epoll_event, batch> events;

  Loop() : set(io), timer(io) {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    set.assign(fd);
    read_clock();
  }

  void read_clock() { turn.set_time(std::chrono::steady_clock::now(), wall_now_ms()); }

  void wait() {
    set.async_wait(asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& ec) {
      if (ec) return;
      poll_until_empty();
      wait();
    });
  }

  // Stays with its own set while that has events; goes back to Asio when it is
  // empty, and after some rounds in any case, so that posts are not starved.
  void poll_until_empty() {
    for (int round = 0; round < 16; ++round) {
      const int n = ::epoll_wait(set.native_handle(), events.data(), batch, 0);
      if (n <= 0 && !more) break;
      read_clock();
      for (int i = 0; i < n; ++i) dispatch(events[static_cast<std::size_t>(i)]);
      finish_turn();
    }
  }

  static void dispatch(const epoll_event& e) {
    auto* owner = static_cast<Watched*>(e.data.ptr);
    if (owner->retired()) return;
    Watched::Ready ready;
    ready.in = (e.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    ready.out = (e.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    ready.hup = (e.events & (EPOLLRDHUP | EPOLLHUP)) != 0;
    ready.error = (e.events & EPOLLERR) != 0;
    owner->on_ready(ready);
  }

  void finish_turn() {
    more = turn.finish();
    arm_timer();
    if (more) asio::post(io, [this] { poll_until_empty(); });
  }

  void arm_timer() {
    const TimePoint next = turn.deadlines().next();
    if (next >= timer_at) return;
    timer_at = std::max(next, turn.now() + tick);
    timer.expires_at(timer_at);
    timer.async_wait([this](const boost::system::error_code& ec) {
      if (ec) return;
      timer_at = TimePoint::max();
      read_clock();
      turn.deadlines().expire(turn.now());
      finish_turn();
    });
  }
};

Worker::Worker(std::uint32_t index) : index_(index), loop_(std::make_unique<Loop>()) {}
Worker::~Worker() = default;

Turn& Worker::turn() { return loop_->turn; }
asio::io_context& Worker::io() { return loop_->io; }

bool Worker::watch(int fd, Watched& owner) {
  epoll_event e{};
  e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  e.data.ptr = &owner;
  return ::epoll_ctl(loop_->set.native_handle(), EPOLL_CTL_ADD, fd, &e) == 0;
}

bool Worker::watch_listener(int fd, Watched& owner) {
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = &owner;
  return ::epoll_ctl(loop_->set.native_handle(), EPOLL_CTL_ADD, fd, &e) == 0;
}

void Worker::unwatch(int fd) {
  ::epoll_ctl(loop_->set.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
}

void Worker::run() {
  auto guard = asio::make_work_guard(loop_->io);
  loop_->read_clock();
  loop_->wait();
  loop_->arm_timer();
  loop_->io.run();
}

void Worker::stop() { loop_->io.stop(); }

void Worker::post(std::function<void()> work) {
  asio::post(loop_->io, [this, work = std::move(work)] {
    loop_->read_clock();
    work();
    loop_->finish_turn();
  });
}

}  // namespace marquee::net
