// Keys of the tenant context in the SQLite directory.
#include "store/context_keys.hpp"
#include "store/sqlite_database.hpp"
#include "store/sqlite_migration.hpp"

namespace marquee::store {
namespace {

using identity::StoredKey;
using Step = SqliteStatement::Step;

constexpr std::chrono::milliseconds kBusy{500};

class SqliteKeys final : public identity::KeyStore {
 public:
  SqliteKeys(std::string path, const EncryptionKey& key) : path_(std::move(path)), key_(key) {}

  void load(std::function<void(Loaded)> done) override {
    Loaded out;
    std::string error;
    SqliteStatement* rows =
        open(error) ? database_->prepare(
                          "SELECT generation, signs_from, sealed FROM marquee_context_keys "
                          "ORDER BY generation DESC LIMIT 32")
                    : nullptr;
    Step step = Step::failed;
    while (rows && error.empty() && (step = rows->step()) == Step::row) {
      const auto generation = static_cast<std::uint64_t>(rows->integer(0));
      auto stored =
          unseal(key_, generation, rows->integer(1), rows->column(2).value_or(std::string_view()));
      if (stored)
        out.keys.push_back(std::move(*stored));
      else
        error = unreadable_key(description(), generation);
    }
    if (rows) rows->reset();
    if (error.empty() && step != Step::done) error = database_->error();
    out.ok = error.empty();
    if (!out.ok) out = {false, false, {}, failed(std::move(error))};
    done(std::move(out));
  }

  void add(const StoredKey& key, std::function<void(Added)> done) override {
    std::string error;
    const auto sealed = seal(key_, key);
    SqliteStatement* insert =
        sealed && open(error)
            ? database_->prepare(
                  "INSERT INTO marquee_context_keys (generation, signs_from, sealed) VALUES "
                  "(CAST($1 AS INTEGER), CAST($2 AS INTEGER), $3) ON CONFLICT DO NOTHING RETURNING "
                  "generation")
            : nullptr;
    if (!insert) {
      if (error.empty()) error = database_ ? database_->error() : "the key cannot be encrypted";
      return done({Added::Status::failed, failed(std::move(error))});
    }
    insert->bind(1, std::to_string(key.generation));
    insert->bind(2, std::to_string(key.signs_from));
    insert->bind(3, *sealed);
    Step step = insert->step();
    const bool added = step == Step::row;
    while (step == Step::row) step = insert->step();
    if (step == Step::failed) error = database_->error();
    insert->reset();
    if (!error.empty()) return done({Added::Status::failed, failed(std::move(error))});
    done({added ? Added::Status::added : Added::Status::taken, {}});
  }

  void remove(std::uint64_t generation) override {
    std::string error;
    if (!open(error)) return;
    SqliteStatement* erase = database_->prepare(
        "DELETE FROM marquee_context_keys WHERE generation = CAST($1 AS INTEGER)");
    if (!erase) return;
    erase->bind(1, std::to_string(generation));
    erase->step();
    erase->reset();
  }

  std::string description() const override { return "sqlite " + path_; }

 private:
  static base::Failure failed(std::string sentence) {
    return {base::FailureSource::dependency, true, std::move(sentence)};
  }
  bool open(std::string& error) {
    if (database_) return true;
    auto made = SqliteDatabase::open(path_, SqliteDatabase::Mode::create, kBusy, error);
    if (made) error = migrate_sqlite(*made).error;
    if (!made || !error.empty()) return false;
    database_ = std::move(made);
    return true;
  }

  const std::string path_;
  const EncryptionKey key_;
  std::unique_ptr<SqliteDatabase> database_;
};

}  // namespace

std::unique_ptr<identity::KeyStore> make_sqlite_keys(const std::string& path,
                                                     const EncryptionKey& key) {
  return std::make_unique<SqliteKeys>(path, key);
}

}  // namespace marquee::store
