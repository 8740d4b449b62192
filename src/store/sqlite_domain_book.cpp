#include "store/sqlite_domain_book.hpp"

#include "store/domain_sql.hpp"
#include "store/record_row.hpp"

namespace marquee::store {
namespace {

using admin::BookAnswer;
using admin::BookRead;
using admin::BookResult;
using Step = SqliteStatement::Step;

BookAnswer unavailable(std::string sentence) {
  if (sentence.find("no such table") != std::string::npos)
    sentence += "; the directory makes its tables when it starts: try again in a moment";
  return {BookResult::unavailable, {}, {}, std::move(sentence)};
}

void bind_all(SqliteStatement& statement, const std::vector<std::optional<std::string>>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::optional<std::string_view> value;
    if (values[i]) value = *values[i];
    statement.bind(static_cast<int>(i) + 1, value);
  }
}

std::optional<std::string> copy(std::optional<std::string_view> value) {
  if (!value) return std::nullopt;
  return std::string(*value);
}

// Empty, or what went wrong.
std::string run(SqliteDatabase& database, const Statement& what) {
  SqliteStatement* const statement = database.prepare(what.sql);
  if (!statement) return database.error();
  bind_all(*statement, what.parameters);
  const std::string error = statement->step() == Step::failed ? database.error() : "";
  statement->reset();
  return error;
}

std::string facts_of(SqliteDatabase& database, const admin::DomainDraft& draft, DraftFacts& out) {
  static const std::string sql = facts_sql(kSqlite);
  SqliteStatement* const statement = database.prepare(sql);
  if (!statement) return database.error();
  bind_all(*statement, facts_parameters(draft));
  Step step;
  while ((step = statement->step()) == Step::row) {
    DraftFacts row;
    for (std::size_t i = 0; i < kFacts; ++i)
      row.values[i] = copy(statement->column(static_cast<int>(i)));
    keep_fact(out, std::move(row), draft.host);
  }
  const std::string error = step == Step::failed ? database.error() : "";
  statement->reset();
  return error;
}

// `then` goes with it.
BookAnswer changed_one(SqliteDatabase& database, const Statement& what,
                       const std::optional<Statement>& then) {
  const auto end = [&](BookAnswer answer) {
    database.run("ROLLBACK");
    return answer;
  };
  if (const std::string error = database.run("BEGIN IMMEDIATE"); !error.empty())
    return unavailable(error);
  if (const std::string error = run(database, what); !error.empty()) {
    if (error.find("FOREIGN KEY") != std::string::npos)
      return end({BookResult::invalid,
                  {},
                  "installation",
                  "There is no such installation; name one that exists."});
    return end(unavailable(error));
  }
  if (database.value("SELECT changes()") != "1")
    return end({BookResult::changed, {}, {}, "It has changed since; GET it again."});
  if (then)
    if (const std::string error = run(database, *then); !error.empty())
      return end(unavailable(error));
  if (const std::string error = database.run("COMMIT"); !error.empty())
    return end(unavailable(error));
  return {BookResult::done, {}, {}, {}};
}

}  // namespace

SqliteDomainBook::SqliteDomainBook(Options options)
    : options_(std::move(options)), thread_([this] { work(); }) {}

SqliteDomainBook::~SqliteDomainBook() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void SqliteDomainBook::submit(Task task) {
  {
    const std::lock_guard hold(mutex_);
    if (!stopping_ && tasks_.size() < kMostTasks) {
      tasks_.push_back(std::move(task));
      wake_.notify_all();
      return;
    }
  }
  task(nullptr, "sqlite " + options_.path + ": too many changes are waiting; try again");
}

