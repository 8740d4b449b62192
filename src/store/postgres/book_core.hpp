// Inside of postgres_domain_book.hpp; included by its units only. Runs on the
// control thread; calls of other threads come through its inbox.
#pragma once
#include <boost/asio/io_context.hpp>
#include <vector>

#include "admin/domain_book.hpp"
#include "base/uuid.hpp"
#include "net/resolver.hpp"
#include "store/domain_sql.hpp"
#include "store/encryption.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/database_facts.hpp"
#include "store/postgres/inbox.hpp"

namespace marquee::store::postgres {

class BookCore : public std::enable_shared_from_this<BookCore> {
 public:
  using Task = Inbox<BookCore>::Task;
  using Answers = std::vector<admin::BookAnswer>;
  using Created = std::function<void(Answers)>;
  using Changed = std::function<void(admin::BookAnswer)>;

  BookCore(boost::asio::io_context& io, Conninfo info, std::chrono::milliseconds timeout,
           std::optional<EncryptionKey> key);

  void submit(Task task);  // by any thread; not carried out inside
  void stop();             // answers what is open

  void read(const std::string& id, const std::function<void(admin::BookRead)>& done);
  void create(std::vector<admin::DomainDraft> drafts, Created done);
  // An edit or a removal; `what` for words: "change", "remove".
  void change(const admin::StoredDomain& seen, Statement statement, const std::string& what,
              Changed done);
  void announce_credential(const std::string& value, Changed done);
  void analyze(Changed done);
  // That nobody can vouch here.
  static admin::BookAnswer no_proofs();
  const Dialect& dialect() const { return dialect_; }

  static constexpr std::size_t kMostTasks = 64;               // not begun yet
  static constexpr std::chrono::milliseconds kLimit{30'000};  // of one statement

 private:
  struct Batch;
  void prepare();
  void ask(std::string sql, std::vector<std::optional<std::string>> parameters,
           std::function<void(const Reply&)> done);
  void insert(const std::shared_ptr<Batch>& batch);
  void one_by_one(const std::shared_ptr<Batch>& batch, std::size_t next);
  void nothing_changed(const admin::StoredDomain& seen, const std::string& what,
                       const Changed& done);
  admin::BookAnswer answer_of(const Reply& reply, const std::string& what) const;
  std::string new_id();

  boost::asio::io_context& io_;
  const std::chrono::milliseconds timeout_;
  const std::optional<EncryptionKey> key_;
  const std::string description_;
  net::Resolver resolver_;
  Connection connection_;
  Dialect dialect_{true, "public.", "", ""};
  std::string role_;
  base::Random random_ = base::Random::from_kernel();
  bool started_ = false;
  Inbox<BookCore> inbox_{io_, kMostTasks};
};

}  // namespace marquee::store::postgres
