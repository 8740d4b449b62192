#include "store/sqlite_directory.hpp"

#include "store/lookup_sql.hpp"
#include "store/record_row.hpp"
#include "store/tenant_sql.hpp"

namespace marquee::store {
namespace {

using routing::DirectoryAnswer;
using routing::RecordKind;
using Step = SqliteStatement::Step;

base::Failure unavailable(std::string sentence) {
  return {base::FailureSource::dependency, true, std::move(sentence)};
}

void bind_all(SqliteStatement& statement, const std::vector<std::optional<std::string>>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::optional<std::string_view> value;
    if (values[i]) value = *values[i];
    statement.bind(static_cast<int>(i) + 1, value);
  }
}

std::optional<RecordKind> after(RecordKind kind) {
  if (kind == RecordKind::redirect) return std::nullopt;
  return static_cast<RecordKind>(static_cast<int>(kind) + 1);
}

}  // namespace

struct SqliteDirectory::Reader {
  std::unique_ptr<SqliteDatabase> database;
  std::uint64_t epoch = 0;  // of the file that is open
};

SqliteDirectory::SqliteDirectory(Options options, AdapterStatus& status)
    : options_(std::move(options)), status_(status) {
  threads_.emplace_back([this] { follow(); });
  for (std::size_t i = 0; i < options_.readers; ++i) threads_.emplace_back([this] { read(); });
}

SqliteDirectory::~SqliteDirectory() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  wake_readers_.notify_all();
  wake_follower_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void SqliteDirectory::ask(Answer answer) {
  std::unique_lock hold(mutex_);
  if (stopping_ || questions_.size() >= kMostQuestions) {
    const std::string why = stopping_ ? " is being closed" : " has too many questions waiting";
    hold.unlock();
    status_.failures.fetch_add(1, std::memory_order_relaxed);
    answer(nullptr, description() + why);
    return;
  }
  questions_.push_back({Clock::now() + options_.timeout, std::move(answer)});
  hold.unlock();
  wake_readers_.notify_one();
}

