// Inside of postgres_directory.hpp; included by its units only. Runs on the
// control thread; questions of other threads come through its inbox.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "identity/key_directory.hpp"
#include "identity/tenant_directory.hpp"
#include "net/resolver.hpp"
#include "store/lookup_sql.hpp"
#include "store/postgres/change_feed.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/inbox.hpp"
#include "store/postgres/open_work.hpp"
#include "store/postgres/postgres_directory.hpp"

namespace marquee::store::postgres {

class DirectoryCore : public std::enable_shared_from_this<DirectoryCore> {
 public:
  using Task = Inbox<DirectoryCore>::Task;

  DirectoryCore(boost::asio::io_context& io, Conninfo info, PostgresOptions options,
                AdapterStatus& status);

  void start();
  void stop();             // answers what is open
  void submit(Task task);  // by any thread; not carried out inside

  void find(const routing::LookupKeys& keys, routing::DomainDirectory::Found done);
  void load_certificate(const std::string& row, routing::DomainDirectory::Certificate done);
  void store_certificate(const routing::NewCertificate& certificate,
                         routing::CertificateStore::Stored done);
  void remove_certificate(const std::string& row, routing::CertificateStore::Stored done);
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
  // Reads the rows' records, elsewhere where one of them holds a private key to open,
  // and hands them on, faults told. In `done` this is alive.
  struct Rows {
    std::vector<routing::DomainRecord> records;
    base::Failure failure;  // has a sentence: the directory ends, and there are none
  };
  void read_rows(const Result& result, std::size_t rows, std::function<void(Rows)> done);
  void listed(const routing::ListQuery& query, Position position, bool more, routing::ListPage page,
              routing::DomainDirectory::Listed done);
  void elsewhere(std::function<void()> job);
  // `nothing`: what is wrong where the statement gives no row.
  void write_certificate(const std::string& sql, std::vector<std::string> values,
                         const std::string& nothing, routing::CertificateStore::Stored done);
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
  OpenWorks working_;
  std::string find_sql_;
  std::string certificate_sql_;
  Inbox<DirectoryCore> inbox_{io_, kMostTasks};
};

}  // namespace marquee::store::postgres
