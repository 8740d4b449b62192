// The statements that read the directory, in the dialects of both databases.
// Parameters are $1, $2, ... and texts or NULL. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routing/directory.hpp"

namespace marquee::store {

struct Dialect {
  bool postgres = false;
  std::string_view tables;   // in front of the platform's tables: "public." or ""
  std::string_view proofs;   // Marquee's table of proofs; empty: there is none
  std::string_view changes;  // its change feed; empty: there is none
};
inline constexpr Dialect kSqlite{false, "", "marquee_proofs", "marquee_changes"};

// $1 host, $2 twin, $3 wildcard ("*.parent"), $4 label. Columns as in
// record_row.hpp, and one more: the generation.
std::string find_sql(const Dialect& dialect);

std::vector<std::optional<std::string>> find_parameters(const routing::LookupKeys& keys);

// How far a list got: cursors are "2:id", and kinds come one after the other.
struct Position {
  routing::RecordKind kind = routing::RecordKind::module_domain;
  std::string after;  // empty: from the first row of the kind
};
std::optional<Position> parse_position(std::string_view cursor);
std::string show_position(const Position& position);

// One page of one kind, by id: $1 the id behind which it begins, $2 how many, and
// from $3 the filters that `query` has, in the order of ListQuery's members. For
// PostgreSQL ids have to be UUIDs.
std::string list_sql(const Dialect& dialect, routing::RecordKind kind,
                     const routing::ListQuery& query);

std::vector<std::optional<std::string>> list_parameters(const routing::ListQuery& query,
                                                        const Position& position,
                                                        std::uint32_t limit);

// $1 id: a module domain's columns as in record_row.hpp.
std::string read_sql(const Dialect& dialect);
// How a column is read there: as text, cut behind `most` bytes and one.
std::string cut_column(std::string_view column, std::size_t most);
inline constexpr std::size_t kMostColumn = 300;   // of names, ids and states
inline constexpr std::size_t kMostJson = 65'536;  // of config and white_label

// Names of one kind behind $1, at most $2: name, then the generation.
std::string names_sql(const Dialect& dialect, routing::RecordKind kind);

// '1' or '0': whether the module domain `d` has a proof for its installation.
std::string module_proven_sql(const Dialect& dialect);

// $1 id: certificate, key.
std::string certificate_sql(const Dialect& dialect);

}  // namespace marquee::store
