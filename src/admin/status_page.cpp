#include "admin/status_page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

namespace marquee::admin {
namespace {

namespace json = boost::json;
using Row = std::vector<std::string>;

constexpr std::size_t label_width = 14;

// Text that came from settings or strangers must not command a terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out;
}

std::string text(const json::object& o, std::string_view key) {
  const json::value* const v = o.if_contains({key.data(), key.size()});
  const json::string* const s = v ? v->if_string() : nullptr;
  return s ? printable({s->data(), s->size()}) : "";
}

std::int64_t number(const json::object& o, std::string_view key) {
  const json::value* const v = o.if_contains({key.data(), key.size()});
  if (!v || !v->is_number()) return 0;
  boost::system::error_code error;
  const auto n = v->to_number<std::int64_t>(error);
  return error ? 0 : n;
}

const json::object* object(const json::object& o, std::string_view key) {
  const json::value* const v = o.if_contains({key.data(), key.size()});
  return v ? v->if_object() : nullptr;
}

std::vector<const json::object*> objects(const json::object& o, std::string_view key) {
  std::vector<const json::object*> out;
  const json::value* const v = o.if_contains({key.data(), key.size()});
  if (const json::array* const a = v ? v->if_array() : nullptr) {
    for (const json::value& item : *a) {
      if (const json::object* const each = item.if_object()) out.push_back(each);
    }
  }
  return out;
}

std::string grouped(std::int64_t n) {  // 1,234,567
  std::string digits = std::to_string(n);
  const std::size_t first = n < 0 ? 1 : 0;
  for (std::size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
  return digits;
}

std::string counted(std::int64_t n, std::string_view one, std::string_view many) {
  return grouped(n) + " " + std::string(n == 1 ? one : many);
}

void line(std::string& page, std::string_view label, const std::string& value) {
  if (value.empty()) return;
  std::string start(label);
  start.resize(label_width, ' ');
  page += start + value + "\n";
}

// Columns as wide as their widest cell, two spaces between, none at the end.
void table(std::string& page, const std::vector<Row>& rows, std::size_t indent) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string out(indent, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - row[i].size() + 2, ' ');
    }
    page += out + "\n";
  }
}

std::string state_words(const std::string& state, const json::object& s) {
  const std::string uptime = duration_words(number(s, "uptime_ms"));
  if (state == "serving") return "serving for " + uptime;
  if (state == "draining") return "draining: no new connections, finishing what is under way";
  return state + ", up for " + uptime;
}

void head(std::string& page, const json::object& s) {
  page += "Marquee " + text(s, "version") + ", " + state_words(text(s, "state"), s) + " (pid " +
          std::to_string(number(s, "pid")) + ", " +
          counted(number(s, "workers"), "worker", "workers") + ")\n\n";
  line(page, "Started", text(s, "started"));
  line(page, "Settings", text(s, "settings_file"));
}

void reload(std::string& page, const json::object& s) {
  const json::object* const r = object(s, "last_reload");
  if (!r) {
    line(page, "Last reload", "none since the start");
    return;
  }
  const json::value* const ok = r->if_contains("ok");
  const bool good = ok && ok->is_bool() && ok->as_bool();
  line(page, "Last reload",
       good ? text(*r, "at") + ", took " + duration_words(number(*r, "duration_ms"))
            : text(*r, "at") + ", FAILED: the settings before it stay in force");
  if (const json::value* const problems = r->if_contains("problems");
      problems && problems->is_array()) {
    for (const json::value& p : problems->as_array()) {
      if (p.is_string()) line(page, "", printable({p.as_string().data(), p.as_string().size()}));
    }
  }
}

// "2xx 12   4xx 3"; counts of zero only with `zeros`.
std::string counts(const json::object& from, bool zeros) {
  std::string out;
  for (const auto& [kind, count] : from) {
    const std::string_view name(kind.data(), kind.size());
    const std::int64_t n = number(from, name);
    if (n == 0 && !zeros) continue;
    if (!out.empty()) out += "   ";
    out += printable(name) + " " + grouped(n);
  }
  return out;
}

// Said only where a bound is met, or was.
void overload(std::string& page, const json::object& s) {
  const json::object* const o = object(s, "overload");
  if (!o) return;
  constexpr std::int64_t mib = 1 << 20;
  line(page, "Memory",
       grouped(number(*o, "resident_bytes") / mib) + " MiB of " +
           grouped(number(*o, "memory_limit_bytes") / mib) + " MiB");
  std::string reasons;
  if (const json::value* const list = o->if_contains("reasons"); list && list->is_array()) {
    for (const json::value& reason : list->as_array()) {
      if (!reason.is_string()) continue;
      reasons += (reasons.empty() ? "" : ", ") +
                 printable({reason.as_string().data(), reason.as_string().size()});
    }
  }
  if (!reasons.empty()) line(page, "OVERLOADED", "no new connections: " + reasons);
  if (const json::object* const refused = object(*o, "refused"))
    line(page, "Refused", counts(*refused, false));
  if (const std::int64_t n = number(*o, "accept_pauses"); n > 0)
    line(page, "Accepting", "paused " + counted(n, "time", "times") + " for want of descriptors");
}

