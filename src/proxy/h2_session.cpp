#include "proxy/h2_session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/exchange.hpp"
#include "proxy/exchange_pool.hpp"
#include "proxy/services.hpp"
#include "proxy/snapshot_slot.hpp"

namespace marquee::proxy {
namespace {

// Beyond this a client that does not read is not read from either.
constexpr std::size_t unsent_bound = 4 * http::H2Output::full_size;
constexpr std::uint64_t linger_bytes = 1u << 20;

http::H2CodecLimits codec_limits(const config::Http2& s) {
  return {s.concurrent_streams, static_cast<std::uint32_t>(s.stream_window),
          static_cast<std::uint32_t>(s.connection_window),
          static_cast<std::uint32_t>(s.header_list)};
}

http::H2FloodLimits flood_limits(const config::Http2& s) {
  return {s.resets, s.control_frames, s.continuations,
          static_cast<std::uint32_t>(s.header_list * 3 / 2)};
}

}  // namespace

H2Session::H2Session(Services& services, ExchangePool& exchanges, SessionHost& host)
    : turn_(services.turn),
      services_(services),
      exchanges_(exchanges),
      host_(host),
      codec_(services.turn.buffers(), codec_limits(services.snapshots.settings().http2)),
      most_streams_(services.snapshots.settings().http2.concurrent_streams),
      budget_(flood_limits(services.snapshots.settings().http2)),
      backlog_(services.backlog, *this) {}

H2Session::~H2Session() = default;

void H2Session::start(net::Deadline* first_head) {
  if (first_head && first_head->armed())
    head_time_.take_over(*first_head, *this);
  else
    turn_.deadlines().arm(head_time_, *this, services_.snapshots.settings().timeouts.head,
                          turn_.now());
  wake();  // our SETTINGS
  read();
}

void H2Session::on_ready(bool writable, bool reset) {
  if (state_ == State::over) return;
  if (reset) {
    lose_all(ClientLoss::reset);
    return close(false);
  }
  if (writable && full_) {
    const net::IoResult r = host_.stream().on_writable();
    write_failed_ |= r.status == net::IoStatus::failed;
    if (r.status == net::IoStatus::ok) {
      full_ = false;
      if (flush_now()) resume_writers();
    }
    wake();
  }
  read();
}

// --- In ----------------------------------------------------------------------

void H2Session::read() {
  net::ByteStream& stream = host_.stream();
  while (state_ != State::over && !half_closed_ && stream.may_read() &&
         codec_.output().size() < unsent_bound) {
    net::Block block =
        turn_.buffers().acquire(large_ ? net::BlockSize::large : net::BlockSize::medium);
    std::size_t size = 0;
    net::IoStatus status = net::IoStatus::ok;
    // A batch: all that is at hand, up to a block.
    while (size < block.size() && stream.may_read()) {
      const net::IoResult r = stream.read({block.data() + size, block.size() - size});
      status = r.status;
      if (status != net::IoStatus::ok) break;
      size += r.bytes;
    }
    if (size > 0) feed({block.data(), size});
    if (state_ == State::over) return;
    if (status == net::IoStatus::failed) {
      lose_all(ClientLoss::reset);
      return close(false);
    }
    if (status == net::IoStatus::closed) {
      half_closed_ = true;
      // Whole requests get their answers; no others can become whole.
      for (std::size_t i = 0; i < streams_.size(); ++i)
        if (!streams_[i]->request_complete()) streams_[i]->on_lost(ClientLoss::incomplete_request);
      if (state_ != State::open) return close(false);
      wake();
    }
    if (status != net::IoStatus::ok) return;
  }
}

void H2Session::feed(std::string_view bytes) {
  if (state_ != State::open) {
    // Why it ends is said before what still comes can make an end of it.
    if (discarded_ == 0 && state_ == State::closing) flush_now();
    discarded_ += bytes.size();
    // On its way may be what the windows allowed.
    if (discarded_ > linger_bytes + services_.snapshots.settings().http2.connection_window)
      close(false);
    return;
  }
  const http::H2FrameScan::Result scanned = scan_.take(bytes, budget_, turn_.now());
  taking_ = true;
  // Of a batch with a flood or a fault nothing is answered any more.
  if (scanned.flood == http::H2Flood::none) codec_.receive(bytes.substr(0, scanned.bytes));
  if (scanned.flood != http::H2Flood::none)
    calm(scanned.flood);
  else if (codec_.list_flood())
    calm(http::H2Flood::header_list);
  else if (codec_.settings_flood())
    calm(http::H2Flood::settings);
  if (flood_ == http::H2Flood::none && scanned.fault == http::H2Fault::none) take_events();
  taking_ = false;
  if (scanned.fault == http::H2Fault::stream_closed) end(http::H2Error::stream_closed);
  if (scanned.fault == http::H2Fault::protocol_error) end(http::H2Error::protocol_error);
  judge_time();
  wake();
}

void H2Session::take_events() {
  std::vector<http::H2Codec::Event>& events = codec_.events();
  std::size_t credit = 0;
  for (std::size_t i = 0; i < events.size() && state_ == State::open; ++i) {
    const http::H2Codec::Event event = events[i];
    if (event.kind == http::H2Codec::Kind::data) credit += event.size;
    take(event);
  }
  events.clear();
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    batch_[i]->flush_due = false;
    batch_[i]->on_batch_end();
  }
  batch_.clear();
  withheld_ += credit;
  held(0);
}

