// The directory in an SQLite file (routing/directory.hpp has the contract). The
// file is made and brought up to date when it is first reached. Questions are
// answered by reader threads of its own, from a bounded queue; one more thread
// follows the change feed, so that what another process writes is told within the
// polling interval: PRAGMA data_version says that something was committed, the
// table marquee_changes says what.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "identity/key_directory.hpp"
#include "identity/tenant_directory.hpp"
#include "routing/certificate_store.hpp"
#include "routing/directory.hpp"
#include "store/adapter_status.hpp"
#include "store/encryption.hpp"
#include "store/sqlite_database.hpp"

namespace marquee::store {

class SqliteDirectory final : public routing::DomainDirectory,
                              public identity::TenantDirectory,
                              public identity::KeyDirectory,
                              public routing::CertificateStore {
 public:
  struct Options {
    std::string path;
    std::string sites_base;  // normalised, or empty
    std::optional<EncryptionKey> key;
    std::chrono::milliseconds poll_interval{250};
    std::chrono::milliseconds timeout{2000};  // of a question, waiting included
    std::size_t readers = 2;
  };
  // `status` outlives it. Begins its threads.
  SqliteDirectory(Options options, AdapterStatus& status);
  ~SqliteDirectory() override;

  void find(const routing::LookupKeys& keys, Found done) override;
  void subscribe(routing::ChangeListener* listener) override;
  void list(const routing::ListQuery& query, Listed done) override;
  void list_names(const std::string& cursor, std::uint32_t limit, Named done) override;
  void load_certificate(routing::RecordKind kind, const std::string& row,
                        Certificate done) override;
  void generation(Generation done) override;
  void ask(const identity::TenantKey& key, identity::TenantDirectory::Done done) override;
  void find_api_key(const std::string& hash, ApiKeyFound done) override;
  void find_consumer(const std::string& hash, const std::string& prefix,
                     ConsumerFound done) override;
  void find_embed_token(const std::string& site, const std::string& module,
                        EmbedFound done) override;
  void store_certificate(const routing::NewCertificate& certificate, Stored done) override;
  void remove_certificate(const std::string& row, Stored done) override;
  std::string description() const override { return "sqlite " + options_.path; }

  static constexpr std::size_t kMostQuestions = 8192;  // waiting
  static constexpr std::size_t kMostChanges = 50'000;  // more at once are told as `everything`
  static constexpr std::int64_t kKeptChanges = 100'000;

 private:
  using Clock = std::chrono::steady_clock;
  // Called once: with a database, or with null and why there is none. Returns what
  // went wrong with the database, or nothing.
  using Answer = std::function<std::string(SqliteDatabase* database, const std::string& why)>;
  struct Question {
    Clock::time_point deadline;
    Answer answer;
  };
  struct Reader;
  struct Follower;

  using CertificateWork = std::function<std::string(SqliteDatabase&, std::string& refusal)>;

  void ask(Answer answer);
  void write_certificate(CertificateWork work, Stored done);
  void read();    // a reader's thread
  void follow();  // the feed's thread
  bool serve(Question& question, Reader& reader);
  void poll(Follower& follower);
  bool open(Follower& follower);
  void replay(Follower& follower);
  bool replay_page(Follower& follower, std::uint64_t newest, bool& everything);
  void prune(Follower& follower);
  void tell(const std::vector<routing::Change>& changes, std::uint64_t generation);
  void set_live(bool live);
  std::uint64_t lineage() const { return lineage_.load(std::memory_order_relaxed); }
  std::optional<routing::DomainRecord> record_of(const SqliteStatement& statement);

  const Options options_;
  AdapterStatus& status_;
  std::atomic<std::uint64_t> lineage_{0};

  std::mutex mutex_;  // guards those below
  std::condition_variable wake_readers_;
  std::condition_variable wake_follower_;
  std::deque<Question> questions_;
  bool stopping_ = false;
  bool announce_ = false;    // a new listener waits for the feed's state
  std::uint64_t epoch_ = 0;  // grows with each opening: readers open it anew, too
  bool usable_ = false;      // made, migrated and open
  std::string trouble_;      // why not; empty: not known yet

  std::mutex listening_;  // held while the listener is told
  routing::ChangeListener* listener_ = nullptr;
  bool live_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace marquee::store
