#include "admin/domain_input.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <span>

#include "base/hostname.hpp"
#include "routing/record_json.hpp"

namespace marquee::admin {
namespace {

namespace json = boost::json;
using routing::DomainStatus;

constexpr std::size_t kDepth = 16;
constexpr std::string_view kWritable[] = {"host",        "installation", "module", "site",
                                          "client",      "agency",       "status", "config",
                                          "white_label", "vouched"};
constexpr std::string_view kShownOnly[] = {
    "id", "source", "kind", "state", "proven", "ssl_status", "redirect", "faults", "certificate"};

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }
std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

Problem wrong(std::string field, std::string detail) {
  return {422, std::move(detail), std::move(field), {}};
}

template <typename Words>
bool among(std::string_view word, const Words& words) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}
template <typename Words>
std::string joined(const Words& words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

std::variant<json::object, Problem> parse_object(std::string_view body) {
  json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code error;
  json::value value = json::parse({body.data(), body.size()}, error, {}, options);
  if (error) return Problem{400, "The body is not JSON: " + error.message() + ".", {}, {}};
  if (!value.is_object()) return Problem{400, "The body has to be a JSON object.", {}, {}};
  return std::move(value.as_object());
}

// A key of one of the JSON columns, and what the column's reader says of it.
std::optional<Problem> column_fault(const std::string& column, const json::object& named,
                                    std::string_view merged) {
  const bool config = column == "config";
  const auto known = config ? routing::config_keys() : routing::white_label_keys();
  for (const auto& member : named)
    if (!among(view(member.key()), known))
      return wrong(column + "." + std::string(member.key()),
                   column + " has no such key; there are " + joined(known) + ".");
  if (merged.size() > routing::kMostJson)
    return wrong(column, column + " is larger than 64 KiB; make it shorter.");
  std::vector<std::string> faults;
  if (config)
    routing::read_config(merged, faults);
  else
    routing::read_white_label(merged, faults);
  // What was broken before and is not named stays as it is.
  for (const std::string& fault : faults) {
    const std::string_view rest = std::string_view(fault).substr(column.size() + 1);
    const std::string_view path = rest.substr(0, rest.find(' '));
    if (path == "is") return wrong(column, fault + ".");
    if (named.contains({path.data(), std::min(path.size(), path.find('.'))}))
      return wrong(column + "." + std::string(path), fault + "; see GET /v1/openapi.json.");
  }
  return std::nullopt;
}

// The patch of one JSON column; null empties it.
std::optional<Problem> take_column(const std::string& column, const json::value& patch,
                                   std::string_view stored, std::string& out) {
  if (patch.is_null()) {
    out = "{}";
    return std::nullopt;
  }
  if (!patch.is_object()) return wrong(column, column + " has to be an object or null.");
  out = merge_patch(stored, json::serialize(patch));
  return column_fault(column, patch.as_object(), out);
}

std::optional<Problem> take_id(const std::string& field, const json::value& value,
                               std::string& out) {
  const json::string* text = value.if_string();
  if (!text || !base::DomainId::parse(view(*text)))
    return wrong(field, field + " " + std::string(base::kIdRule) + ".");
  out = std::string(*text);
  return std::nullopt;
}

std::optional<Problem> take_status(const json::value& value, std::optional<DomainStatus>& out) {
  const json::string* text = value.if_string();
  out = text ? routing::parse_domain_status(view(*text)) : DomainStatus::unknown;
  if (out != DomainStatus::unknown) return std::nullopt;
  return wrong("status",
               "status is one of pending, verifying, verified, provisioning, active, failed, "
               "expired, disabled; active serves the domain, disabled does not.");
}

std::optional<Problem> take_flag(const std::string& field, const json::value& value, bool& out) {
  if (!value.is_bool()) return wrong(field, field + " is true or false.");
  out = value.as_bool();
  return std::nullopt;
}

std::optional<Problem> take_host(const json::value& value, std::string& out) {
  const json::string* text = value.if_string();
  if (!text || text->size() > 1024)
    return wrong("host", "host is a name such as shop.example, at most 253 bytes.");
  const bool wildcard = view(*text).starts_with("*.");
  const auto parsed =
      wildcard ? base::parse_wildcard(view(*text)) : base::parse_hostname(view(*text));
  if (!parsed)
    return wrong("host", "host " + std::string(parsed.why()) +
                             "; write a name such as shop.example or *.shop.example.");
  if (parsed.port >= 0) return wrong("host", "host has a port; write the name alone.");
  if (!wildcard && parsed.name->parent().empty())
    return wrong("host", "host has one label only; write the whole name, such as shop.example.");
  out = (wildcard ? "*." : "") + parsed.name->string();
  return std::nullopt;
}

std::optional<Problem> unknown_member(std::string_view key) {
  const std::string field(key);
  if (among(key, kShownOnly))
    return wrong(field, field + " is shown and cannot be written; leave it out.");
  return wrong(field, "There is no " + field + "; a domain has " + joined(kWritable) + ".");
}

std::variant<DomainDraft, Problem> draft_of(const json::object& from) {
  DomainDraft out;
  for (const auto& member : from) {
    const std::string key(member.key());
    const json::value& value = member.value();
    if (!among(key, kWritable)) return *unknown_member(key);
    if (value.is_null()) continue;  // unset
    std::optional<Problem> problem;
    if (key == "host") problem = take_host(value, out.host);
    if (key == "installation") problem = take_id(key, value, out.installation);
    if (key == "module") problem = take_id(key, value, out.module);
    if (key == "site") problem = take_id(key, value, out.site);
    if (key == "client") problem = take_id(key, value, out.client);
    if (key == "agency") problem = take_id(key, value, out.agency);
    if (key == "status") problem = take_status(value, out.status);
    if (key == "vouched") problem = take_flag(key, value, out.vouched);
    if (key == "config") problem = take_column(key, value, "{}", out.config);
    if (key == "white_label") problem = take_column(key, value, "{}", out.white_label);
    if (problem) return *std::move(problem);
  }
  if (out.host.empty()) return wrong("host", "host is missing; write a name such as shop.example.");
  return out;
}

void merge(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object();
  json::object& object = target.as_object();
  for (const auto& member : patch.as_object()) {
    if (member.value().is_null())
      object.erase(member.key());
    else
      merge(object[member.key()], member.value());
  }
}

}  // namespace