void H2Session::take(const http::H2Codec::Event& event) {
  using Kind = http::H2Codec::Kind;
  auto* stream = event.stream ? static_cast<H2Stream*>(event.stream->user) : nullptr;
  switch (event.kind) {
    case Kind::request:
      // Taken back in the same batch: nobody hears of it.
      last_id_ = event.stream->id;
      if (event.stream->closed) return;
      if (open_ >= most_streams_) {
        codec_.reset(*event.stream, http::H2Error::refused_stream);
        return clients_fault(1);
      }
      return on_request(*event.stream);
    case Kind::data:
      large_ |= event.size > 1024;
      if (stream) stream->on_data({event.data, event.size});
      return;
    case Kind::trailers:
      if (stream) stream->on_trailers();
      return;
    case Kind::end:
      if (stream) stream->on_end();
      return;
    case Kind::closed:
      // What had reached an upstream counts twice.
      if (event.stream->reset && stream && stream->running() && stream->reached_upstream()) {
        const auto kind =
            event.stream->reset_sent ? http::H2Flood::provoked_reset : http::H2Flood::rapid_reset;
        if (budget_.spend(kind, 1, turn_.now())) calm(kind);
      }
      if (stream) {
        --open_;
        stream->on_closed();  // its record reads the head, which the codec holds
      }
      codec_.release(*event.stream);
      return;
    case Kind::window:
      if (!stream) return resume_writers();
      stream->on_room();
      if (!stream->active()) put_off(*stream);
      return;
    case Kind::priority:
      if (H2Stream* s = find(event.id)) {
        s->urgency = static_cast<std::uint8_t>(event.size);
      } else if (event.id > last_id_) {
        prioritise_idle({event.id, static_cast<std::uint8_t>(event.size)});
      }
      return;
    case Kind::goaway:
      client_leaves_ = true;
      return wake();
    case Kind::ping_ack:
      if (draining_ && !std::exchange(last_said_, true)) {
        drain_time_.disarm();
        codec_.last_goaway();
      }
      return;
  }
}

