// The query of GET /v1/domains, and its cursors. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "admin/resource.hpp"
#include "routing/directory.hpp"

namespace marquee::admin {

enum class DomainSource : std::uint8_t { settings, directory };
std::string_view name(DomainSource source);

// Where the next page begins. Opaque to clients: base64url.
struct Cursor {
  DomainSource source = DomainSource::settings;
  std::string inner;  // the directory's own
  friend bool operator==(const Cursor&, const Cursor&) = default;
};
std::string show_cursor(const Cursor& cursor);
std::optional<Cursor> parse_cursor(std::string_view text);

struct ListRequest {
  routing::ListQuery query;            // without its cursor
  std::optional<DomainSource> source;  // absent: both
  Cursor from;
};

// Of "limit=10&agency=...". Names a parameter that is unknown, twice, or wrong.
std::variant<ListRequest, Problem> parse_list_request(std::string_view query);

// The values of a query, decoded; "+" is a space. Nothing and a problem where a
// name is not one of `known`, stands twice, or cannot be decoded.
struct QueryField {
  std::string name;
  std::string value;
};
std::variant<std::vector<QueryField>, Problem> parse_query(
    std::string_view query, std::initializer_list<std::string_view> known);

}  // namespace marquee::admin
