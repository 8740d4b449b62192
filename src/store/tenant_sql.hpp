// The questions of identity::TenantDirectory, as statements of both databases, and
// their rows read. Parameters are $1, $2 and texts. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/tenant_directory.hpp"
#include "store/lookup_sql.hpp"

namespace marquee::store {

// As CAST(... AS uuid) takes it: a statement with another text would fail.
bool is_uuid(std::string_view text);

std::string tenant_sql(const Dialect& dialect, identity::TenantQuestion question);
std::vector<std::optional<std::string>> tenant_parameters(const identity::TenantKey& key);
// Whether the key can name a row at all; `uuids`: ids have to be some. If not,
// the answer is absence, without a question.
bool may_have_rows(bool uuids, const identity::TenantKey& key);

using TenantRow = std::vector<std::optional<std::string_view>>;
// Adds what one row says. One that cannot be read is left out, or read as the less
// permissive.
void add_tenant_row(identity::TenantQuestion question, const TenantRow& row,
                    identity::TenantFacts& facts);

}  // namespace marquee::store