void H2Session::on_request(http::H2Codec::Stream& stream) {
  ++requests_;
  streams_.push_back(std::make_unique<H2Stream>(*this, stream));
  H2Stream& s = *streams_.back();
  s.place = streams_.size() - 1;
  stream.user = &s;
  for (const Urgency& u : early_)
    if (u.id == stream.id) s.urgency = u.urgency;
  // Those that were passed over are idle no more.
  std::erase_if(early_, [&](const Urgency& u) { return u.id <= stream.id; });
  ++open_;
  s.begin();
  if (s.active() && !s.request_complete()) note_batch(s);
  const std::uint32_t most = services_.snapshots.settings().limits.requests_per_connection;
  if (most != 0 && requests_ >= most && !std::exchange(last_said_, true)) {
    draining_ = true;
    codec_.last_goaway();
  }
}

// RFC 9218 7.1: idle streams that have a priority count as if they were open.
void H2Session::prioritise_idle(Urgency update) {
  for (Urgency& u : early_)
    if (u.id == update.id) {
      u.urgency = update.urgency;
      return;
    }
  if (early_.size() + open_ >= most_streams_) return end(http::H2Error::protocol_error);
  early_.push_back(update);
}

void H2Session::note_batch(H2Stream& stream) {
  if (std::exchange(stream.flush_due, true)) return;
  batch_.push_back(&stream);
}

bool H2Session::running() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->running(); });
}

H2Stream* H2Session::find(std::int32_t id) {
  for (const auto& s : streams_)
    if (s->id() == id) return s.get();
  return nullptr;
}

void H2Session::held(std::ptrdiff_t more) {
  if (more > 0)
    backlog_.add(static_cast<std::size_t>(more));
  else
    backlog_.remove(static_cast<std::size_t>(-more));
  if (withheld_ == 0 || !backlog_.has_room()) return;
  codec_.consumed(std::exchange(withheld_, 0));
  wake();
}

// --- Out ---------------------------------------------------------------------

bool H2Session::flush_now() {
  http::H2Output& out = codec_.output();
  while (out.size() > 0 && !full_ && !write_failed_) {
    std::array<iovec, 4> parts;
    const std::size_t n = out.parts(parts);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < n; ++i) offered += parts[i].iov_len;
    const net::IoResult r = host_.stream().write({parts.data(), n});
    if (r.status == net::IoStatus::failed) {
      write_failed_ = true;
      wake();
      break;
    }
    out.consume(r.bytes);
    written_ += static_cast<std::int64_t>(r.bytes);
    full_ = r.bytes < offered || host_.stream().pending_out() > 0;
  }
  return out.size() == 0 && !full_ && !write_failed_;
}

// The most urgent first (RFC 9218 5): each takes up what room there is.
void H2Session::resume_writers() {
  std::vector<H2Stream*> waiting;
  for (const auto& s : streams_) {
    if (s->blocked()) waiting.push_back(s.get());
    if (!s->active()) put_off(*s);
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const H2Stream* a, const H2Stream* b) {
    return a->urgency != b->urgency ? a->urgency < b->urgency : a->id() < b->id();
  });
  for (H2Stream* s : waiting) s->on_room();
}

void H2Session::put_off(H2Stream& stream) {
  if (!std::exchange(stream.due, true)) due_.push_back(&stream);
  wake();
}

void H2Session::settle_streams() {
  while (!due_.empty()) {
    std::vector<H2Stream*> due;
    due.swap(due_);
    for (H2Stream* s : due) {
      s->due = false;
      if (s->settle()) continue;
      if (s->due) std::erase(due_, s);
      if (s->flush_due) std::erase(batch_, s);
      const std::size_t place = s->place;
      std::swap(streams_[place], streams_.back());
      streams_[place]->place = place;
      streams_.pop_back();
    }
  }
}

void H2Session::run() {
  if (state_ == State::over) return;
  if (write_failed_) {
    lose_all(ClientLoss::write_failed);
    return close(false);
  }
  held(0);
  // Settling packs frames, which may end streams, which are settled in turn.
  do {
    settle_streams();
    codec_.pack();  // credit that streams gave back
    if (state_ == State::open && !codec_.events().empty()) take_events();
  } while (!due_.empty());
  if (state_ == State::over) return;
  budget_.earn_window_updates(4 * codec_.take_data_frames());
  if (const std::uint32_t provoked = codec_.take_provoked(); provoked > 0) clients_fault(provoked);
  finish_output();
}

