// The loop over real descriptors. Every wait ends by an event, never by a sleep.
#include "net/worker.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "net/socket.hpp"

using namespace marquee::net;

namespace {

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    ours = Fd(fds[0]);
    theirs = Fd(fds[1]);
  }
  Fd ours, theirs;
};

struct Watcher final : Watched {
  void on_ready(Ready r) override {
    ++events;
    last = r;
    if (then) then(r);
  }
  int events = 0;
  Ready last;
  std::function<void(Ready)> then;
};

struct Waiter final : Expiring {
  void on_deadline(Deadline&) override {
    if (then) then();
  }
  Deadline deadline;
  std::function<void()> then;
};

void say(const Fd& fd, const char* text) { REQUIRE(::write(fd.get(), text, 1) == 1); }

}  // namespace

TEST_CASE("readiness is told once per change: bytes, room, half-close, end") {
  Worker worker(0);
  Pair p;
  Watcher w;
  REQUIRE(worker.watch(p.ours.get(), w));
  worker.turn_once(true);
  CHECK(w.events == 1);
  CHECK(w.last.out);
  CHECK_FALSE(w.last.in);
  worker.turn_once(false);
  CHECK(w.events == 1);  // edge-triggered
  say(p.theirs, "x");
  worker.turn_once(true);
  CHECK(w.last.in);
  CHECK_FALSE(w.last.hup);
  ::shutdown(p.theirs.get(), SHUT_WR);
  worker.turn_once(true);
  CHECK(w.last.hup);
  CHECK(w.last.in);
  const int events = w.events;
  worker.unwatch(p.ours.get());
  p.theirs.close();
  worker.turn_once(false);
  CHECK(w.events == events);
}

TEST_CASE("who is retired while events are handed out gets none any more") {
  Worker worker(0);
  Pair p, q;
  auto a = std::make_unique<Watcher>(), b = std::make_unique<Watcher>();
  REQUIRE(worker.watch(p.ours.get(), *a));
  REQUIRE(worker.watch(q.ours.get(), *b));
  worker.turn_once(false);
  int got = 0;
  // Both are ready in one turn; whoever comes first retires both.
  auto both = [&](Watched::Ready) {
    ++got;
    worker.turn().retire(std::move(a));
    worker.turn().retire(std::move(b));
  };
  a->then = b->then = both;
  say(p.theirs, "x");
  say(q.theirs, "x");
  worker.turn_once(true);
  CHECK(got == 1);
  worker.unwatch(p.ours.get());
  worker.unwatch(q.ours.get());
}

TEST_CASE("deadlines fire in their order, and a turn waits no longer than the next") {
  Worker worker(0);
  worker.turn_once(false);  // reads the clock
  std::vector<int> order;
  std::vector<std::unique_ptr<Waiter>> waiters;
  const TimePoint begun = worker.turn().now();
  for (int length : {60, 1, 90, 30}) {
    waiters.push_back(std::make_unique<Waiter>());
    waiters.back()->then = [&order, length] { order.push_back(length); };
    worker.turn().deadlines().arm(waiters.back()->deadline, *waiters.back(), Ms(length), begun);
  }
  while (order.size() < 4) {
    worker.turn_once(true);
    // Never early.
    for (int length : order) CHECK(worker.turn().now() >= begun + Ms(length));
  }
  CHECK(order == std::vector<int>{1, 30, 60, 90});
  CHECK(worker.turn().deadlines().next() == TimePoint::max());
}

TEST_CASE("a deadline that was disarmed delays none behind it, nor does an earlier one come late") {
  Worker worker(0);
  worker.turn_once(false);
  Deadlines& deadlines = worker.turn().deadlines();
  const TimePoint begun = worker.turn().now();
  Waiter gone, later, sooner;
  bool told = false;
  sooner.then = [&] { told = true; };
  later.then = [&] { told = true; };
  deadlines.arm(gone.deadline, gone, Ms(1), begun);
  gone.deadline.disarm();
  deadlines.arm(later.deadline, later, Ms(80), begun);
  while (!told) worker.turn_once(true);  // the wake-up for `gone` finds nothing, the next is set
  CHECK(worker.turn().now() >= begun + Ms(80));
  // The worker is set to wake for the first when a nearer one comes.
  const TimePoint then = worker.turn().now();
  told = false;
  deadlines.arm(later.deadline, later, Ms(3'600'000), then);
  Pair p;
  Watcher w;
  REQUIRE(worker.watch(p.ours.get(), w));
  worker.turn_once(true);
  deadlines.arm(sooner.deadline, sooner, Ms(5), then);
  while (!told) worker.turn_once(true);
  CHECK_FALSE(sooner.deadline.armed());
  CHECK(later.deadline.armed());
  worker.unwatch(p.ours.get());
}

