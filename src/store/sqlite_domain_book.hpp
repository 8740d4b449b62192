// Writes the directory in an SQLite file (admin/domain_book.hpp has the contract),
// from one thread of its own. The file is made by the directory that reads it.
#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "admin/domain_book.hpp"
#include "base/uuid.hpp"
#include "store/encryption.hpp"
#include "store/sqlite_database.hpp"

namespace marquee::store {

class SqliteDomainBook final : public admin::DomainBook {
 public:
  struct Options {
    std::string path;
    std::chrono::milliseconds timeout{2000};  // for another one's lock
    std::optional<EncryptionKey> key;         // certificates that it cannot open are absent
  };
  explicit SqliteDomainBook(Options options);
  ~SqliteDomainBook() override;

  void read(const std::string& id, std::function<void(admin::BookRead)> done) override;
  void create(std::vector<admin::DomainDraft> drafts,
              std::function<void(std::vector<admin::BookAnswer>)> done) override;
  void edit(const admin::StoredDomain& seen, const admin::DomainEdit& edit,
            std::function<void(admin::BookAnswer)> done) override;
  void remove(const admin::StoredDomain& seen,
              std::function<void(admin::BookAnswer)> done) override;
  void announce_credential(const std::string& value,
                           std::function<void(admin::BookAnswer)> done) override;
  void analyze(std::function<void(admin::BookAnswer)> done) override;

  static constexpr std::size_t kMostTasks = 64;      // waiting
  static constexpr std::chrono::seconds kLimit{30};  // of one

 private:
  // Called once: with the file, or null and why not.
  using Task = std::function<void(SqliteDatabase* database, const std::string& why)>;
  void submit(Task task);
  void work();
  std::vector<admin::BookAnswer> create_in(SqliteDatabase& database,
                                           const std::vector<admin::DomainDraft>& drafts);
  std::string new_id();

  const Options options_;
  base::Random random_ = base::Random::from_kernel();  // of the thread
  std::unique_ptr<SqliteDatabase> database_;           // of the thread
  std::mutex mutex_;                                   // guards those below
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace marquee::store