void H2Session::finish_output() {
  if (state_ == State::open && codec_.over()) end(http::H2Error::no_error);
  if (state_ == State::open && streams_.empty() &&
      (half_closed_ || client_leaves_ || (draining_ && last_said_)))
    end(http::H2Error::no_error);
  const bool flushed = flush_now();
  if (write_failed_) return;  // run() once more
  if (full_) watch_reader();
  if (flushed && state_ == State::closing) {
    if (half_closed_) return close(false);
    state_ = State::linger;
    host_.stream().shutdown_send();
    turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.linger,
                          turn_.now());
  }
  if (flushed && codec_.output().size() == 0 && state_ == State::open) read();
}

// --- Its end -----------------------------------------------------------------

void H2Session::stream_active(bool active) {
  active_ = active ? active_ + 1 : active_ - 1;
  if (active_ == 1 && active) time_.disarm();
  if (active_ == 0) watch_reader();
  if (active_ == 0 && state_ == State::open)
    turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.idle, turn_.now());
}

// The time for a head runs while a field block is incomplete, and from the start
// until the preface has come.
void H2Session::judge_time() {
  const bool waits = scan_.in_field_block() || !scan_.preface_complete();
  if (!waits) {
    head_time_.disarm();
    if (active_ == 0 && !time_.armed() && state_ == State::open)
      turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.idle,
                            turn_.now());
  } else if (!head_time_.armed()) {
    turn_.deadlines().arm(head_time_, *this, services_.snapshots.settings().timeouts.head,
                          turn_.now());
  }
}

void H2Session::clients_fault(std::uint32_t cost) {
  if (state_ == State::open && budget_.spend(http::H2Flood::provoked_reset, cost, turn_.now()))
    calm(http::H2Flood::provoked_reset);
}

void H2Session::calm(http::H2Flood flood) {
  if (flood_ != http::H2Flood::none) return;
  flood_ = flood;
  services_.sink.flood(flood);
  end(http::H2Error::enhance_your_calm);
}

void H2Session::lose_all(ClientLoss how) {
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i]->on_lost(how);
}

// Says GOAWAY, if the codec has not; what runs is over.
void H2Session::end(http::H2Error code) {
  if (state_ != State::open) return;
  if (!codec_.over()) codec_.terminate(code);
  state_ = State::closing;
  lose_all(ClientLoss::reset);
  head_time_.disarm();
  drain_time_.disarm();
  // For what does not leave.
  turn_.deadlines().arm(time_, *this, services_.snapshots.settings().timeouts.linger, turn_.now());
  wake();
}

void H2Session::drain() {
  if (state_ != State::open || draining_) return;
  draining_ = true;
  if (last_said_) return;
  codec_.shutdown_notice();
  turn_.deadlines().arm(drain_time_, *this, services_.snapshots.settings().timeouts.linger,
                        turn_.now());
  wake();
}

void H2Session::close(bool reset) {
  if (state_ == State::over) return;
  state_ = State::over;
  time_.disarm();
  head_time_.disarm();
  drain_time_.disarm();
  reader_time_.disarm();
  host_.close(reset);
}

void H2Session::on_deadline(net::Deadline& which) {
  if (&which == &drain_time_) {
    if (!std::exchange(last_said_, true)) codec_.last_goaway();
    return wake();
  }
  if (&which == &head_time_) return end(http::H2Error::enhance_your_calm);
  if (&which == &reader_time_) return on_reader_window();
  // Its last answer is not taken yet: not idle, and under the floor.
  if (state_ == State::open && reader_time_.armed() && untaken() > 0)
    return turn_.deadlines().arm(
        time_, *this, FloorWindow::part(services_.snapshots.settings().timeouts), turn_.now());
  if (state_ == State::open) return end(http::H2Error::no_error);  // idle
  close(false);
}

}  // namespace marquee::proxy
