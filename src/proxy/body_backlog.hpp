// Body bytes that wait in the HTTP/2 streams of one worker, requests and answers
// together: what peers sent within their streams' windows, and nobody takes yet.
//
// Connection credit goes back on receipt, so that one slow stream does not stall
// the others; these bounds stand behind it. Beyond one of them a connection's
// credit waits too. What is on its way by then still comes: a connection's window.
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace marquee::proxy {

class BodyBacklog {
 public:
  static constexpr std::size_t per_connection = 1u << 20;
  static constexpr std::size_t per_worker = 64u << 20;

  // Whose credit waits for the worker's bound: told, once, when there is room.
  // Called from within another connection's work: it may only wake itself.
  class Waiter {
   public:
    virtual void on_backlog_room() = 0;

   protected:
    ~Waiter() = default;
  };

  // One connection's part. Keeps the whole alive: a connection may be destroyed
  // after what its worker's services were.
  class Share {
   public:
    Share(std::shared_ptr<BodyBacklog> all, Waiter& waiter, std::size_t bound = per_connection)
        : all_(std::move(all)), waiter_(waiter), bound_(bound) {}
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void add(std::size_t bytes);
    void remove(std::size_t bytes);
    // May credit go back? If not, remove() or the waiter says when to ask again.
    bool has_room();

   private:
    friend class BodyBacklog;
    std::shared_ptr<BodyBacklog> all_;
    Waiter& waiter_;
    std::size_t bound_;
    std::size_t bytes_ = 0;
    bool waits_ = false;
  };

  explicit BodyBacklog(std::size_t bound = per_worker) : bound_(bound) {}
  std::size_t bytes() const { return bytes_; }

 private:
  void tell();

  std::size_t bound_;
  std::size_t bytes_ = 0;
  std::vector<Share*> waiting_;
};

}  // namespace marquee::proxy
