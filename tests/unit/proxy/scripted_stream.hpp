// A stream of bytes without a socket: a Wire is what the peer has sent and what
// it has got, a ScriptedStream reads and writes it as PlainStream does a socket
// (edge-triggered, a short write means full). Faults stop it at a chosen call.
#pragma once
#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "net/byte_stream.hpp"

namespace marquee::proxy::testing {

// Counts every read and write of all wires of a rig; one of them fails.
struct Fault {
  static constexpr std::size_t never = static_cast<std::size_t>(-1);
  std::size_t at = never;
  net::IoStatus status = net::IoStatus::failed;
  std::size_t calls = 0;
  bool hit = false;
  std::function<void()> inside;  // runs within the call `inside_at`
  std::size_t inside_at = never;

  bool due() {
    if (inside && calls == inside_at) std::exchange(inside, nullptr)();
    if (calls++ != at) return false;
    hit = true;
    return true;
  }
};

struct Wire {
  explicit Wire(Fault& f) : fault(f) {}

  Fault& fault;
  // From the peer. One read gives at most one run: so splits are seen.
  std::deque<std::string> in;
  bool fin = false;       // after `in`: the peer's end
  bool end_seen = false;  // the peer's end was read
  bool dead = false;      // reset: every call fails
  // To the peer.
  std::string out;
  std::size_t room = static_cast<std::size_t>(-1);   // until full
  std::size_t grant = static_cast<std::size_t>(-1);  // room after each writable event
  bool shut = false;                                 // shutdown_send() was called
  std::size_t after_shut = 0;                        // bytes written in spite of that
};

class ScriptedStream final : public net::ByteStream {
 public:
  explicit ScriptedStream(Wire& wire) : wire_(wire) {}

  net::IoResult read(std::span<char> into) override {
    if (wire_.dead) return {net::IoStatus::failed, 0};
    if (wire_.fault.due()) {
      switch (wire_.fault.status) {
        case net::IoStatus::failed:
          wire_.dead = true;
          return {net::IoStatus::failed, 0};
        case net::IoStatus::closed:
          wire_.in.clear();
          wire_.fin = true;
          break;
        default:
          readable_ = false;
          return {net::IoStatus::would_block, 0};
      }
    }
    if (!wire_.in.empty()) {
      std::string& run = wire_.in.front();
      const std::size_t n = std::min(run.size(), into.size());
      run.copy(into.data(), n);
      run.erase(0, n);
      if (run.empty()) wire_.in.pop_front();
      if (wire_.in.empty() && n < into.size()) readable_ = wire_.fin;
      return {net::IoStatus::ok, n};
    }
    if (wire_.fin) {
      wire_.end_seen = true;
      return {net::IoStatus::closed, 0};
    }
    readable_ = false;
    return {net::IoStatus::would_block, 0};
  }

  net::IoResult write(std::span<const iovec> parts) override {
    if (wire_.dead) return {net::IoStatus::failed, 0};
    if (wire_.fault.due()) {
      if (wire_.fault.status != net::IoStatus::would_block) {
        wire_.dead = true;
        return {net::IoStatus::failed, 0};
      }
      full_ = true;
    }
    if (full_) return {net::IoStatus::ok, 0};
    std::size_t taken = 0;
    for (const iovec& p : parts) {
      const std::size_t n = std::min(p.iov_len, wire_.room);
      wire_.out.append(static_cast<const char*>(p.iov_base), n);
      wire_.room -= n;
      taken += n;
      if (wire_.shut) wire_.after_shut += n;
      if (n < p.iov_len) {
        full_ = true;
        break;
      }
    }
    return {net::IoStatus::ok, taken};
  }

  net::IoResult on_writable() override {
    if (wire_.dead) return {net::IoStatus::failed, 0};
    return {full_ ? net::IoStatus::would_block : net::IoStatus::ok, 0};
  }
  std::size_t pending_out() const override { return full_ ? 1 : 0; }
  void on_readiness(bool readable, bool writable) override {
    readable_ |= readable;
    if (!writable) return;
    full_ = false;
    wire_.room = wire_.grant;
  }
  void on_hangup() override { readable_ = true; }
  bool may_read() const override { return readable_; }
  void shutdown_send() override { wire_.shut = true; }

  bool full() const { return full_; }

 private:
  Wire& wire_;
  bool readable_ = false;
  bool full_ = false;
};

}  // namespace marquee::proxy::testing
