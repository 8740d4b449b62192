#include "store/sqlite_call_book.hpp"

#include <utility>

#include "store/call_json.hpp"
#include "store/sqlite_database.hpp"

namespace marquee::store {
namespace {

using Step = SqliteStatement::Step;

// $1 is the whole batch. What a row refers to may be gone meanwhile.
constexpr const char* kLogs = R"sql(
INSERT INTO module_api_logs (module_id, site_id, route_id, method, path, auth_type, api_key_id,
  user_id, status_code, response_time_ms, error_message, ip_address, user_agent, created_at)
SELECT value ->> 'module', value ->> 'site', value ->> 'route', value ->> 'method',
  value ->> 'path', value ->> 'auth', value ->> 'key', value ->> 'user', value ->> 'status',
  value ->> 'ms', value ->> 'error', value ->> 'client', value ->> 'agent',
  strftime('%Y-%m-%dT%H:%M:%fZ', (value ->> 'at') / 1000.0, 'unixepoch')
FROM json_each($1, '$.calls') c
WHERE value ->> 'auth' <> 'consumer' AND EXISTS (SELECT 1 FROM sites s WHERE s.id = c.value ->> 'site')
)sql";
constexpr const char* kRequests = R"sql(
INSERT INTO module_api_requests (consumer_id, site_module_installation_id, method, path,
  status_code, response_time_ms, error_message, ip_address, user_agent, created_at)
SELECT value ->> 'consumer', value ->> 'installation', value ->> 'method', value ->> 'path',
  value ->> 'status', value ->> 'ms', value ->> 'error', value ->> 'client', value ->> 'agent',
  strftime('%Y-%m-%dT%H:%M:%fZ', (value ->> 'at') / 1000.0, 'unixepoch')
FROM json_each($1, '$.calls') c
WHERE value ->> 'auth' = 'consumer'
  AND EXISTS (SELECT 1 FROM module_api_consumers k WHERE k.id = c.value ->> 'consumer')
)sql";
constexpr const char* kKeys = R"sql(
UPDATE module_api_keys SET request_count = coalesce(request_count, 0) + (u.value ->> 'calls'),
  last_used_at = max(coalesce(last_used_at, ''),
    strftime('%Y-%m-%dT%H:%M:%fZ', (u.value ->> 'last') / 1000.0, 'unixepoch'))
FROM json_each($1, '$.keys') u WHERE module_api_keys.id = u.value ->> 'id'
)sql";
constexpr const char* kConsumers = R"sql(
UPDATE module_api_consumers
SET total_requests = coalesce(total_requests, 0) + (u.value ->> 'calls'),
  last_request_at = max(coalesce(last_request_at, ''),
    strftime('%Y-%m-%dT%H:%M:%fZ', (u.value ->> 'last') / 1000.0, 'unixepoch'))
FROM json_each($1, '$.consumers') u WHERE module_api_consumers.id = u.value ->> 'id'
)sql";
// Some at a time, so that no batch is long for it.
constexpr const char* kOldLogs = R"sql(
DELETE FROM module_api_logs WHERE id IN (SELECT id FROM module_api_logs
  WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-30 days') ORDER BY created_at LIMIT 500)
)sql";
constexpr const char* kOldRequests = R"sql(
DELETE FROM module_api_requests WHERE id IN (SELECT id FROM module_api_requests
  WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-30 days') ORDER BY created_at LIMIT 500)
)sql";

// Rows that it wrote; -1: it could not.
int carry_out(SqliteDatabase& database, const char* sql, const std::string& batch) {
  SqliteStatement* const statement = database.prepare(sql);
  if (!statement) return -1;
  statement->bind(1, batch);
  const bool failed = statement->step() == Step::failed;
  if (failed) return -1;
  statement->reset();
  const auto changes = database.value("SELECT changes()");
  return changes ? std::stoi(*changes) : -1;
}

}  // namespace

SqliteCallBook::SqliteCallBook(Options options)
    : options_(std::move(options)), thread_([this] { work(); }) {}

SqliteCallBook::~SqliteCallBook() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (task_) task_->done({Written::Status::unavailable, 0, description() + " is being closed"});
}

void SqliteCallBook::write(const identity::CallBatch& batch, std::function<void(Written)> done) {
  Task task{calls_json(batch), batch.calls.size(), std::move(done)};
  {
    const std::lock_guard hold(mutex_);
    task_ = std::move(task);
  }
  wake_.notify_all();
}

void SqliteCallBook::work() {
  for (;;) {
    std::optional<Task> task;
    {
      std::unique_lock hold(mutex_);
      wake_.wait(hold, [this] { return stopping_ || task_; });
      if (stopping_) return;
      task = std::exchange(task_, std::nullopt);
    }
    task->done(carry_out(*task));
  }
}

SqliteCallBook::Written SqliteCallBook::carry_out(const Task& task) const {
  std::string why;
  // Each time anew: the file may be another one by now.
  const auto database =
      SqliteDatabase::open(options_.path, SqliteDatabase::Mode::write, options_.timeout, why);
  if (!database) return {Written::Status::unavailable, 0, why};
  database->set_deadline(std::chrono::steady_clock::now() + kLimit);
  if (why = database->run("BEGIN IMMEDIATE"); !why.empty())
    return {Written::Status::unavailable, 0, why};
  std::size_t rows = 0;
  for (const char* sql : {kLogs, kRequests, kKeys, kConsumers, kOldLogs, kOldRequests}) {
    const int written = store::carry_out(*database, sql, task.batch);
    if (written < 0) {
      why = database->error();
      database->run("ROLLBACK");
      return {Written::Status::unavailable, 0, why};
    }
    if (sql == kLogs || sql == kRequests) rows += static_cast<std::size_t>(written);
  }
  if (why = database->run("COMMIT"); !why.empty()) {
    database->run("ROLLBACK");
    return {Written::Status::unavailable, 0, why};
  }
  return {Written::Status::written, static_cast<std::uint32_t>(task.calls - rows), {}};
}

}  // namespace marquee::store
