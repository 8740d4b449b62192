// Stored credentials in the SQLite directory.
#include "identity/stored_proof.hpp"
#include "store/key_sql.hpp"
#include "store/sqlite_directory.hpp"

namespace marquee::store {
namespace {

using identity::KeyAnswer;
using identity::KeyFound;
using Step = SqliteStatement::Step;

// Takes rows until one is `fitting`. Empty, or what went wrong.
template <typename Record, typename Make, typename Fitting>
std::string read_first(SqliteDatabase* database, const std::string& why, const std::string& sql,
                       const std::vector<std::string>& values, Make make, Fitting fitting,
                       KeyAnswer<Record>& answer) {
  std::string fault = why;
  SqliteStatement* statement = database ? database->prepare(sql) : nullptr;
  if (statement) {
    answer.status = KeyFound::absent;
    for (std::size_t i = 0; i < values.size(); ++i)
      statement->bind(static_cast<int>(i) + 1, values[i]);
    Step step = Step::row;
    while (answer.status == KeyFound::absent && (step = statement->step()) == Step::row) {
      KeyColumns row;
      for (int i = 0; i < statement->columns(); ++i) row.push_back(statement->column(i));
      Record record = make(row);
      if (!fitting(record)) continue;
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
  return fault;
}

constexpr auto any = [](const auto&) { return true; };

}  // namespace

void SqliteDirectory::find_api_key(const std::string& hash, ApiKeyFound done) {
  ask([hash, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    KeyAnswer<identity::ApiKeyRecord> answer;
    const std::string fault =
        read_first(database, why, api_key_sql(false), {hash}, make_api_key, any, answer);
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
    const auto is_it = [&hash](identity::ConsumerRecord& record) {
      record.hash = identity::lower_hex(identity::Sha256().of(record.hash));
      return record.hash == hash;
    };
    const std::string fault =
        read_first(database, why, consumer_sql(false), {prefix}, make_consumer, is_it, answer);
    done(std::move(answer));
    return fault;
  });
}

void SqliteDirectory::find_embed_token(const std::string& site, const std::string& module,
                                       EmbedFound done) {
  ask([site, module, done = std::move(done)](SqliteDatabase* database, const std::string& why) {
    KeyAnswer<identity::EmbedTokenRecord> answer;
    const std::string fault = read_first(database, why, embed_token_sql(false), {site, module},
                                         make_embed_token, any, answer);
    done(std::move(answer));
    return fault;
  });
}

}  // namespace marquee::store