void directory(std::string& page, const json::object& s) {
  const json::object* const d = object(s, "directory");
  if (!d) return;
  const std::string state = text(*d, "state");
  line(page, "Directory", state.empty() ? text(*d, "where") : state);
  line(page, "", counted(number(*d, "known_names"), "name", "names") + " known");
  const json::object* const snapshot = object(*d, "snapshot");
  if (!snapshot) return;
  const json::value* const in_use = snapshot->if_contains("in_use");
  if (in_use && in_use->is_bool() && in_use->as_bool())
    line(page, "ON SNAPSHOT",
         "the directory is down; " + counted(number(*snapshot, "loaded"), "domain", "domains") +
             " as last known");
  if (const std::string refused = text(*snapshot, "refused"); !refused.empty())
    line(page, "", "snapshot file refused (" + refused + "); see the log");
}

void traffic(std::string& page, const json::object& s) {
  line(page, "Connections",
       counted(number(s, "connections"), "client", "clients") + ", " +
           counted(number(s, "upstream_connections"), "upstream", "upstreams") + ", " +
           counted(number(s, "requests_in_flight"), "request", "requests") + " under way");
  const json::object* const requests = object(s, "requests");
  if (!requests) return;
  const std::string classes = counts(*requests, true);
  line(page, "Requests", classes.empty() ? "none yet" : classes);
}

void tables(std::string& page, const json::object& s) {
  std::vector<Row> rows{{"POOL", "ENDPOINT", "STATE", "FAILURES", "CONNECTIONS"}};
  for (const json::object* const u : objects(s, "upstreams")) {
    rows.push_back({text(*u, "pool"), text(*u, "endpoint"), text(*u, "state"),
                    grouped(number(*u, "failures")), grouped(number(*u, "connections"))});
  }
  if (rows.size() > 1) {
    page += "\nUpstreams\n";
    table(page, rows, 2);
  }
  const json::object* const certificates = object(s, "certificates");
  if (!certificates) return;
  page += "\n";
  line(page, "Certificates", grouped(number(*certificates, "loaded")) + " loaded");
  rows = {{"EXPIRES", "ISSUER", "NAMES"}};
  for (const json::object* const c : objects(*certificates, "expire_first")) {
    rows.push_back({text(*c, "not_after"), text(*c, "issuer"), text(*c, "names")});
  }
  if (rows.size() > 1) table(page, rows, 2);
}

void access_log(std::string& page, const json::object& s) {
  const json::object* const log = object(s, "access_log");
  if (!log) return;
  std::string words = counted(number(*log, "written"), "record", "records") + " written, " +
                      grouped(number(*log, "lost")) + " lost";
  if (const std::string error = text(*log, "error"); !error.empty()) words += " (" + error + ")";
  line(page, "Access log", words);
}

}  // namespace

std::string duration_words(std::int64_t ms) {
  struct Unit {
    const char* name;
    std::int64_t size;
  };
  constexpr Unit units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}};
  ms = std::max<std::int64_t>(ms, 0);
  for (std::size_t i = 0; i < std::size(units); ++i) {
    if (ms < units[i].size) continue;
    std::string out = std::to_string(ms / units[i].size) + " " + units[i].name;
    if (i + 1 < std::size(units)) {
      const std::int64_t rest = ms % units[i].size / units[i + 1].size;
      if (rest > 0) out += " " + std::to_string(rest) + " " + units[i + 1].name;
    }
    return out;
  }
  return std::to_string(ms) + " ms";
}

std::optional<std::string> status_page(std::string_view status_json) {
  boost::system::error_code error;
  const json::value value = json::parse({status_json.data(), status_json.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& s = value.get_object();
  std::string page;
  head(page, s);
  reload(page, s);
  std::string label = "Listening";
  for (const json::object* const l : objects(s, "listeners")) {
    const std::string address = text(*l, "address"), configured = text(*l, "configured");
    line(page, label,
         text(*l, "protocol") + " on " + address +
             (address == configured ? "" : " (settings: " + configured + ")"));
    label.clear();
  }
  traffic(page, s);
  overload(page, s);
  directory(page, s);
  if (const auto n = number(s, "snapshots_alive"); n > 1) {
    line(page, "Settings held", grouped(n) + " versions (requests still run under older ones)");
  }
  tables(page, s);
  access_log(page, s);
  return page;
}

}  // namespace marquee::admin
