#include "store/postgres/postgres_call_book.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "net/resolver.hpp"
#include "store/call_json.hpp"
#include "store/postgres/connection.hpp"

namespace marquee::store {
namespace {

using postgres::Connection;
using postgres::Conninfo;
using postgres::Question;
using postgres::Reply;

// The server's own bounds end a statement before ours ends the connection.
constexpr const char* kSession =
    "SELECT set_config('statement_timeout', '8000', false), set_config('lock_timeout', '3000', "
    "false), set_config('jit', 'off', false)";
constexpr std::chrono::milliseconds kLimit{10'000};

Connection::Options options_of(std::chrono::milliseconds timeout) {
  Connection::Options out;
  out.connect_limit = std::max(timeout, std::chrono::milliseconds(1000));
  out.backoff.most = std::chrono::milliseconds(5000);
  return out;
}

class PostgresCallBook final : public identity::CallBook {
 public:
  PostgresCallBook(boost::asio::io_context& control, Conninfo info,
                   std::chrono::milliseconds timeout)
      : timeout_(timeout),
        description_(info.description),
        resolver_(control, {}),
        connection_(control, resolver_, std::move(info), options_of(timeout),
                    {[this] { prepare(); }, [](const std::string&) {}, {}}) {}
  ~PostgresCallBook() override {
    alive_.reset();
    connection_.stop();
  }

  void write(const identity::CallBatch& batch, std::function<void(Written)> done) override {
    if (!std::exchange(started_, true)) connection_.start();
    Question question;
    question.text = "SELECT marquee.record_calls($1::json)";
    question.parameters = {calls_json(batch)};
    question.limit = kLimit;
    question.done = [this, done = std::move(done), alive = std::weak_ptr(alive_)](Reply reply) {
      if (alive.lock()) done(written(reply));
    };
    connection_.ask(std::move(question));
  }

  std::string description() const override { return description_; }

 private:
  void prepare() {
    Question question;
    question.text = kSession;
    question.limit = timeout_;
    question.done = [this](const Reply& reply) {
      if (!reply) return connection_.give_up(reply.sentence);
      connection_.ready();
    };
    connection_.ask_now(std::move(question));
  }

  Written written(const Reply& reply) const {
    Written out;
    if (reply) {
      const std::string_view text = reply.result.text(0, 0);
      std::from_chars(text.data(), text.data() + text.size(), out.left_out);
      out.status = Written::Status::written;
      return out;
    }
    const std::string& state = reply.sqlstate;
    // The batch itself: its data, or its size.
    const bool of_batch =
        state.starts_with("22") || state.starts_with("23") || state.starts_with("54");
    if (reply.status == Reply::Status::refused && of_batch) out.status = Written::Status::refused;
    out.sentence = reply.sentence.empty() ? description_ + ": no answer" : reply.sentence;
    // No such schema, function or right.
    if (state == "3F000" || state == "42883" || state == "42501")
      out.sentence += "; run  marquee db migrate";
    return out;
  }

  const std::chrono::milliseconds timeout_;
  const std::string description_;
  net::Resolver resolver_;
  Connection connection_;
  bool started_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<identity::CallBook> make_postgres_call_book(boost::asio::io_context& control,
                                                            const std::string& url,
                                                            std::chrono::milliseconds timeout) {
  std::string why;
  auto info = postgres::parse_conninfo(url, why);
  if (!info) return nullptr;
  return std::make_unique<PostgresCallBook>(control, std::move(*info), timeout);
}

}  // namespace marquee::store
