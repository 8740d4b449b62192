#include "store/postgres/directory_core.hpp"

#include <charconv>

#include "store/postgres/notifications.hpp"
#include "store/record_row.hpp"

namespace marquee::store::postgres {
namespace {

using boost::system::error_code;

constexpr std::string_view kFind = "marquee_find";
constexpr std::string_view kCertificate = "marquee_certificate";

// What the server itself does within a look-up: it ends what hangs on a lock before
// we do, plans once, and takes the indexes, whatever its statistics say.
std::string session_settings(std::chrono::milliseconds timeout, bool lookups) {
  std::string sql = "SELECT set_config('statement_timeout', '" + std::to_string(timeout.count()) +
                    "', false), set_config('default_transaction_read_only', 'on', false), "
                    "set_config('jit', 'off', false)";
  if (lookups)
    sql +=
        ", set_config('plan_cache_mode', 'force_generic_plan', false), "
        "set_config('enable_hashjoin', 'off', false), "
        "set_config('enable_mergejoin', 'off', false)";
  return sql;
}

// Another schema, role or set of prepared statements than when it was prepared.
bool is_outdated(const Reply& reply) {
  return reply.status == Reply::Status::refused &&
         (reply.sqlstate == "42P01" || reply.sqlstate == "42703" || reply.sqlstate == "3F000" ||
          reply.sqlstate == "0A000");
}

net::ResolverSettings resolver_settings(const PostgresOptions& options) {
  net::ResolverSettings out;
  out.servers = options.name_servers;
  return out;
}

Connection::Options connection_options(const PostgresOptions& options) {
  Connection::Options out;
  out.connect_limit =
      std::max<std::chrono::milliseconds>(options.timeout, std::chrono::milliseconds(1000));
  return out;
}

}  // namespace

DirectoryCore::DirectoryCore(boost::asio::io_context& io, Conninfo info, PostgresOptions options,
                             AdapterStatus& status)
    : io_(io),
      options_(std::move(options)),
      status_(status),
      description_(info.description),
      resolver_(io, resolver_settings(options_)),
      lookups_(
          io, resolver_, info, connection_options(options_),
          {[this] { prepare_lookups(); },
           [this](const std::string& sentence) { status_.say(base::LogLevel::error, sentence); },
           {}}),
      background_(
          io, resolver_, std::move(info), connection_options(options_),
          {[this] { prepare_background(); },
           [this](const std::string& sentence) {
             status_.say(base::LogLevel::error, sentence);
             feed_.down();
           },
           [this](std::string_view, std::string_view payload) { feed_.notified(payload); }}),
      feed_(
          io, background_,
          {options_.poll_interval, options_.timeout, options_.sites_base, description_}, status_,
          [this] { lookups_.hurry(); },
          [this](const std::string& payload) {
            if (!lookups_.is_ready()) return false;
            Question question;
            question.text = "SELECT pg_notify($1, $2)";
            question.parameters = {std::string(kChannel), payload};
            question.limit = options_.timeout;
            question.done = [](const Reply&) {};
            lookups_.ask(std::move(question));
            return true;
          }),
      recheck_timer_(io) {}

void DirectoryCore::start() {
  lookups_.start();
  background_.start();
  recheck();
}

void DirectoryCore::stop() {
  inbox_.close();
  working_.close({base::FailureSource::dependency, true, description_ + " is being closed"});
  recheck_timer_.cancel();
  feed_.subscribe(nullptr);
  lookups_.stop();
  background_.stop();
}

void DirectoryCore::submit(Task task) { inbox_.submit(weak_from_this(), std::move(task)); }

void DirectoryCore::elsewhere(std::function<void()> job) {
  if (options_.work)
    options_.work(std::move(job));
  else
    job();
}

Dialect DirectoryCore::dialect() const {
  return {true, "public.", facts_.proofs ? "marquee.proofs" : "", facts_.feed ? kGeneration : ""};
}

void DirectoryCore::prepare_lookups() {
  read_facts(lookups_, false, options_.timeout,
             [this](const DatabaseFacts& facts, const std::string& why) {
               if (!why.empty()) return lookups_.give_up(why);
               prepare_lookups_with(facts);
             });
}

void DirectoryCore::prepare_lookups_with(const DatabaseFacts& facts) {
  facts_ = facts;
  lineage_ = facts.identity;
  unnamed_ = false;
  find_sql_ = find_sql(dialect());
  certificate_sql_ = certificate_sql(dialect());
  const auto step = [this](Question::Kind kind, std::string_view name, std::string text) {
    Question question;
    question.kind = kind;
    question.name = name;
    question.text = std::move(text);
    question.limit = options_.timeout;
    return question;
  };
  std::vector<Question> steps;
  steps.push_back(
      step(Question::Kind::text, "", session_settings(options_.timeout * 9 / 10, true)));
  steps.push_back(step(Question::Kind::prepare, kFind, find_sql_));
  steps.push_back(step(Question::Kind::prepare, kCertificate, certificate_sql_));
  // Whether the role may read all that a look-up reads shows only when it is run.
  steps.push_back(step(Question::Kind::text, "", find_sql_));
  steps.back().parameters = {"marquee.invalid", std::nullopt, std::nullopt, std::nullopt};
  steps.push_back(step(Question::Kind::text, "", certificate_sql_));
  steps.back().parameters = {std::string("00000000-0000-0000-0000-000000000000")};
  if (facts.feed)
    steps.push_back(
        step(Question::Kind::text, "", "SELECT value FROM marquee.meta WHERE key = 'lineage'"));
  next_step(std::move(steps));
}

void DirectoryCore::next_step(std::vector<Question> steps) {
  Question question = std::move(steps.front());
  steps.erase(steps.begin());
  question.done = [this, rest = std::move(steps)](const Reply& reply) mutable {
    if (!reply) return lookups_.give_up(reply.sentence);
    if (!rest.empty()) return next_step(std::move(rest));
    if (facts_.feed) {
      std::uint64_t own = 0;
      const auto text = reply.result.text(0, 0);
      std::from_chars(text.data(), text.data() + text.size(), own);
      lineage_ = facts_.identity ^ own;
    }
    status_.connects.fetch_add(1, std::memory_order_relaxed);
    lookups_.ready();
    background_.hurry();
    if (background_.is_ready()) feed_.say();
  };
  lookups_.ask_now(std::move(question));
}

void DirectoryCore::prepare_background() {
  read_facts(background_, false, options_.timeout,
             [this](const DatabaseFacts& facts, const std::string& why) {
               if (!why.empty()) return background_.give_up(why);
               if (!lookups_.is_ready()) facts_ = facts;
               Question question;
               question.text = session_settings(kPage, false);
               question.limit = options_.timeout;
               question.done = [this, facts](const Reply& reply) {
                 if (!reply) return background_.give_up(reply.sentence);
                 feed_.prepare(facts);
               };
               background_.ask_now(std::move(question));
             });
}

// `marquee db migrate` may come while Marquee runs.
void DirectoryCore::recheck() {
  recheck_timer_.expires_after(options_.recheck);
  recheck_timer_.async_wait([this, weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    recheck();
    if (!background_.is_ready() || !lookups_.is_ready()) return;
    read_facts(background_, true, options_.timeout,
               [this](const DatabaseFacts& facts, const std::string& why) {
                 if (!why.empty() || facts == facts_) return;
                 background_.give_up("its schema or its role changed");
                 lookups_.give_up("its schema or its role changed");
               });
  });
}

void DirectoryCore::ask_lookup(std::string_view name, const std::string& text,
                               std::vector<std::optional<std::string>> parameters,
                               std::function<void(const Reply&)> done) {
  Question question;
  question.kind = unnamed_ ? Question::Kind::text : Question::Kind::prepared;
  question.name = name;
  question.text = unnamed_ ? text : "";
  question.parameters = parameters;
  question.limit = options_.timeout;
  question.done = [this, weak = weak_from_this(), name, &text, parameters = std::move(parameters),
                   done = std::move(done), named = !unnamed_](const Reply& reply) mutable {
    const auto self = weak.lock();
    // A pooler gave us another server connection, where nothing was prepared.
    if (self && named && reply.sqlstate == "26000") {
      unnamed_ = true;
      return ask_lookup(name, text, std::move(parameters), std::move(done));
    }
    if (!reply) status_.failures.fetch_add(1, std::memory_order_relaxed);
    done(reply);
    if (self && is_outdated(reply)) lookups_.give_up(reply.sentence);
  };
  lookups_.ask(std::move(question));
}

void DirectoryCore::read_rows(const Result& result, std::size_t rows,
                              std::function<void(Rows)> done) {
  // What is read before it is told, and perhaps never told.
  struct Read {
    Rows rows;
    std::vector<std::string> unreadable;
    base::Failure failure;
  };
  const auto work = working_.open<Read>([this, done = std::move(done)](Read read) {
    for (const routing::DomainRecord& record : read.rows.records) status_.tell_faults(record);
    for (const std::string& name : read.unreadable) status_.tell_unreadable(name);
    read.rows.failure = std::move(read.failure);
    done(std::move(read.rows));
  });
  const auto row_at = [](const Result& from, std::size_t row) {
    RecordRow out;
    for (std::size_t i = 0; i < kColumns; ++i) out.values[i] = from.value(row, i);
    return out;
  };
  bool secret = false;
  for (std::size_t i = 0; i < rows && !secret; ++i) secret = has_key_to_open(row_at(result, i));
  auto job = [result, rows, row_at, work, sites_base = options_.sites_base, key = options_.key] {
    Read read;
    for (std::size_t i = 0; i < rows; ++i) {
      const RecordRow row = row_at(result, i);
      if (auto record = make_record(row, sites_base, key ? &*key : nullptr))
        read.rows.records.push_back(std::move(*record));
      else
        read.unreadable.emplace_back(row.text(Column::name));
    }
    work->answer(std::move(read));
  };
  if (secret)
    elsewhere(std::move(job));
  else
    job();
}

base::Failure DirectoryCore::failure_of(const Reply& reply) {
  return {base::FailureSource::dependency, true,
          reply.sentence.empty() ? description_ + ": no answer" : reply.sentence};
}

}  // namespace marquee::store::postgres