void SqliteDomainBook::work() {
  for (;;) {
    Task task;
    bool stopping = false;
    {
      std::unique_lock hold(mutex_);
      wake_.wait(hold, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
      stopping = stopping_;
    }
    std::string why;
    if (stopping) {
      task(nullptr, "sqlite " + options_.path + " is being closed");
      continue;
    }
    // Each time anew: the file may be another one by now.
    database_ =
        SqliteDatabase::open(options_.path, SqliteDatabase::Mode::write, options_.timeout, why);
    if (database_) database_->set_deadline(std::chrono::steady_clock::now() + kLimit);
    task(database_.get(), why);
    database_.reset();
  }
}

void SqliteDomainBook::read(const std::string& id, std::function<void(BookRead)> done) {
  submit([this, id, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    static const std::string sql = read_sql(kSqlite);
    SqliteStatement* const statement = database ? database->prepare(sql) : nullptr;
    if (!statement) return done({unavailable(database ? database->error() : why), std::nullopt});
    statement->bind(1, id);
    const Step step = statement->step();
    if (step == Step::failed) return done({unavailable(database->error()), std::nullopt});
    RecordRow row;
    for (std::size_t i = 0; step == Step::row && i < kColumns; ++i)
      row.values[i] = statement->column(static_cast<int>(i));
    auto record = step == Step::row ? make_record(row, {}, options_.key ? &*options_.key : nullptr)
                                    : std::nullopt;
    if (!record)
      return done({{BookResult::gone, {}, {}, "There is no domain with this id."}, std::nullopt});
    admin::StoredDomain out(*std::move(record));
    out.installation = copy(row[Column::installation]);
    out.status = copy(row[Column::status]);
    out.config = copy(row[Column::config]);
    out.white_label = copy(row[Column::white_label]);
    statement->reset();
    done({{BookResult::done, {}, {}, {}}, std::move(out)});
  });
}

std::string SqliteDomainBook::new_id() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  char out[base::kUuidSize];
  base::format_uuid7(static_cast<std::uint64_t>(now.count()), random_.next(), random_.next(), out);
  return {out, sizeof out};
}

void SqliteDomainBook::create(std::vector<admin::DomainDraft> drafts,
                              std::function<void(std::vector<BookAnswer>)> done) {
  submit([this, drafts = std::move(drafts), done = std::move(done)](SqliteDatabase* database,
                                                                    const std::string& why) {
    if (!database) return done(std::vector<BookAnswer>(drafts.size(), unavailable(why)));
    done(create_in(*database, drafts));
  });
}

std::vector<BookAnswer> SqliteDomainBook::create_in(SqliteDatabase& database,
                                                    const std::vector<admin::DomainDraft>& drafts) {
  const auto all_failed = [&](const std::string& error) {
    database.run("ROLLBACK");
    return std::vector<BookAnswer>(drafts.size(), unavailable(error));
  };
  if (const std::string error = database.run("BEGIN IMMEDIATE"); !error.empty())
    return std::vector<BookAnswer>(drafts.size(), unavailable(error));
  BatchPlan plan([this] { return new_id(); });
  for (const admin::DomainDraft& draft : drafts) {
    DraftFacts facts;
    if (const std::string error = facts_of(database, draft, facts); !error.empty())
      return all_failed(error);
    plan.add(draft, facts);
  }
  // Under the lock nothing can come between; what fails now is the file's own.
  for (const PlannedDomain& planned : plan.domains())
    for (const Statement& statement : insertions(planned))
      if (const std::string error = run(database, statement); !error.empty())
        return all_failed(error);
  if (const std::string error = database.run("COMMIT"); !error.empty()) return all_failed(error);
  return std::move(plan.answers());
}

void SqliteDomainBook::edit(const admin::StoredDomain& seen, const admin::DomainEdit& edit,
                            std::function<void(BookAnswer)> done) {
  std::optional<Statement> then;
  if (edit.vouched) then = vouch_statement(seen.record.row, *edit.vouched);
  submit([what = edit_statement(kSqlite, seen, edit), then, done = std::move(done)](
             SqliteDatabase* database, const std::string& why) {
    done(database ? changed_one(*database, what, then) : unavailable(why));
  });
}

void SqliteDomainBook::remove(const admin::StoredDomain& seen,
                              std::function<void(BookAnswer)> done) {
  submit([what = remove_statement(kSqlite, seen), done = std::move(done)](SqliteDatabase* database,
                                                                          const std::string& why) {
    done(database ? changed_one(*database, what, std::nullopt) : unavailable(why));
  });
}

void SqliteDomainBook::announce_credential(const std::string& value,
                                           std::function<void(BookAnswer)> done) {
  submit([value, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    const std::string error = database ? run(*database, announce_statement(kSqlite, value)) : why;
    done(error.empty() ? BookAnswer{BookResult::done, {}, {}, {}} : unavailable(error));
  });
}

void SqliteDomainBook::analyze(std::function<void(BookAnswer)> done) {
  submit([done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    if (!database) return done(unavailable(why));
    for (const std::string& statement : analyze_statements(kSqlite))
      if (const std::string error = database->run(statement); !error.empty())
        return done(unavailable(error));
    done({BookResult::done, {}, {}, {}});
  });
}

}  // namespace marquee::store
