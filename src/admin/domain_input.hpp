// From the bodies of requests to what is to be written. Every fault is a problem
// that names the member and says what to write instead. Pure.
#pragma once
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "admin/domain_book.hpp"
#include "admin/resource.hpp"

namespace marquee::admin {

// POST /v1/domains.
std::variant<DomainDraft, Problem> parse_draft(std::string_view body);

// POST /v1/domains:batch, {"domains": [...]}: a draft or a problem for each. The
// problem of the whole where it is no such thing, or holds more than kMostDrafts.
using DraftOrProblem = std::variant<DomainDraft, Problem>;
std::variant<std::vector<DraftOrProblem>, Problem> parse_drafts(std::string_view body);

// PATCH: a merge patch (RFC 7396) over `seen`; null takes a key away.
std::variant<DomainEdit, Problem> parse_edit(std::string_view body, const StoredDomain& seen);

// RFC 7396 section 2, over texts: `target` that is not JSON counts as {}.
std::string merge_patch(std::string_view target, std::string_view patch);

}  // namespace marquee::admin
