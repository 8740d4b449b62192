#include "store/postgres_connection.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/uuid.hpp"
#include "net/resolver.hpp"

namespace marquee::store {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Descriptor = asio::posix::stream_descriptor;

struct Free {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, Free>;
using Result = std::unique_ptr<PGresult, Free>;

std::string one_line(const char* text) {
  std::string out(text ? text : "");
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (out.size() > 500) out.resize(500);
  return out;
}

bool is_unprepared(std::string_view state) {
  // A pooler that gives each transaction another session knows no statements of
  // ours, or those of somebody else.
  return state == "26000" || state == "42P05";
}

}  // namespace

int PostgresRows::size() const { return PQntuples(static_cast<const PGresult*>(result_)); }

std::optional<std::string_view> PostgresRows::at(int row, int column) const {
  const auto* result = static_cast<const PGresult*>(result_);
  if (PQgetisnull(result, row, column)) return std::nullopt;
  return std::string_view(PQgetvalue(result, row, column),
                          static_cast<std::size_t>(PQgetlength(result, row, column)));
}

class PostgresConnection::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, net::Resolver& resolver, Options options, Events events)
      : io_(io),
        resolver_(resolver),
        options_(std::move(options)),
        events_(std::move(events)),
        pause_timer_(io),
        question_timer_(io),
        shown_(options_.url.shown()) {}

  void start() { resolve(); }

  void close() {
    if (closed_) return;
    closed_ = true;
    drop();
    pause_timer_.cancel();
    question_timer_.cancel();
    fail_all(shown_ + " is being closed");
  }

  void ask(const std::string& sql, std::vector<std::optional<std::string>> parameters, Done done) {
    std::string refused;
    if (closed_)
      refused = shown_ + " is being closed";
    else if (!up_ && !trouble_.empty())
      refused = trouble_;
    else if (waiting_.size() + sent_.size() >= options_.most_questions)
      refused = shown_ + " has too many questions waiting";
    if (!refused.empty()) return done(nullptr, refused);
    waiting_.push_back(
        {sql, std::move(parameters), std::move(done), Clock::now() + options_.timeout, {}, {}, {}});
    arm_question_timer();
    if (up_) send_waiting();
  }

  bool up_ = false;
  std::string trouble_;
  std::uint64_t connects_ = 0;

 private:
  struct Question {
    std::string sql;
    std::vector<std::optional<std::string>> parameters;
    Done done;
    Clock::time_point deadline;
    Result rows;
    std::string error;
    std::string state;       // SQLSTATE of the error
    bool preparing = false;  // the answer to its statement is still to come
  };
  struct Statement {
    std::string name;
    bool confirmed = false;
  };
  struct Address {
    PostgresUrl::Host host;
    std::string hostaddr;  // empty: a Unix socket
  };

  // For handlers of this connection: nothing once it was dropped or closed.
  template <typename F>
  auto guarded(F action) {
    return [self = weak_from_this(), epoch = epoch_,
            action = std::move(action)](const boost::system::error_code& ec) {
      const auto impl = self.lock();
      if (!impl || ec || impl->closed_ || impl->epoch_ != epoch) return;
      action();
    };
  }

  // --- connecting ---

  void resolve() {
    addresses_.clear();
    host_ = 0;
    resolve_next();
  }

  void resolve_next() {
    while (host_ < options_.url.hosts.size()) {
      const PostgresUrl::Host& host = options_.url.hosts[host_];
      if (host.is_unix() || !host.address.empty()) {
        addresses_.push_back({host, host.address});
        ++host_;
        continue;
      }
      resolver_.resolve(host.host, [self = weak_from_this()](const net::ResolveResult& result) {
        if (const auto impl = self.lock(); impl && !impl->closed_) impl->on_resolved(result);
      });
      return;
    }
    next_ = 0;
    connect_next();
  }

  void on_resolved(const net::ResolveResult& result) {
    for (const auto& address : result.addresses)
      addresses_.push_back({options_.url.hosts[host_], address.text()});
    if (result.addresses.empty()) last_error_ = result.sentence;
    ++host_;
    resolve_next();
  }

  void connect_next() {
    drop();
    if (next_ >= addresses_.size()) return pause();
    const Address& address = addresses_[next_++];
    std::vector<const char*> keys, values;
    const auto give = [&](const char* key, const std::string& value) {
      keys.push_back(key);
      values.push_back(value.c_str());
    };
    const std::string utf8 = "UTF8", name = "marquee", off = "disable";
    bool has_gss = false;
    for (const auto& [key, value] : options_.url.options) {
      if (key == "connect_timeout" || key == "client_encoding") continue;
      has_gss |= key == "gssencmode";
      give(key.c_str(), value);
    }
    if (!has_gss) give("gssencmode", off);  // it would ask a key server, and wait
    give("host", address.host.host);
    if (!address.hostaddr.empty()) give("hostaddr", address.hostaddr);
    give("port", address.host.port);
    give("client_encoding", utf8);
    give("fallback_application_name", name);
    keys.push_back(nullptr);
    values.push_back(nullptr);
    handle_.reset(PQconnectStartParams(keys.data(), values.data(), 0));
    if (!handle_ || PQstatus(handle_.get()) == CONNECTION_BAD) return refused();
    PQsetNoticeReceiver(
        handle_.get(), [](void*, const PGresult*) {}, nullptr);
    pause_timer_.expires_after(options_.connect_timeout);
    pause_timer_.async_wait(guarded([this] {
      if (up_) return;  // it became so at the last moment
      last_error_ = "no answer from " + addresses_[next_ - 1].host.host + " within " +
                    std::to_string(options_.connect_timeout.count()) + " ms";
      connect_next();
    }));
    wait_connect(PGRES_POLLING_WRITING);
  }

  void refused() {
    last_error_ = handle_ ? one_line(PQerrorMessage(handle_.get())) : "out of memory";
    connect_next();
  }

  // The descriptor may be another one after each step: a copy is watched anew.
  bool watch() {
    if (!handle_) return false;
    const int copy = ::fcntl(PQsocket(handle_.get()), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return false;
    descriptor_ = std::make_unique<Descriptor>(io_);
    boost::system::error_code ec;
    descriptor_->assign(copy, ec);
    if (!ec) return true;
    ::close(copy);
    return false;
  }

  void wait_connect(PostgresPollingStatusType wanted) {
    if (!watch()) return refused();
    descriptor_->async_wait(
        wanted == PGRES_POLLING_WRITING ? Descriptor::wait_write : Descriptor::wait_read,
        guarded([this] { poll_connect(); }));
  }

  void poll_connect() {
    const PostgresPollingStatusType status = PQconnectPoll(handle_.get());
    if (status == PGRES_POLLING_FAILED) return refused();
    if (status == PGRES_POLLING_OK) return on_connected();
    wait_connect(status);
  }

  void on_connected() {
    if (PQsetnonblocking(handle_.get(), 1) != 0 || PQenterPipelineMode(handle_.get()) != 1 ||
        !watch())
      return refused();
    pause_timer_.cancel();
    prepared_.clear();
    up_ = true;
    ++connects_;
    pause_ = options_.first_pause;
    trouble_.clear();
    wait_read();
    if (events_.up) events_.up();
    if (up_) send_waiting();
  }

  void pause() {
    trouble_ = shown_ + ": " + (last_error_.empty() ? "no host has an address" : last_error_);
    fail_all(trouble_);
    if (closed_) return;
    if (events_.down) events_.down(trouble_);
    if (closed_) return;
    // Between half and the whole, so that many nodes do not come together.
    const auto half = pause_.count() / 2;
    const auto wait = half + random_.below(static_cast<std::uint32_t>(half + 1));
    pause_ = std::min(pause_ * 2, options_.longest_pause);
    pause_timer_.expires_after(std::chrono::milliseconds(wait));
    pause_timer_.async_wait(guarded([this] { resolve(); }));
  }

  // What was open is lost: everybody is told, and it begins anew.
  void lose(const std::string& why) {
    drop();
    last_error_ = why;
    pause();
  }

  void drop() {
    ++epoch_;
    up_ = false;
    descriptor_.reset();
    handle_.reset();
  }

  // --- questions ---

  void send_waiting() {
    while (!waiting_.empty() && up_) {
      if (!send(waiting_.front())) return lose(one_line(PQerrorMessage(handle_.get())));
      sent_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    flush();
  }

  bool send(Question& question) {
    std::vector<const char*> values;
    for (const auto& p : question.parameters) values.push_back(p ? p->c_str() : nullptr);
    const int count = static_cast<int>(values.size());
    PGconn* const handle = handle_.get();
    question.preparing = false;
    if (unprepared_) {
      return PQsendQueryParams(handle, question.sql.c_str(), count, nullptr, values.data(), nullptr,
                               nullptr, 0) == 1 &&
             PQpipelineSync(handle) == 1;
    }
    auto [found, fresh] = prepared_.try_emplace(question.sql);
    Statement& statement = found->second;
    if (fresh) {
      statement.name = "marquee_" + std::to_string(++names_);
      if (PQsendPrepare(handle, statement.name.c_str(), question.sql.c_str(), 0, nullptr) != 1)
        return false;
    }
    question.preparing = fresh;
    return PQsendQueryPrepared(handle, statement.name.c_str(), count, values.data(), nullptr,
                               nullptr, 0) == 1 &&
           PQpipelineSync(handle) == 1;
  }

  void flush() {
    if (!up_) return;
    const int left = PQflush(handle_.get());
    if (left < 0) return lose(one_line(PQerrorMessage(handle_.get())));
    if (left == 0 || writing_ == epoch_) return;
    writing_ = epoch_;
    descriptor_->async_wait(Descriptor::wait_write, guarded([this] {
                              writing_ = 0;
                              flush();
                            }));
  }

  void wait_read() {
    descriptor_->async_wait(Descriptor::wait_read, guarded([this] { on_readable(); }));
  }

  void on_readable() {
    if (PQconsumeInput(handle_.get()) != 1) return lose(one_line(PQerrorMessage(handle_.get())));
    const auto epoch = epoch_;
    read_notifications();
    if (epoch != epoch_ || closed_) return;
    read_results();
    if (epoch != epoch_ || closed_) return;
    if (PQstatus(handle_.get()) != CONNECTION_OK)
      return lose(one_line(PQerrorMessage(handle_.get())));
    flush();
    if (epoch == epoch_ && !closed_) wait_read();
  }

  void read_notifications() {
    const auto epoch = epoch_;
    while (epoch == epoch_ && !closed_) {
      PGnotify* const notify = PQnotifies(handle_.get());
      if (!notify) return;
      const std::string channel = notify->relname, payload = notify->extra;
      PQfreemem(notify);
      if (events_.notified) events_.notified(channel, payload);
    }
  }

  void read_results() {
    const auto epoch = epoch_;
    // Between two questions comes one null; several in a row mean that there is
    // nothing more at hand.
    for (int nulls = 0; nulls < 4 && epoch == epoch_ && !closed_ && !PQisBusy(handle_.get());) {
      Result result(PQgetResult(handle_.get()));
      if (!result) {
        if (sent_.empty()) return;
        ++nulls;
        continue;
      }
      nulls = 0;
      if (sent_.empty()) continue;
      Question& question = sent_.front();
      switch (PQresultStatus(result.get())) {
        case PGRES_TUPLES_OK:
          question.rows = std::move(result);
          break;
        case PGRES_COMMAND_OK:
          if (std::exchange(question.preparing, false)) {
            if (const auto it = prepared_.find(question.sql); it != prepared_.end())
              it->second.confirmed = true;
          } else if (!question.rows)
            question.rows = std::move(result);
          break;
        case PGRES_PIPELINE_SYNC:
          finish();
          break;
        case PGRES_PIPELINE_ABORTED:
          break;
        default:
          if (question.error.empty()) {
            question.error = one_line(PQresultErrorMessage(result.get()));
            if (question.error.empty()) question.error = "failed without a reason";
            const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            question.state = state ? state : "";
          }
      }
    }
  }

  void finish() {
    Question question = std::move(sent_.front());
    sent_.pop_front();
    if (question.error.empty()) {
      const PostgresRows rows(question.rows.get());
      return question.done(question.rows ? &rows : nullptr,
                           question.rows ? "" : shown_ + ": an answer without a result");
    }
    const auto statement = prepared_.find(question.sql);
    const bool confirmed = statement != prepared_.end() && statement->second.confirmed;
    if (question.preparing && statement != prepared_.end()) prepared_.erase(statement);
    if (is_unprepared(question.state) && (confirmed || question.state == "42P05") && !unprepared_) {
      unprepared_ = true;
      question.error.clear();
      question.rows.reset();
      waiting_.push_front(std::move(question));
      return send_waiting();
    }
    question.done(nullptr, shown_ + ": " + question.error);
  }

  void fail_all(const std::string& why) {
    std::deque<Question> open = std::move(sent_);
    for (Question& question : waiting_) open.push_back(std::move(question));
    sent_.clear();
    waiting_.clear();
    for (Question& question : open) question.done(nullptr, why);
  }

  void arm_question_timer() {
    if (armed_ || closed_) return;
    const auto& open = sent_.empty() ? waiting_ : sent_;
    if (open.empty()) return;
    armed_ = true;
    question_timer_.expires_at(open.front().deadline);
    question_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& ec) {
      const auto impl = self.lock();
      if (!impl || ec || impl->closed_) return;
      impl->armed_ = false;
      impl->check_deadlines();
    });
  }

  void check_deadlines() {
    const auto now = Clock::now();
    const std::string why = "no answer within " + std::to_string(options_.timeout.count()) + " ms";
    if (!sent_.empty() && sent_.front().deadline <= now) return lose(why);
    while (!waiting_.empty() && waiting_.front().deadline <= now) {
      Question late = std::move(waiting_.front());
      waiting_.pop_front();
      late.done(nullptr, shown_ + ": " + why);
    }
    arm_question_timer();
  }

  asio::io_context& io_;
  net::Resolver& resolver_;
  const Options options_;
  Events events_;
  asio::steady_timer pause_timer_;     // an attempt's end, or the pause between two
  asio::steady_timer question_timer_;  // of the oldest question
  const std::string shown_;
  base::Random random_ = base::Random::from_kernel();
  std::chrono::milliseconds pause_ = options_.first_pause;
  std::vector<Address> addresses_;
  std::size_t host_ = 0;  // being resolved
  std::size_t next_ = 0;  // address to try
  std::string last_error_;
  Handle handle_;
  std::unique_ptr<Descriptor> descriptor_;
  std::uint64_t epoch_ = 1;
  std::uint64_t writing_ = 0;                            // epoch in which a write is waited for
  std::unordered_map<std::string, Statement> prepared_;  // by their text
  std::uint64_t names_ = 0;
  bool unprepared_ = false;
  bool armed_ = false;
  bool closed_ = false;
  std::deque<Question> waiting_;
  std::deque<Question> sent_;
};

PostgresConnection::PostgresConnection(asio::io_context& io, net::Resolver& resolver,
                                       Options options, Events events)
    : impl_(std::make_shared<Impl>(io, resolver, std::move(options), std::move(events))) {}

PostgresConnection::~PostgresConnection() { impl_->close(); }

void PostgresConnection::start() { impl_->start(); }
void PostgresConnection::close() { impl_->close(); }
bool PostgresConnection::is_up() const { return impl_->up_; }
void PostgresConnection::ask(const std::string& sql,
                             std::vector<std::optional<std::string>> parameters, Done done) {
  impl_->ask(sql, std::move(parameters), std::move(done));
}
const std::string& PostgresConnection::trouble() const { return impl_->trouble_; }
std::uint64_t PostgresConnection::connects() const { return impl_->connects_; }

}  // namespace marquee::store
