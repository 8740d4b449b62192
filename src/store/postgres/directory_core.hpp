// Inside of postgres_directory.hpp; included by its units only. Runs on the
// control thread; questions of other threads come through its inbox.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <vector>

#include "identity/key_directory.hpp"
#include "identity/tenant_directory.hpp"
#include "net/resolver.hpp"
#include "store/lookup_sql.hpp"
#include "store/postgres/change_feed.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/postgres_directory.hpp"

namespace marquee::store::postgres {

class DirectoryCore : public std::enable_shared_from_this<DirectoryCore> {
 public:
  // `core` is null where the directory is being closed; then it only answers so.
  using Task = std::function<void(DirectoryCore* core)>;

  DirectoryCore(boost::asio::io_context& io, Conninfo info, PostgresOptions options,
                AdapterStatus& status);

  void start();
  void stop();             // answers what is open
  void submit(Task task);  // by any thread; not carried out inside

  void find(const routing::LookupKeys& keys, routing::DomainDirectory::Found done);
  void load_certificate(const std::string& row, routing::DomainDirectory::Certificate done);
  void store_certificate(const routing::NewCertificate& certificate,
                         routing::CertificateStore::Stored done);
  void list(const routing::ListQuery& query, Position position, routing::ListPage page,
            routing::DomainDirectory::Listed done);
  void list_names(const Position& position, std::uint32_t limit,
                  routing::DomainDirectory::Named done);
  void generation(routing::DomainDirectory::Generation done);
  void ask_tenant(const identity::TenantKey& key, identity::TenantDirectory::Done done);
  // key_questions.cpp
  void find_api_key(const std::string& hash, identity::KeyDirectory::ApiKeyFound done);
  void find_consumer(const std::string& hash, identity::KeyDirectory::ConsumerFound done);
  void find_embed_token(const std::string& site, const std::string& module,
                        identity::KeyDirectory::EmbedFound done);

  ChangeFeed& feed() { return feed_; }
  const std::string& description() const { return description_; }
  AdapterStatus& status() { return status_; }

  static constexpr std::size_t kMostTasks = 8192;            // not begun yet
  static constexpr std::chrono::milliseconds kPage{10'000};  // limit of a page of a list

 private:
  void drain();
  void prepare_lookups();
  void prepare_lookups_with(const DatabaseFacts& facts);
  void prepare_background();
  void next_step(std::vector<Question> steps);
  void recheck();
  void ask_lookup(std::string_view name, const std::string& text,
                  std::vector<std::optional<std::string>> parameters,
                  std::function<void(const Reply&)> done);
  template <typename Record, typename Make>
  void ask_key(std::string sql, std::vector<std::optional<std::string>> parameters, Make make,
               std::function<void(identity::KeyAnswer<Record>)> done);
  // A certificate that is being read elsewhere; whoever comes first answers.
  struct OpenWork {
    std::mutex mutex;  // held while it is told: stop() returns after that
    routing::DomainDirectory::Certificate done;
    void answer(routing::StoredCertificate certificate);
  };
  std::shared_ptr<OpenWork> open_work(routing::DomainDirectory::Certificate done);
  std::optional<routing::DomainRecord> record_of(const Result& result, std::size_t row);
  base::Failure failure_of(const Reply& reply);
  Dialect dialect() const;

  boost::asio::io_context& io_;
  PostgresOptions options_;
  AdapterStatus& status_;
  const std::string description_;
  net::Resolver resolver_;
  Connection lookups_;
  Connection background_;
  ChangeFeed feed_;
  boost::asio::steady_timer recheck_timer_;
  DatabaseFacts facts_;        // of the look-up connection
  std::uint64_t lineage_ = 0;  // of what it reads
  bool unnamed_ = false;       // a pooler loses prepared statements
  unsigned told_ = 0;          // questions about tenants that were refused, by bit
  std::vector<std::weak_ptr<OpenWork>> working_;
  std::string find_sql_;
  std::string certificate_sql_;

  std::mutex mutex_;  // guards the inbox
  std::vector<Task> inbox_;
  bool stopped_ = false;
};

}  // namespace marquee::store::postgres
