// One thread, one readiness loop, everything that it owns. All its descriptors
// stand in one epoll set, data-path sockets edge-triggered and registered once;
// see docs/decisions/001-readiness.md. What needs Asio lives on the control
// thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "net/turn.hpp"

namespace marquee::net {

// Owner of a registered descriptor.
class Watched : public Resident {
 public:
  struct Ready {
    bool in = false;     // bytes, or the peer's end, may be read
    bool out = false;    // room to write
    bool hup = false;    // the peer has ended its side (RDHUP), or both are gone
    bool error = false;  // the connection is dead
  };
  virtual void on_ready(Ready ready) = 0;
};

class Worker {
 public:
  explicit Worker(std::uint32_t index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::uint32_t index() const { return index_; }
  Turn& turn();

  // Registers `fd` once, edge-triggered, for everything. Closing the descriptor
  // ends it. False with errno when the kernel refuses.
  bool watch(int fd, Watched& owner);
  // Registers for accepting: level-triggered, input only.
  bool watch_listener(int fd, Watched& owner);
  void unwatch(int fd);

  // Called at the end of every turn; for work that is due once per wake-up.
  void on_turn_end(std::function<void()> work);

  // Runs until stop(); the calling thread becomes the worker's.
  void run();
  // One turn: waits at most until the next deadline.
  void turn_once(bool may_block);

  // From any thread: runs `work` on the worker. Lock-free for the worker.
  void post(std::function<void()> work);
  void stop();

 private:
  struct Loop;
  std::uint32_t index_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace marquee::net
