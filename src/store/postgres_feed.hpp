// Follows the changes of a directory in PostgreSQL; part of PostgresDirectory.
// Runs on the thread of its io_context, but for subscribe().
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/uuid.hpp"
#include "routing/directory.hpp"
#include "store/adapter_status.hpp"
#include "store/lookup_sql.hpp"
#include "store/postgres_connection.hpp"

namespace marquee::store {

// What the database has of Marquee's, found out at each connect.
struct PostgresShape {
  Dialect dialect{true, "public.", "", ""};
  bool triggers = false;  // all that the change feed needs
  std::uint64_t lineage = 0;
};

class PostgresFeed {
 public:
  struct Options {
    std::chrono::milliseconds poll_interval;
    std::chrono::milliseconds heartbeat{1'000};  // poll behind notifications
    std::chrono::milliseconds hello{1'000};      // how long one's own notification is waited for
    std::string sites_base;
    std::string shown;
  };
  using Shaped = std::function<void(const PostgresShape&)>;
  // `follow` listens, `speak` sends the notification that is to come back; both
  // outlive it. `shaped` hears what the database has.
  PostgresFeed(boost::asio::io_context& io, PostgresConnection& follow, PostgresConnection& speak,
               Options options, AdapterStatus& status, Shaped shaped);

  // The events of `follow`.
  void on_up();
  void on_down(const std::string& sentence);
  void on_notified(std::string_view channel, std::string_view payload);
  // No call of the listener comes after that.
  void stop();

  // From any thread; the listener hears the state on the io_context.
  void subscribe(routing::ChangeListener* listener);

 private:
  enum class Mode : std::uint8_t { unknown, push, poll, none };
  void probe();
  void on_probed(const PostgresRows& rows);
  void begin();
  void say_hello();
  void ask_changes();
  void on_changes(const PostgresRows& rows);
  void schedule();
  void set_mode(Mode mode);
  void announce();
  void tell(const std::vector<routing::Change>& changes, std::uint64_t generation);
  void fail(const std::string& why);
  routing::Feed feed() const;

  PostgresConnection& follow_;
  PostgresConnection& speak_;
  const Options options_;
  AdapterStatus& status_;
  const Shaped shaped_;
  boost::asio::io_context& io_;
  boost::asio::steady_timer poll_timer_;
  boost::asio::steady_timer hello_timer_;
  base::Random random_ = base::Random::from_kernel();
  PostgresShape shape_;
  Mode mode_ = Mode::unknown;
  bool up_ = false;
  bool caught_up_ = false;  // the first poll of this connection was answered
  bool asking_ = false;
  bool again_ = false;
  std::string hello_;                    // payload that is to come back
  std::optional<std::string> snapshot_;  // up to which all was told
  std::uint64_t told_ = 0;               // generation
  std::uint64_t lineage_ = 0;            // of what was told
  std::chrono::steady_clock::time_point last_poll_{};
  std::chrono::steady_clock::time_point next_prune_{};

  std::mutex listening_;  // held while the listener is told
  routing::ChangeListener* listener_ = nullptr;
  bool live_ = false;
  std::chrono::milliseconds staleness_{0};
  // Handlers of ours do nothing once it is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace marquee::store
