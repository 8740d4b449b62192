#include "admin/status_json.hpp"

#include <boost/json.hpp>
#include <cstdio>

namespace marquee::admin {
namespace {

namespace json = boost::json;

std::string rfc3339(WallTime time) {
  namespace chr = std::chrono;
  const auto day = chr::floor<chr::days>(time);
  const chr::year_month_day date{day};
  const chr::hh_mm_ss clock{chr::floor<chr::seconds>(time - day)};
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

const char* name(ServerState state) {
  switch (state) {
    case ServerState::starting:
      return "starting";
    case ServerState::serving:
      return "serving";
    case ServerState::draining:
      return "draining";
  }
  return "starting";
}

json::array strings(const std::vector<std::string>& from) {
  json::array out;
  for (const std::string& s : from) out.emplace_back(s);
  return out;
}

json::value last_reload(const ReloadStatus& r) {
  if (!r.happened) return nullptr;
  return json::object{{"ok", r.ok},
                      {"at", rfc3339(r.at)},
                      {"duration_ms", r.duration.count()},
                      {"problems", strings(r.problems)}};
}

json::object overload_json(const OverloadStatus& o) {
  json::object refused;
  for (const auto& [reason, count] : o.refused) refused[reason] = count;
  return {{"reasons", strings(o.reasons)},          {"resident_bytes", o.resident},
          {"memory_limit_bytes", o.memory_limit},   {"connection_limit", o.connection_limit},
          {"descriptor_limit", o.descriptor_limit}, {"refused", std::move(refused)},
          {"accept_pauses", o.accept_pauses}};
}

json::value directory_json(const DirectoryStatus& d) {
  if (d.where.empty()) return nullptr;
  const DirectoryStatus::Snapshot& s = d.snapshot;
  json::value snapshot;
  if (!s.file.empty())
    snapshot =
        json::object{{"file", s.file},
                     {"loaded", s.loaded},
                     {"refused", s.refused.empty() ? json::value(nullptr) : json::value(s.refused)},
                     {"in_use", s.in_use},
                     {"written", s.written == WallTime{} ? json::value(nullptr)
                                                         : json::value(rfc3339(s.written))},
                     {"domains", s.domains},
                     {"certificates", s.certificates},
                     {"bytes", s.bytes}};
  return json::object{{"where", d.where},
                      {"state", d.state},
                      {"live", d.live},
                      {"staleness_ms", d.staleness.count()},
                      {"generation", d.generation},
                      {"known_names", d.known_names},
                      {"snapshot", std::move(snapshot)}};
}

}  // namespace

std::string status_json(const Status& s) {
  json::object requests;
  for (const auto& [kind, count] : s.requests) requests[kind] = count;
  json::array listeners, upstreams, certificates;
  for (const ListenerStatus& l : s.listeners) {
    listeners.push_back(json::object{
        {"configured", l.configured}, {"address", l.address}, {"protocol", l.protocol}});
  }
  for (const UpstreamStatus& u : s.upstreams) {
    upstreams.push_back(json::object{{"pool", u.pool},
                                     {"endpoint", u.endpoint},
                                     {"state", u.state},
                                     {"failures", u.failures},
                                     {"connections", u.connections}});
  }
  for (const CertificateStatus& c : s.certificates) {
    certificates.push_back(json::object{
        {"names", c.names}, {"issuer", c.issuer}, {"not_after", rfc3339(c.not_after)}});
  }
  return json::serialize(json::object{
      {"version", s.version},
      {"pid", s.pid},
      {"started", rfc3339(s.started)},
      {"uptime_ms", s.uptime.count()},
      {"state", name(s.state)},
      {"workers", s.workers},
      {"listeners", std::move(listeners)},
      {"settings_file", s.settings_file},
      {"last_reload", last_reload(s.last_reload)},
      {"snapshots_alive", s.snapshots_alive},
      {"overload", overload_json(s.overload)},
      {"directory", directory_json(s.directory)},
      {"connections", s.connections},
      {"upstream_connections", s.upstream_connections},
      {"requests_in_flight", s.requests_in_flight},
      {"requests", std::move(requests)},
      {"upstreams", std::move(upstreams)},
      {"certificates",
       json::object{{"loaded", s.certificates_loaded}, {"expire_first", std::move(certificates)}}},
      {"access_log",
       json::object{{"written", s.log_written}, {"lost", s.log_lost}, {"error", s.log_error}}},
  });
}

std::string reload_json(const ReloadResult& r) {
  return json::serialize(json::object{
      {"ok", r.ok}, {"duration_ms", r.duration.count()}, {"problems", strings(r.problems)}});
}

std::string problem_json(unsigned status, std::string_view title, std::string_view detail) {
  const auto view = [](std::string_view s) { return json::string_view(s.data(), s.size()); };
  return json::serialize(json::object{{"type", "about:blank"},
                                      {"title", view(title)},
                                      {"status", status},
                                      {"detail", view(detail)}});
}

}  // namespace marquee::admin
