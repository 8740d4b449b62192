// A client that gives credit, but does not read: what its streams' windows do not
// show. The floor holds for the connection as it does for an answer.
#include "proxy/h2_session.hpp"
#include "proxy/services.hpp"
#include "proxy/snapshot_slot.hpp"

namespace marquee::proxy {

std::uint64_t H2Session::untaken() { return codec_.output().size() + host_.stream().untaken(); }

// From when the last answer ends, or the connection takes no more. Requests that
// come meanwhile win no time.
void H2Session::watch_reader() {
  const config::Timeouts& limits = services_.snapshots.settings().timeouts;
  if (state_ == State::over || limits.body_floor == 0 || reader_time_.armed()) return;
  turn_.deadlines().arm(reader_time_, *this, FloorWindow::part(limits), turn_.now());
}

void H2Session::on_reader_window() {
  const config::Timeouts& limits = services_.snapshots.settings().timeouts;
  const auto owed = static_cast<std::int64_t>(untaken());
  if (owed == 0) return reader_.stop();
  const std::int64_t all = written_ + static_cast<std::int64_t>(codec_.output().size());
  if (!reader_.too_slow(all, owed, config::bytes_per_window(limits))) return watch_reader();
  if (active_ == 0)
    services_.sink.lost(ClientLoss::too_slow);
  else
    lose_all(ClientLoss::too_slow);
  close(true);  // an end behind bytes that nobody reads would not be seen
}

}  // namespace marquee::proxy
