// Follows the change log of notifications.hpp over a connection of its own, and
// tells the listener. NOTIFY wakes it; where notifications do not come through, it
// looks every `poll_interval`, and where they do, every second all the same.
// Everything but subscribe() runs on the io_context's thread.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <mutex>

#include "base/uuid.hpp"
#include "store/adapter_status.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/database_facts.hpp"

namespace marquee::store::postgres {

class ChangeFeed {
 public:
  struct Options {
    std::chrono::milliseconds poll_interval{250};
    std::chrono::milliseconds limit{2000};  // of a question
    std::string sites_base;
    std::string description;
  };
  // The database works again.
  using Works = std::function<void()>;
  // Sends a notification with this payload over another connection; false: cannot now.
  using SendProbe = std::function<bool(const std::string& payload)>;

  // All outlive it. `connection` is the one that listens.
  ChangeFeed(boost::asio::io_context& io, Connection& connection, Options options,
             AdapterStatus& status, Works works, SendProbe send_probe);
  ~ChangeFeed();

  // Of the listening connection: prepares it and makes it ready; lost; a notification.
  void prepare(const DatabaseFacts& facts);
  void down();
  void notified(std::string_view payload);
  void say();  // how changes come, for operators

  void subscribe(routing::ChangeListener* listener);  // by any thread
  void greet();                                       // tells a new listener the state
  // Combined with what the database says of itself; 0 without a feed.
  std::uint64_t lineage() const { return lineage_; }

  static constexpr std::size_t kMostChanges = 50'000;  // more at once are told as `everything`
  static constexpr std::chrono::milliseconds kBackup{1000};     // polling beside NOTIFY
  static constexpr std::chrono::milliseconds kProbeWait{2000};  // for our own notification
  static constexpr std::chrono::minutes kPruneEvery{10};

 private:
  struct Cursor {
    std::string snapshot;  // pg_snapshot of the last read
    std::uint64_t generation = 0;
    std::uint64_t next_xid = 0;
    std::uint64_t lineage = 0;
  };

  void listen();
  void poll();
  void read(const Reply& reply);
  std::vector<routing::Change> changes_of(const Result& result, const Cursor& now);
  void schedule();
  void prune();
  void probe();
  void set_push(bool push);
  void tell(const std::vector<routing::Change>& changes, std::uint64_t generation);
  void set_live(bool live);
  routing::Feed feed() const;
  void greet_locked();

  Connection& connection_;
  const Options options_;
  AdapterStatus& status_;
  Works works_;
  SendProbe send_probe_;
  boost::asio::steady_timer poll_timer_;
  boost::asio::steady_timer probe_timer_;
  base::Random random_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // watched by questions

  DatabaseFacts facts_;
  bool up_ = false;    // listening connection ready, with a log to read
  bool push_ = false;  // notifications come through
  bool push_known_ = false;
  bool listening_to_ = false;  // LISTEN was accepted
  std::string probe_payload_;
  bool polling_ = false;
  bool poll_again_ = false;
  std::optional<Cursor> cursor_;
  std::uint64_t lineage_ = 0;
  std::uint64_t told_ = 0;
  std::chrono::steady_clock::time_point next_prune_{};

  std::recursive_mutex telling_;  // held while the listener is told
  routing::ChangeListener* listener_ = nullptr;
  bool greeted_ = false;
  bool live_ = false;
};

}  // namespace marquee::store::postgres