std::variant<DomainDraft, Problem> parse_draft(std::string_view body) {
  auto object = parse_object(body);
  if (auto* const problem = std::get_if<Problem>(&object)) return *std::move(problem);
  return draft_of(std::get<json::object>(object));
}

std::variant<std::vector<DraftOrProblem>, Problem> parse_drafts(std::string_view body) {
  auto parsed = parse_object(body);
  if (auto* const problem = std::get_if<Problem>(&parsed)) return *std::move(problem);
  const json::object& object = std::get<json::object>(parsed);
  const json::value* const domains = object.if_contains("domains");
  if (object.size() != 1 || !domains || !domains->is_array())
    return wrong("domains", "The body is {\"domains\": [...]}, and nothing else.");
  const json::array& list = domains->as_array();
  if (list.size() > DomainBook::kMostDrafts)
    return wrong("domains", "domains holds more than " + std::to_string(DomainBook::kMostDrafts) +
                                " entries; send them in several requests.");
  std::vector<DraftOrProblem> out;
  out.reserve(list.size());
  for (const json::value& entry : list) {
    if (entry.is_object())
      out.push_back(draft_of(entry.as_object()));
    else
      out.emplace_back(wrong("domains", "Each entry of domains has to be an object."));
  }
  return out;
}

std::variant<DomainEdit, Problem> parse_edit(std::string_view body, const StoredDomain& seen) {
  auto parsed = parse_object(body);
  if (auto* const problem = std::get_if<Problem>(&parsed)) return *std::move(problem);
  DomainEdit out;
  for (const auto& member : std::get<json::object>(parsed)) {
    const std::string key(member.key());
    const json::value& value = member.value();
    std::optional<Problem> problem;
    if (key == "status") {
      problem = take_status(value, out.status);
    } else if (key == "installation") {
      problem = take_id(key, value, out.installation.emplace());
    } else if (key == "config") {
      problem = take_column(key, value, seen.config.value_or("{}"), out.config.emplace());
    } else if (key == "white_label") {
      problem = take_column(key, value, seen.white_label.value_or("{}"), out.white_label.emplace());
    } else if (key == "vouched") {
      // Without it nobody vouches.
      out.vouched = false;
      if (!value.is_null()) problem = take_flag(key, value, *out.vouched);
    } else if (key == "host") {
      problem = wrong(key, "A domain's name cannot be changed; add another, and remove this one.");
    } else if (among(key, kWritable)) {
      problem = wrong(key, key + " follows from the installation; change that.");
    } else {
      problem = unknown_member(key);
    }
    if (problem) return *std::move(problem);
  }
  return out;
}

std::string merge_patch(std::string_view target, std::string_view patch) {
  json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code error;
  json::value out = json::parse({target.data(), target.size()}, error, {}, options);
  if (error) out = json::object();
  const json::value change = json::parse({patch.data(), patch.size()}, error, {}, options);
  if (!error) merge(out, change);
  return json::serialize(out);
}

}  // namespace marquee::admin