TEST_CASE("posts of many threads all run, on the worker, each thread's in order") {
  Worker worker(0);
  constexpr int threads = 4, posts = 2000;
  std::vector<std::vector<int>> seen(threads);
  std::vector<std::thread> posters;
  std::thread::id worker_thread;
  std::atomic<int> done{0};
  std::thread runner([&] {
    worker_thread = std::this_thread::get_id();
    worker.run();
  });
  for (int t = 0; t < threads; ++t)
    posters.emplace_back([&, t] {
      for (int i = 0; i < posts; ++i)
        worker.post([&, t, i] {
          if (std::this_thread::get_id() == worker_thread)
            seen[static_cast<std::size_t>(t)].push_back(i);
          if (done.fetch_add(1) + 1 == threads * posts) worker.stop();
        });
    });
  for (auto& p : posters) p.join();
  runner.join();
  for (const auto& s : seen) {
    REQUIRE(s.size() == posts);
    for (int i = 0; i < posts; ++i) CHECK(s[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("a post wakes a worker that waits, may post again, and is freed if it never runs") {
  auto alive = std::make_shared<int>(1);
  {
    Worker worker(0);
    int ran = 0;
    worker.post([&] {
      ++ran;
      worker.post([&] { ++ran; });
    });
    worker.turn_once(true);
    CHECK(ran == 1);
    worker.turn_once(true);
    CHECK(ran == 2);
    worker.post([alive] {});
    CHECK(alive.use_count() == 2);
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("the end of every turn is told, after its work and before the next") {
  Worker worker(0);
  std::string order;
  worker.on_turn_end([&] { order += "e"; });
  worker.post([&] { order += "p"; });
  worker.turn_once(true);
  worker.turn_once(false);
  CHECK(order == "pee");
}

TEST_CASE("a plain stream: bytes, fullness, half-close, death") {
  Worker worker(0);
  Pair p;
  Watcher w;
  PlainStream stream(p.ours.get());
  w.then = [&](Watched::Ready r) {
    stream.on_readiness(r.in, r.out);
    if (r.hup) stream.on_hangup();
  };
  REQUIRE(worker.watch(p.ours.get(), w));
  worker.turn_once(true);
  std::vector<char> room(1 << 16, 'x');
  CHECK_FALSE(stream.may_read());
  say(p.theirs, "a");
  worker.turn_once(true);
  CHECK(stream.may_read());
  CHECK(stream.read(room).bytes == 1);
  CHECK_FALSE(stream.may_read());
  // Full, then room again.
  const iovec part{room.data(), room.size()};
  std::size_t sent = 0;
  for (IoResult r{}; stream.pending_out() == 0; sent += r.bytes) {
    r = stream.write({&part, 1});
    REQUIRE(r.status == IoStatus::ok);
  }
  CHECK(stream.on_writable().status == IoStatus::would_block);
  CHECK(stream.write({&part, 1}).bytes == 0);
  std::size_t got = 0;
  while (got < sent)
    got += static_cast<std::size_t>(::read(p.theirs.get(), room.data(), room.size()));
  worker.turn_once(true);
  CHECK(stream.on_writable().status == IoStatus::ok);
  // An end that comes with data is read without another event.
  say(p.theirs, "b");
  ::shutdown(p.theirs.get(), SHUT_WR);
  worker.turn_once(true);
  CHECK(stream.read(room).bytes == 1);
  CHECK(stream.may_read());
  CHECK(stream.read(room).status == IoStatus::closed);
  stream.shutdown_send();
  char c;
  CHECK(::read(p.theirs.get(), &c, 1) == 0);
  CHECK(stream.write({&part, 1}).status == IoStatus::failed);
}
