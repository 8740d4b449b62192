// Stored credentials in the SQLite directory.
#include "identity/stored_proof.hpp"
#include "store/key_sql.hpp"
#include "store/sqlite_directory.hpp"

namespace marquee::store {
namespace {

using identity::KeyAnswer;
using identity::KeyFound;
using Step = SqliteStatement::Step;

// Empty, or what went wrong.
template <typename Record, typename Make>
std::string read_one(SqliteDatabase* database, const std::string& why, const std::string& sql,
                     const std::vector<std::string>& values, Make make, KeyAnswer<Record>& answer) {
  std::string fault = why;
  SqliteStatement* statement = database ? database->prepare(sql) : nullptr;
  if (statement) {
    for (std::size_t i = 0; i < values.size(); ++i)
      statement->bind(static_cast<int>(i) + 1, values[i]);
    const Step step = statement->step();
    if (step == Step::row) {
      KeyColumns row;
      for (int i = 0; i < statement->columns(); ++i) row.push_back(statement->column(i));
      answer.record = make(row);
    }
    if (step == Step::failed) fault = database->error();
    answer.status = step == Step::row ? KeyFound::found : KeyFound::absent;
    statement->reset();
  } else if (database) {
    fault = database->error();
  }
  if (!fault.empty()) {
    answer.status = KeyFound::unavailable;
    answer.failure = {base::FailureSource::dependency, true, fault};
  }
  return fault;
}

}  // namespace

void SqliteDirectory::find_api_key(const std::string& hash, ApiKeyFound done) {
  ask([hash, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    KeyAnswer<identity::ApiKeyRecord> answer;
    const std::string fault =
        read_one(database, why, api_key_sql(false), {hash}, make_api_key, answer);
    done(std::move(answer));
    return fault;
  });
}

// Several keys may begin alike: the hash says which one it is, so that no comparison
// stops at the first wrong character of a secret.
void SqliteDirectory::find_consumer(const std::string& hash, const std::string& prefix,
                                    ConsumerFound done) {
  ask([hash, prefix, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    KeyAnswer<identity::ConsumerRecord> answer;
    std::string fault = why;
    SqliteStatement* statement = database ? database->prepare(consumer_sql(false)) : nullptr;
    if (statement) {
      answer.status = KeyFound::absent;
      statement->bind(1, prefix);
      Step step;
      while ((step = statement->step()) == Step::row) {
        KeyColumns row;
        for (int i = 0; i < statement->columns(); ++i) row.push_back(statement->column(i));
        identity::ConsumerRecord record = make_consumer(row);
        record.hash = identity::lower_hex(identity::Sha256().of(record.hash));
        if (record.hash != hash) continue;
        answer.status = KeyFound::found;
        answer.record = std::move(record);
      }
      if (step == Step::failed) fault = database->error();
      statement->reset();
    } else if (database) {
      fault = database->error();
    }
    if (!fault.empty()) {
      answer.status = KeyFound::unavailable;
      answer.failure = {base::FailureSource::dependency, true, fault};
    }
    done(std::move(answer));
    return fault;
  });
}

void SqliteDirectory::find_embed_token(const std::string& site, const std::string& module,
                                       EmbedFound done) {
  ask([site, module, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    KeyAnswer<identity::EmbedTokenRecord> answer;
    const std::string fault =
        read_one(database, why, embed_token_sql(false), {site, module}, make_embed_token, answer);
    done(std::move(answer));
    return fault;
  });
}

}  // namespace marquee::store
