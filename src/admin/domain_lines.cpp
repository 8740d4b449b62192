#include "admin/domain_lines.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/csv.hpp"

namespace marquee::admin {
namespace {

namespace json = boost::json;

constexpr std::string_view kColumns[] = {"host",   "installation", "module", "site",       "client",
                                         "agency", "status",       "config", "white_label"};
bool is_json_column(std::string_view name) { return name == "config" || name == "white_label"; }

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

// What is the default anyway, and nulls, would only make lines long.
json::object without_defaults(const json::object& from) {
  json::object out;
  for (const auto& member : from) {
    const json::value& value = member.value();
    const bool nothing =
        value.is_null() || (value.is_object() && value.as_object().empty()) ||
        (value.is_bool() && !value.as_bool() && member.key() != "force_www" &&
         member.key() != "redirect_to_https") ||
        (value.is_bool() && value.as_bool() && member.key() == "redirect_to_https");
    if (nothing) continue;
    if (!value.is_object()) {
      out[member.key()] = value;
    } else if (json::object inner = without_defaults(value.as_object()); !inner.empty()) {
      out[member.key()] = std::move(inner);
    }
  }
  return out;
}

}  // namespace

LineFormat format_of(std::string_view first_line) {
  const std::size_t at = first_line.find_first_not_of(" \t\xef\xbb\xbf");
  return at != std::string_view::npos && first_line[at] == '{' ? LineFormat::json : LineFormat::csv;
}

std::vector<std::string> parse_header(const std::vector<std::string>& cells, std::string& error) {
  std::vector<std::string> out;
  for (std::string name : cells) {
    if (out.empty() && name.starts_with("\xef\xbb\xbf")) name.erase(0, 3);  // byte order mark
    const bool known =
        std::find(std::begin(kColumns), std::end(kColumns), name) != std::end(kColumns);
    if (!known || std::find(out.begin(), out.end(), name) != out.end()) {
      error = "the header has the column `" + name + "`, which is " +
              (known ? "there twice" : "not known") + "; a header is, in any order, some of " +
              header_line();
      return {};
    }
    out.push_back(std::move(name));
  }
  if (std::find(out.begin(), out.end(), "host") == out.end())
    error = "the header has no column `host`; a header is, in any order, some of " + header_line();
  return out;
}

DraftLine csv_draft(const std::vector<std::string>& columns,
                    const std::vector<std::string>& cells) {
  if (cells.size() != columns.size())
    return {{},
            "it has " + std::to_string(cells.size()) + " cells, and the header has " +
                std::to_string(columns.size())};
  json::object out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i].empty()) continue;
    if (!is_json_column(columns[i])) {
      out[columns[i]] = cells[i];
      continue;
    }
    boost::system::error_code error;
    json::value value = json::parse(cells[i], error);
    if (error || !value.is_object())
      return {{}, columns[i] + " is not a JSON object; write such as {\"force_www\": true}"};
    out[columns[i]] = std::move(value);
  }
  return {json::serialize(out), {}};
}

DraftLine json_draft(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(view(line), error);
  if (error || !value.is_object()) return {{}, "it is not a JSON object"};
  return {json::serialize(value), {}};
}

std::string header_line() {
  std::string out;
  for (const std::string_view name : kColumns) out += (out.empty() ? "" : ",") + std::string(name);
  return out;
}

std::string export_line(std::string_view domain, LineFormat format) {
  boost::system::error_code error;
  const json::value value = json::parse(view(domain), error);
  if (error || !value.is_object()) return {};
  json::object out;
  std::string cells;
  for (const std::string_view name : kColumns) {
    const json::value* found = value.as_object().if_contains(view(name));
    json::value kept = found ? *found : json::value(nullptr);
    if (kept.is_object()) kept = without_defaults(kept.as_object());
    const bool nothing = kept.is_null() || (kept.is_object() && kept.as_object().empty());
    std::string cell;
    if (!nothing) cell = kept.is_string() ? std::string(kept.as_string()) : json::serialize(kept);
    cells += (name == kColumns[0] ? "" : ",") + base::csv_cell(cell);
    if (!nothing) out[view(name)] = std::move(kept);
  }
  return format == LineFormat::csv ? cells : json::serialize(out);
}

}  // namespace marquee::admin
