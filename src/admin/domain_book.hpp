// The port through which the admin API writes the directory: its module domains, and
// what nodes have to forget. src/store implements it for SQLite and PostgreSQL.
//
// Contract
//  - Threads: any may call, none is blocked. `done` is called exactly once, by a
//    thread of the adapter's choice, perhaps inside the call. A book that is being
//    destroyed answers what is open with `unavailable` before its destructor returns.
//  - Each call is one transaction; a batch in which one draft fails writes the others.
//  - What was written is announced by the directory's change feed like any change.
//  - Sentences name the field's value and what to do, without passwords.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "routing/domain_record.hpp"

namespace marquee::admin {

// A domain to be made. Ids that are not named, and not to be found by those that
// are, are made up; tenants that do not exist yet are made with it.
struct DomainDraft {
  std::string host;  // normalised; "*.parent" for a wildcard
  std::string installation, module, site, client, agency;
  std::optional<routing::DomainStatus> status;  // absent: active
  std::string config = "{}";                    // JSON objects, checked
  std::string white_label = "{}";
  // The operator's word that its tenant owns the name: a proof of method `operator`.
  bool vouched = false;
  friend bool operator==(const DomainDraft&, const DomainDraft&) = default;
};

// What stays is absent.
struct DomainEdit {
  std::optional<std::string> installation;
  std::optional<routing::DomainStatus> status;
  std::optional<std::string> config;  // the whole of it
  std::optional<std::string> white_label;
  // Gives the operator's word for the row as it is then, or takes it back; what else
  // proves the row stays.
  std::optional<bool> vouched;
  bool empty() const { return !installation && !status && !config && !white_label && !vouched; }
};

// A row with its columns as they are stored, cut where they are absurdly long.
struct StoredDomain {
  explicit StoredDomain(routing::DomainRecord r) : record(std::move(r)) {}
  routing::DomainRecord record;
  std::optional<std::string> installation, status, config, white_label;
};

enum class BookResult : std::uint8_t {
  done,
  unchanged,    // create: it is there already, exactly so
  taken,        // create: the name is another one's; `id` is its row
  invalid,      // `field` cannot be so
  gone,         // there is no such row
  changed,      // the row is not as it was seen
  refused,      // the database's role has no right to do it
  unavailable,  // the database does not answer; trying again may help
};

struct BookAnswer {
  BookResult result = BookResult::unavailable;
  std::string id;        // create: of the row
  std::string field;     // where one is to blame
  std::string sentence;  // unless done
};

struct BookRead {
  BookAnswer answer;
  std::optional<StoredDomain> domain;  // exactly if done
};

class DomainBook {
 public:
  virtual ~DomainBook() = default;

  static constexpr std::size_t kMostDrafts = 1000;  // of one call

  virtual void read(const std::string& id, std::function<void(BookRead)> done) = 0;
  // As many answers as drafts, in their order.
  virtual void create(std::vector<DomainDraft> drafts,
                      std::function<void(std::vector<BookAnswer>)> done) = 0;
  // Only if the row is still as `seen`.
  virtual void edit(const StoredDomain& seen, const DomainEdit& edit,
                    std::function<void(BookAnswer)> done) = 0;
  virtual void remove(const StoredDomain& seen, std::function<void(BookAnswer)> done) = 0;
  // Writes into the change feed that a credential is no longer what it was: its SHA-256 in
  // lower hex, or identity::kAnyCredential. All nodes that hear the feed hear it.
  virtual void announce_credential(const std::string& value,
                                   std::function<void(BookAnswer)> done) = 0;
  // Renews the planner's statistics, after many were added. Blocks no reader.
  virtual void analyze(std::function<void(BookAnswer)> done) = 0;
};

}  // namespace marquee::admin
