// Talking over a connection: questions out, results and notifications in.
#include "store/postgres/connection.hpp"

#include <algorithm>

#include "store/postgres/connection_impl.hpp"

namespace marquee::store::postgres {
namespace {

using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{10};

}  // namespace

void Connection::Impl::when_ready(bool read, void (Impl::*then)()) {
  using Descriptor = boost::asio::posix::stream_descriptor;
  descriptor_.async_wait(read ? Descriptor::wait_read : Descriptor::wait_write,
                         [weak = weak_from_this(), life = life_, then](error_code error) {
                           const auto self = weak.lock();
                           if (error || !self || self->life_ != life) return;
                           (self.get()->*then)();
                         });
}

void Connection::Impl::ask(Question question) {
  Open open{std::move(question), {}, {}};
  open.deadline = steady_clock::now() + open.question.limit;
  if (this->open() >= options_.most_open)
    return end(open, Reply::Status::full,
               info_.description + ": too many questions are open; the database is too slow");
  const bool hopeless = state_ == State::idle || (state_ != State::ready && failures_ > 1);
  if (hopeless)
    return end(open, Reply::Status::lost,
               last_error_.empty() ? info_.description + ": not connected" : last_error_);
  waiting_.push_back(std::move(open));
  arm_tick();
  if (state_ == State::ready) fill_pipeline();
}

void Connection::Impl::send_now(Question question) {
  Open open{std::move(question), {}, {}};
  open.deadline = steady_clock::now() + open.question.limit;
  if (!connection_ || !send(open)) return end(open, Reply::Status::lost, last_error_);
  if (in_flight_.empty()) head_since_ = steady_clock::now();
  in_flight_.push_back(std::move(open));
  arm_tick();
  flush();
}

bool Connection::Impl::send(Open& open) {
  Question& q = open.question;
  if (q.late_text) q.text = q.late_text();
  std::vector<const char*> values;
  values.reserve(q.parameters.size());
  for (const auto& p : q.parameters) values.push_back(p ? p->c_str() : nullptr);
  const int count = static_cast<int>(values.size());
  PGconn* const c = connection_.get();
  int sent = 0;
  switch (q.kind) {
    case Question::Kind::text:
      sent =
          PQsendQueryParams(c, q.text.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0);
      break;
    case Question::Kind::prepare:
      sent = PQsendPrepare(c, q.name.c_str(), q.text.c_str(), 0, nullptr);
      break;
    case Question::Kind::prepared:
      sent = PQsendQueryPrepared(c, q.name.c_str(), count, values.data(), nullptr, nullptr, 0);
      break;
  }
  return sent == 1 && PQpipelineSync(c) == 1;
}

void Connection::Impl::fill_pipeline() {
  bool any = false;
  while (!waiting_.empty() && in_flight_.size() < options_.pipeline) {
    Open& next = waiting_.front();
    if (!send(next)) return lose(PQerrorMessage(connection_.get()));
    if (in_flight_.empty()) head_since_ = steady_clock::now();
    in_flight_.push_back(std::move(next));
    waiting_.pop_front();
    any = true;
  }
  if (any) flush();
}

void Connection::Impl::flush() {
  if (!connection_) return;
  const int rest = PQflush(connection_.get());
  // An error shows when reading; what the server said before it may explain it.
  if (rest == 1) wait_writable();
}

void Connection::Impl::wait_readable() {
  if (std::exchange(reading_, true)) return;
  when_ready(true, &Impl::readable);
}

void Connection::Impl::wait_writable() {
  if (std::exchange(writing_, true)) return;
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                         [weak = weak_from_this(), life = life_](error_code error) {
                           const auto self = weak.lock();
                           if (error || !self || self->life_ != life) return;
                           self->writing_ = false;
                           self->flush();
                         });
}

void Connection::Impl::readable() {
  reading_ = false;
  const auto self = shared_from_this();
  const auto life = life_;
  const bool good = PQconsumeInput(connection_.get()) == 1;
  std::vector<Open> finished;
  take_results(finished);
  if (good && PQstatus(connection_.get()) == CONNECTION_OK) {
    flush();
    wait_readable();
    take_notifications();
  } else {
    lose(PQerrorMessage(connection_.get()));
  }
  for (Open& open : finished)
    if (!open.over) open.question.done(std::move(open.reply));
  if (life_ == life && state_ == State::ready) fill_pipeline();
}

