// The statements that write module domains, in the dialects of both databases.
// Parameters are $1, $2, ... and texts or NULL. Pure.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "admin/domain_book.hpp"
#include "store/domain_plan.hpp"
#include "store/lookup_sql.hpp"

namespace marquee::store {

// What BatchPlan has to know, columns as in Fact. SQLite: of one draft, $1 to $8
// from facts_parameters(). PostgreSQL: of all, $1 is facts_json(). At most two rows
// for each draft: of its name, and of the name's www pair.
std::string facts_sql(const Dialect& dialect);
std::vector<std::optional<std::string>> facts_parameters(const admin::DomainDraft& draft);
std::string facts_json(const std::vector<admin::DomainDraft>& drafts);
// Of two rows, that of the name itself.
void keep_fact(DraftFacts& kept, DraftFacts row, const std::string& host);

// SQLite: the rows of a tenant and the domain, each its own statement.
struct Statement {
  std::string sql;
  std::vector<std::optional<std::string>> parameters;
};
std::vector<Statement> insertions(const PlannedDomain& planned);
// PostgreSQL: all of them as one statement, $1 is insert_json(); gives the ids of
// the domains that were added. It touches only tables in which a row is made.
std::string insert_sql(const std::vector<PlannedDomain>& planned);
std::string insert_json(const std::vector<PlannedDomain>& planned);

// SQLite: gives the operator's word for a row that is there, or takes it back.
Statement vouch_statement(const std::string& row, bool vouched);
// Into the change feed.
Statement announce_statement(const Dialect& dialect, const std::string& credential);
// Each a statement of its own, outside of a transaction.
std::vector<std::string> analyze_statements(const Dialect& dialect);

// Only if the row is still as seen. PostgreSQL: gives its id, and vouches, too.
Statement edit_statement(const Dialect& dialect, const admin::StoredDomain& seen,
                         const admin::DomainEdit& edit);
Statement remove_statement(const Dialect& dialect, const admin::StoredDomain& seen);

}  // namespace marquee::store
