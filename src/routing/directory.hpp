// The port to the directory of domains: where rows live (settings, SQLite,
// PostgreSQL). src/store implements it; the lookup cache (lookup_cache.hpp) is its
// only user on the request's way, the admin API and the membership filter list it.
//
// Contract
//  - Threads: every function may be called from any thread and returns without
//    blocking. `done` is called exactly once, on a thread of the adapter's choice,
//    perhaps inside the call; it only hands on, and takes no lock that the caller
//    of find() may hold. A directory that is being destroyed answers what is open
//    with `unavailable` before its destructor returns.
//  - Missing key: a name without any row is `found == false` in an answer that
//    succeeded ("absent"). That is knowledge, and is cached as such. Failure to
//    know is `unavailable`, and never reported as absent.
//  - Errors: no exceptions. `unavailable` carries a base::Failure (source
//    dependency) whose sentence names the database and what it said, without
//    passwords. A single broken row never makes an answer unavailable.
//  - Bounds: an answer holds at most kMostRows records. An adapter bounds its open
//    questions and its waiting time (the settings' directory.timeout) and answers
//    `unavailable` beyond; callers keep a deadline of their own all the same.
//  - Staleness: an answer shows the directory as of `generation` or later.
//    Generations grow with every committed change that Marquee would notice, are
//    comparable only within one `lineage`, and are 0 where the adapter has none.
//  - Consistency: the records of one answer come from one statement or one read
//    transaction.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"
#include "base/hostname.hpp"
#include "routing/domain_record.hpp"

namespace marquee::routing {

inline constexpr std::size_t kMostRows = 32;
inline constexpr int kMostHops = 8;  // redirects that are followed

// All names under which rows may answer for one host. The adapter asks for all of
// them in one query; which row wins is resolution.hpp's decision, not SQL's.
struct LookupKeys {
  base::Hostname host;                 // as the visitor named it
  std::optional<base::Hostname> twin;  // the other name of the www pair
  std::string wildcard;                // parent of a wildcard row that would cover it, or ""
  std::string site_label;              // sites.subdomain, where host is label.<sites base>, or ""
  // The name is the sites base or below it: twin and wildcard are empty, and only
  // the site of that label may answer.
  bool below_base = false;
};
// `sites_base`: normalised, or empty.
LookupKeys keys_of(const base::Hostname& host, std::string_view sites_base);

struct DirectoryAnswer {
  enum class Status : std::uint8_t { found, absent, unavailable };
  Status status = Status::unavailable;
  // With found, in any order:
  //  - every row of every kind whose name is keys.host or keys.twin, whatever its
  //    state (for redirects: active rows only);
  //  - the wildcard row of keys.wildcard, the site of keys.site_label;
  //  - if one of them is a redirect: the rows of the name it leads to (and of that
  //    name's twin), and so on while these are redirects, up to kMostHops.
  std::vector<std::shared_ptr<const DomainRecord>> rows;
  std::uint64_t generation = 0;
  std::uint64_t lineage = 0;  // another value: another database, generations start anew
  base::Failure failure;      // with unavailable
};

// What changed. Values are as after the change; a row that moved between tenants
// or names is reported with its old and its new value.
struct Change {
  enum class What : std::uint8_t {
    name,          // a row of this name: "shop.example", "*.shop.example" for wildcards
    installation,  // id
    site,          // id
    client,        // id
    agency,        // id
    member,        // id of a user whose memberships changed
    module,        // id; its API routes or origins
    credential,    // hash of a stored credential in lower hex; "any": perhaps all
    everything,    // anything may have changed
  };
  What what = What::everything;
  std::string value;
};

struct Feed {
  // True: every change is reported within `staleness` of its commit. False: changes
  // may be missed, until the feed is live again.
  bool live = false;
  // Push (LISTEN/NOTIFY, SQLite change feed) or the polling interval.
  std::chrono::milliseconds staleness{0};
};

inline constexpr std::size_t kMostTold = 1000;

// Told by the directory, one call at a time, on a thread of the adapter's choice.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  // `generation` includes these changes. Told in parts of at most kMostTold; where too
  // much has changed to be told one by one (50,000 at once, or what is no longer
  // written down), it is one `everything`.
  virtual void on_changes(std::span<const Change> changes, std::uint64_t generation) = 0;
  // Before the feed is told to be live, what changed since the last report was
  // told: by replay from the last generation, or else as `everything`.
  virtual void on_feed(const Feed& feed) = 0;
};

struct ListQuery {
  std::string cursor;         // of the last page; empty: from the start
  std::uint32_t limit = 100;  // 1..1000
  std::optional<RecordKind> kind;
  std::optional<DomainStatus> status;
  std::string agency;        // id, or "": all; so are those below
  std::string client;        // id
  std::string installation;  // id
  std::string site;          // id
  std::string row;           // DomainRecord::row; with a kind
  // Of the name as stored; of sites below the sites base only the label counts.
  std::string name;      // the whole of it, normalised
  std::string prefix;    // in any case
  std::string contains;  // in any case
};

struct ListPage {
  bool ok = false;
  std::vector<DomainRecord> rows;  // in an order that is stable while rows come and go
  std::string next;                // cursor; empty: this was the last page
  base::Failure failure;           // where not ok; a cursor nobody gave out is a client's failure
};

// Names only, for the membership filter: fast, a million in seconds.
struct NamePage {
  bool ok = false;
  std::vector<std::string>
      names;  // all kinds; wildcards as "*.parent"; sites.subdomain as "label."
  std::string next;
  std::uint64_t generation = 0;  // before the page was read
  base::Failure failure;
};

// The certificate of one record, decrypted. Bytes of `key` are wiped by whoever
// holds them last.
struct StoredCertificate {
  enum class Status : std::uint8_t { found, absent, unavailable };
  Status status = Status::unavailable;
  std::string chain;      // PEM, leaf first
  std::string key;        // PEM
  std::string sealed;     // the key as it is stored, encrypted; for the snapshot file
  std::string version;    // CertificateReference::version of what was read
  base::Failure failure;  // with absent (why it is unusable) and unavailable
};

class DomainDirectory {
 public:
  virtual ~DomainDirectory() = default;

  using Found = std::function<void(DirectoryAnswer)>;
  virtual void find(const LookupKeys& keys, Found done) = 0;

  // One listener; nullptr ends it, and no call runs or comes after that returned.
  // A new one is told the feed's state first.
  virtual void subscribe(ChangeListener* listener) = 0;

  using Listed = std::function<void(ListPage)>;
  virtual void list(const ListQuery& query, Listed done) = 0;
  using Named = std::function<void(NamePage)>;
  virtual void list_names(const std::string& cursor, std::uint32_t limit, Named done) = 0;

  using Certificate = std::function<void(StoredCertificate)>;
  virtual void load_certificate(RecordKind kind, const std::string& row, Certificate done) = 0;

  // Generation now, for the periodic check behind the feed. Nothing: unavailable.
  using Generation =
      std::function<void(std::optional<std::uint64_t> generation, std::uint64_t lineage)>;
  virtual void generation(Generation done) = 0;

  // "sqlite /var/lib/marquee/domains.db": for logs, status and explain.
  virtual std::string description() const = 0;
};

}  // namespace marquee::routing