void Connection::Impl::take_results(std::vector<Open>& finished) {
  int nothing = 0;
  while (!in_flight_.empty() && PQisBusy(connection_.get()) == 0 && nothing < 2) {
    PGresult* const raw = PQgetResult(connection_.get());
    if (!raw) {
      ++nothing;
      continue;
    }
    nothing = 0;
    Result result(raw);
    Reply& reply = in_flight_.front().reply;
    switch (PQresultStatus(raw)) {
      case PGRES_PIPELINE_SYNC:
        finished.push_back(std::move(in_flight_.front()));
        in_flight_.pop_front();
        head_since_ = steady_clock::now();
        break;
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
        reply.status = Reply::Status::answered;
        reply.result = std::move(result);
        break;
      case PGRES_PIPELINE_ABORTED:
        break;
      default: {
        const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE);
        const char* text = PQresultErrorField(raw, PG_DIAG_MESSAGE_PRIMARY);
        reply.status = Reply::Status::refused;
        reply.sqlstate = state ? state : "";
        reply.sentence =
            info_.description + ": " + one_line(text ? text : PQerrorMessage(connection_.get()));
        break;
      }
    }
  }
}

void Connection::Impl::take_notifications() {
  const auto life = life_;
  while (life == life_ && connection_) {
    struct Free {
      void operator()(PGnotify* n) const { PQfreemem(n); }
    };
    const std::unique_ptr<PGnotify, Free> n(PQnotifies(connection_.get()));
    if (!n) return;
    if (events_.notified) events_.notified(n->relname, n->extra ? n->extra : "");
  }
}

void Connection::Impl::arm_tick() {
  if (ticking_ || open() == 0) return;
  ticking_ = true;
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!self) return;
    self->ticking_ = false;
    if (!error) self->tick();
  });
}

void Connection::Impl::tick() {
  const auto now = steady_clock::now();
  const auto self = shared_from_this();
  const std::string sentence = info_.description + ": no answer in time";
  std::vector<Open> over;
  const auto passed = [now](const Open& o) { return !o.over && o.deadline <= now; };
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (!passed(*it)) {
      ++it;
      continue;
    }
    over.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
  bool hangs = false;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    Open& o = in_flight_[i];
    if (i == 0) hangs = now - head_since_ >= o.question.limit;
    if (!passed(o)) continue;
    o.over = true;
    over.push_back({{}, {}, {}});
    over.back().question.done = std::move(o.question.done);
  }
  if (hangs) lose("no answer in time: the connection is given up");
  for (Open& o : over) end(o, Reply::Status::timed_out, sentence);
  arm_tick();
}

void Connection::Impl::ready() {
  if (state_ != State::preparing) return;
  state_ = State::ready;
  failures_ = 0;
  last_error_.clear();
  fill_pipeline();
}

void Connection::Impl::give_up(const std::string& sentence) { lose(sentence); }

void Connection::Impl::lose(const std::string& sentence) {
  if (state_ == State::idle || state_ == State::waiting) return;
  const auto self = shared_from_this();
  last_error_ = info_.description + ": " + one_line(sentence);
  auto open = std::exchange(in_flight_, {});
  retry_later();
  for (Open& o : open)
    if (!o.over) end(o, Reply::Status::lost, last_error_);
}

void Connection::Impl::fail_all(Reply::Status status, const std::string& sentence) {
  auto waiting = std::exchange(waiting_, {});
  auto in_flight = std::exchange(in_flight_, {});
  for (Open& o : in_flight)
    if (!o.over) end(o, status, sentence);
  for (Open& o : waiting) end(o, status, sentence);
}

void Connection::Impl::end(Open& open, Reply::Status status, const std::string& sentence) {
  const auto done = std::exchange(open.question.done, nullptr);
  if (!done) return;
  Reply reply;
  reply.status = status;
  reply.sentence = sentence;
  done(std::move(reply));
}

Connection::Connection(boost::asio::io_context& io, net::Resolver& resolver, Conninfo info,
                       Options options, Events events)
    : impl_(std::make_shared<Impl>(io, resolver, std::move(info), options, std::move(events))) {}
Connection::~Connection() { impl_->close(); }
void Connection::stop() { impl_->close(); }
void Connection::start() { impl_->start(); }
void Connection::ask(Question question) { impl_->ask(std::move(question)); }
void Connection::ask_now(Question question) { impl_->send_now(std::move(question)); }
void Connection::ready() { impl_->ready(); }
void Connection::give_up(const std::string& sentence) { impl_->give_up(sentence); }
void Connection::hurry() { impl_->hurry(); }
bool Connection::is_ready() const { return impl_->is_ready(); }
const std::string& Connection::last_error() const { return impl_->last_error(); }
std::size_t Connection::open() const { return impl_->open(); }

}  // namespace marquee::store::postgres