void SqliteDirectory::read() {
  Reader reader;
  for (;;) {
    Question question;
    {
      std::unique_lock hold(mutex_);
      // Before the file was first opened, questions wait for it.
      wake_readers_.wait(hold, [this] { return stopping_ || !questions_.empty(); });
      if (questions_.empty()) return;
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    if (!serve(question, reader)) status_.failures.fetch_add(1, std::memory_order_relaxed);
  }
}

bool SqliteDirectory::serve(Question& question, Reader& reader) {
  std::string why;
  {
    std::unique_lock hold(mutex_);
    wake_readers_.wait_until(hold, question.deadline,
                             [this] { return stopping_ || usable_ || !trouble_.empty(); });
    if (stopping_)
      why = description() + " is being closed";
    else if (!usable_)
      why = trouble_.empty() ? description() + " is not opened yet" : trouble_;
    else if (Clock::now() >= question.deadline)
      why = description() + " did not answer in time";
    if (reader.epoch != epoch_) reader.database.reset();
    reader.epoch = epoch_;
  }
  if (why.empty() && !reader.database) {
    reader.database =
        SqliteDatabase::open(options_.path, SqliteDatabase::Mode::read, options_.timeout / 2, why);
  }
  if (!why.empty()) {
    question.answer(nullptr, why);
    return false;
  }
  reader.database->set_deadline(question.deadline);
  const std::string fault = question.answer(reader.database.get(), {});
  // A damaged file may be whole again when it is opened anew; a lock passes.
  if (!fault.empty() && !reader.database->busy()) reader.database.reset();
  return fault.empty();
}

std::optional<routing::DomainRecord> SqliteDirectory::record_of(const SqliteStatement& statement) {
  RecordRow row;
  for (std::size_t i = 0; i < kColumns; ++i) row.values[i] = statement.column(static_cast<int>(i));
  auto record = make_record(row, options_.sites_base, options_.key ? &*options_.key : nullptr);
  if (record)
    status_.tell_faults(*record);
  else
    status_.tell_unreadable(row.text(Column::name));
  return record;
}

void SqliteDirectory::find(const routing::LookupKeys& keys, Found done) {
  ask([this, keys, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    static const std::string sql = find_sql(kSqlite);
    DirectoryAnswer answer;
    std::string fault = why;
    SqliteStatement* statement = database ? database->prepare(sql) : nullptr;
    if (statement) {
      bind_all(*statement, find_parameters(keys));
      Step step;
      while ((step = statement->step()) == Step::row) {
        answer.generation = static_cast<std::uint64_t>(statement->integer(kColumns));
        if (auto record = record_of(*statement))
          answer.rows.push_back(std::make_shared<routing::DomainRecord>(std::move(*record)));
      }
      if (step == Step::failed) fault = database->error();
      statement->reset();
    } else if (database) {
      fault = database->error();
    }
    answer.lineage = lineage();
    if (!fault.empty()) {
      answer.rows.clear();
      answer.failure = unavailable(fault);
    } else {
      answer.status =
          answer.rows.empty() ? DirectoryAnswer::Status::absent : DirectoryAnswer::Status::found;
    }
    done(std::move(answer));
    return fault;
  });
}

void SqliteDirectory::list(const routing::ListQuery& query, Listed done) {
  const auto position = parse_position(query.cursor);
  if (!position) {
    routing::ListPage page;
    page.failure = {base::FailureSource::client, false, "the cursor is not one of this list"};
    return done(std::move(page));
  }
  ask([this, query, position = *position, done = std::move(done)](SqliteDatabase* database,
                                                                  const std::string& why) mutable {
    routing::ListPage page;
    std::string fault = why;
    const std::size_t limit = std::clamp(query.limit, 1u, 1000u);
    // One row more than asked for says whether there is another page.
    for (bool more = database != nullptr; more && fault.empty();) {
      if (!query.kind || *query.kind == position.kind) {
        const auto room = static_cast<std::uint32_t>(limit - page.rows.size() + 1);
        SqliteStatement* statement = database->prepare(list_sql(kSqlite, position.kind, query));
        if (!statement) {
          fault = database->error();
          break;
        }
        bind_all(*statement, list_parameters(query, position, room));
        Step step;
        std::uint32_t seen = 0;
        while ((step = statement->step()) == Step::row && page.next.empty()) {
          if (++seen == room) {
            page.next = show_position(position);
            break;
          }
          position.after = statement->column(static_cast<int>(Column::row)).value_or("");
          if (auto record = record_of(*statement)) page.rows.push_back(std::move(*record));
        }
        if (step == Step::failed) fault = database->error();
        statement->reset();
        if (!page.next.empty()) break;
      }
      const auto next = after(position.kind);
      more = next.has_value();
      if (more) position = {*next, {}};
    }
    page.ok = fault.empty();
    if (!page.ok) page = {false, {}, {}, unavailable(fault)};
    done(std::move(page));
    return fault;
  });
}

void SqliteDirectory::list_names(const std::string& cursor, std::uint32_t limit, Named done) {
  const auto position = parse_position(cursor);
  if (!position) {
    routing::NamePage page;
    page.failure = {base::FailureSource::client, false, "the cursor is not one of this list"};
    return done(std::move(page));
  }
  ask([position = *position, limit, done = std::move(done)](SqliteDatabase* database,
                                                            const std::string& why) {
    routing::NamePage page;
    std::string fault = why;
    SqliteStatement* statement =
        database ? database->prepare(names_sql(kSqlite, position.kind)) : nullptr;
    if (statement) {
      bind_all(*statement, {position.after, std::to_string(limit)});
      Position last = position;
      std::uint32_t rows = 0;
      Step step;
      while ((step = statement->step()) == Step::row) {
        ++rows;
        last.after = statement->column(0).value_or("");
        page.generation = static_cast<std::uint64_t>(statement->integer(1));
        page.names.push_back(position.kind == RecordKind::site_subdomain ? last.after + "."
                                                                         : last.after);
      }
      if (step == Step::failed) fault = database->error();
      statement->reset();
      if (rows == limit) {
        page.next = show_position(last);
      } else if (const auto next = after(position.kind)) {
        page.next = show_position({*next, {}});
      }
    } else if (database) {
      fault = database->error();
    }
    page.ok = fault.empty();
    if (!page.ok) page.failure = unavailable(fault);
    done(std::move(page));
    return fault;
  });
}

void SqliteDirectory::load_certificate(RecordKind kind, const std::string& row, Certificate done) {
  using Status = routing::StoredCertificate::Status;
  if (kind != RecordKind::module_domain) {
    routing::StoredCertificate none;
    none.status = Status::absent;
    none.failure.sentence = "rows of this kind have no certificate";
    return done(std::move(none));
  }
  ask([this, row, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    static const std::string sql = certificate_sql(kSqlite);
    routing::StoredCertificate out;
    std::string fault = why;
    SqliteStatement* statement = database ? database->prepare(sql) : nullptr;
    if (statement) {
      statement->bind(1, row);
      const Step step = statement->step();
      if (step == Step::row) {
        out = make_certificate(statement->column(0), statement->column(1),
                               options_.key ? &*options_.key : nullptr);
      } else if (step == Step::done) {
        out.status = Status::absent;
        out.failure.sentence = "the domain is gone";
      } else {
        fault = database->error();
      }
      statement->reset();
    } else if (database) {
      fault = database->error();
    }
    if (!fault.empty()) out.failure = unavailable(fault);
    done(std::move(out));
    return fault;
  });
}

void SqliteDirectory::ask(const identity::TenantKey& key, identity::TenantDirectory::Done done) {
  if (!may_have_rows(false, key)) return done({true, {}, {}});
  ask([key, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    identity::TenantAnswer answer;
    std::string fault = why;
    SqliteStatement* statement =
        database ? database->prepare(tenant_sql(kSqlite, key.question)) : nullptr;
    if (statement) {
      bind_all(*statement, tenant_parameters(key));
      Step step;
      while ((step = statement->step()) == Step::row) {
        TenantRow row;
        for (int i = 0; i < statement->columns(); ++i) row.push_back(statement->column(i));
        add_tenant_row(key.question, row, answer.facts);
      }
      if (step == Step::failed) fault = database->error();
      statement->reset();
    } else if (database) {
      fault = database->error();
    }
    answer.ok = fault.empty();
    if (!answer.ok) answer = {false, {}, unavailable(fault)};
    done(std::move(answer));
    return fault;
  });
}

void SqliteDirectory::generation(Generation done) {
  ask([this, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    const auto value =
        database ? database->value("SELECT coalesce(max(generation), 0) FROM marquee_changes")
                 : std::nullopt;
    if (!value) {
      done(std::nullopt, lineage());
      return database ? database->error() : why;
    }
    done(std::stoull(*value), lineage());
    return std::string();
  });
}

}  // namespace marquee::store
