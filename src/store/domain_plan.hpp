// What has to be written for domains that are to be added: which tenant they
// belong to, what of it exists, and what is in the way. Pure: both databases say
// what they have, and carry out what is planned.
#pragma once
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "admin/domain_book.hpp"

namespace marquee::store {

// What the database has of one draft, in the order of the columns of facts_sql().
enum class Fact : std::uint8_t {
  draft,  // its number in the batch
  domain,
  domain_name,  // the name itself, or its www pair
  domain_installation,
  domain_status,
  domain_config,
  domain_white_label,
  installation,
  module,
  site,
  client,
  agency,
  proven,  // of the domain: "1" or "0"
};
inline constexpr std::size_t kFacts = static_cast<std::size_t>(Fact::proven) + 1;
struct DraftFacts {
  std::array<std::optional<std::string>, kFacts> values;
  const std::optional<std::string>& operator[](Fact f) const {
    return values[static_cast<std::size_t>(f)];
  }
};

// One domain to write, and which rows of its tenant with it.
struct PlannedDomain {
  std::size_t draft = 0;
  std::string id, host, status, config, white_label;
  std::string installation, module, site, client, agency;
  bool make_installation = false, make_site = false, make_client = false, make_agency = false;
  bool vouched = false;
};

// Plans the drafts of one batch; each sees those before it.
class BatchPlan {
 public:
  // `new_id`: a fresh UUID each time.
  explicit BatchPlan(std::function<std::string()> new_id) : new_id_(std::move(new_id)) {}

  // Either it is in domains(), or the answer says why not.
  void add(const admin::DomainDraft& draft, const DraftFacts& facts);

  const std::vector<PlannedDomain>& domains() const { return domains_; }
  // As many as drafts; those of planned domains are `done`, with the id.
  std::vector<admin::BookAnswer>& answers() { return answers_; }

 private:
  struct Owner {  // of an installation, a site or a client; what does not apply is empty
    std::string module, site, client, agency;
  };
  bool name_is_free(const admin::DomainDraft& draft, const DraftFacts& facts);
  bool settle_tenant(const admin::DomainDraft& draft, const DraftFacts& facts, PlannedDomain& out);
  bool fail(admin::BookResult result, std::string field, std::string sentence, std::string id = {});

  std::function<std::string()> new_id_;
  std::vector<PlannedDomain> domains_;
  std::vector<admin::BookAnswer> answers_;
  std::map<std::string, std::pair<std::string, admin::DomainDraft>, std::less<>>
      names_;                                                                  // this batch's
  std::map<std::string, Owner, std::less<>> installations_, sites_, clients_;  // made by this batch
  std::map<std::pair<std::string, std::string>, std::string>
      pairs_;  // (site, module): installation
  std::set<std::string, std::less<>> agencies_;
};

// The other name of the www pair, or "".
std::string twin_of(const std::string& host);

}  // namespace marquee::store
