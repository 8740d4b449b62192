#include "config/change.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "config/text.hpp"

namespace marquee::config {
namespace {

ListenerChange listeners(const std::vector<Listener>& old, const std::vector<Listener>& next) {
  ListenerChange out;
  // Several may have port 0: each is used once, in order.
  std::multimap<std::string, std::size_t> left;
  for (std::size_t i = 0; i < old.size(); ++i) left.emplace(old[i].address, i);
  for (std::size_t i = 0; i < next.size(); ++i) {
    const auto found = left.find(next[i].address);
    if (found == left.end()) {
      out.added.push_back(i);
    } else {
      out.kept.emplace_back(found->second, i);
      left.erase(found);
    }
  }
  for (const auto& [address, i] : left) out.removed.push_back(i);
  std::sort(out.removed.begin(), out.removed.end());
  return out;
}

std::set<std::string> endpoints(const Upstream& u) {
  std::set<std::string> out;
  for (const auto& e : u.endpoints) out.insert(*e);
  return out;
}

auto tls(const Upstream& u) { return std::tie(u.tls.ca_file, u.tls.server_name, u.tls.verify); }

auto tuning(const Upstream& u) {
  return std::tie(u.balance, u.max_idle, u.max_connections, u.idle, u.connect, u.first_byte,
                  u.read_idle, u.total, u.resolve, u.host_field, u.ejection.consecutive_failures,
                  u.ejection.duration, u.ejection.max_percent, u.http2.max_connections,
                  u.http2.max_streams, u.http2.tenant_share, u.http2.stream_window,
                  u.http2.ping_timeout);
}

UpstreamChange upstream(const Upstream& old, const Upstream& next) {
  using Fate = UpstreamChange::Fate;
  const auto before = endpoints(old);
  const auto after = endpoints(next);
  UpstreamChange out{next.name, Fate::replaced, {}};
  if (tls(old) != tls(next)) return out;
  std::set_intersection(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(out.kept));
  if (before == after) {
    out.fate = tuning(old) == tuning(next) ? Fate::same : Fate::retuned;
  } else if (!out.kept.empty()) {
    out.fate = Fate::altered;
  }
  return out;
}

std::vector<UpstreamChange> upstreams(const std::vector<Upstream>& old,
                                      const std::vector<Upstream>& next) {
  std::map<std::string, std::pair<const Upstream*, const Upstream*>> by_name;
  for (const auto& u : old) by_name[u.name].first = &u;
  for (const auto& u : next) by_name[u.name].second = &u;
  std::vector<UpstreamChange> out;
  for (const auto& [name, pair] : by_name) {
    if (pair.first == nullptr) {
      out.push_back({name, UpstreamChange::Fate::added, {}});
    } else if (pair.second == nullptr) {
      out.push_back({name, UpstreamChange::Fate::removed, {}});
    } else {
      out.push_back(upstream(*pair.first, *pair.second));
    }
  }
  return out;
}

// What is opened once: the source itself, and what is remembered of it.
auto opened(const Directory& d) {
  return std::tie(d.kind, d.path, d.url, d.encryption_key, d.poll_interval, d.timeout, d.cache,
                  d.snapshot);
}

// Where rows lead and which are refused is asked anew for each of them. With
// another kind of source that is not meant for the rows of this one.
Directory until_restart(const Directory& old, const Directory& next) {
  Directory out = old;
  if (next.kind != old.kind) return out;
  out.trust_status = next.trust_status;
  out.modules = next.modules;
  out.sites = next.sites;
  out.refused_agencies = next.refused_agencies;
  out.refused_subscriptions = next.refused_subscriptions;
  out.serve_unpublished = next.serve_unpublished;
  return out;
}

bool same(const LimitRedis& a, const LimitRedis& b) {
  const auto values = [](const std::vector<Marked<std::string>>& list) {
    std::vector<std::string> out;
    for (const auto& item : list) out.push_back(*item);
    return out;
  };
  if (values(a.sentinels) != values(b.sentinels) || values(a.cluster) != values(b.cluster))
    return false;
  const auto all = [](const LimitRedis& r) {
    return std::tie(*r.address, *r.master, r.sentinel_username, r.sentinel_password, r.username,
                    r.password, r.database, r.key_prefix, r.tls, r.ca_file, r.server_name,
                    r.timeout);
  };
  return all(a) == all(b);
}

std::string shown_keys(ContextKeys keys) {
  constexpr const char* words[] = {"auto", "state_dir", "directory"};
  return words[static_cast<std::size_t>(keys)];
}

std::string shown_workers(std::uint32_t n) { return n == 0 ? "auto" : std::to_string(n); }

}  // namespace

Change compare(const Settings& old, const Settings& next) {
  Change out;
  out.listeners = listeners(old.listeners, next.listeners);
  out.upstreams = upstreams(old.upstreams, next.upstreams);
  out.access_log = std::tie(old.log.access_file, old.log.access_format) !=
                   std::tie(next.log.access_file, next.log.access_format);
  out.log = std::tie(old.log.file, old.log.level) != std::tie(next.log.file, next.log.level);
  out.admin_token = old.admin.token != next.admin.token;

  const auto waits = [&out](const std::string& key, const std::string& before,
                            const std::string& after) {
    if (before == after) return;
    out.restart.push_back(key + " changed from " + before + " to " + after +
                          ", which takes a restart; " + before + " stays in force");
  };
  waits("workers", shown_workers(old.workers), shown_workers(next.workers));
  waits("state_dir", in_quotes(old.state_dir), in_quotes(next.state_dir));
  waits("admin.socket", in_quotes(old.admin.socket), in_quotes(next.admin.socket));
  waits("admin.address", in_quotes(old.admin.address), in_quotes(next.admin.address));
  waits("log.queue", show_size(old.log.queue), show_size(next.log.queue));
  for (const auto& [was, is] : out.listeners.kept)
    waits("listeners[" + std::to_string(is) + "].backlog",
          std::to_string(old.listeners[was].backlog), std::to_string(next.listeners[is].backlog));
  waits("tls.certificate_cache", show_size(old.tls.certificate_cache),
        show_size(next.tls.certificate_cache));
  waits("tls.ticket_rotation", show_duration(old.tls.ticket_rotation),
        show_duration(next.tls.ticket_rotation));
  waits("tls.failed_handshake_burst", std::to_string(old.tls.failed_handshake_burst),
        std::to_string(next.tls.failed_handshake_burst));
  waits("tls.failed_handshake_rate", show_decimal(old.tls.failed_handshake_rate),
        show_decimal(next.tls.failed_handshake_rate));
  waits("rate_limits.memory", show_size(old.rate_limits.memory),
        show_size(next.rate_limits.memory));
  const auto mode = [](const Settings& s) {
    return std::string(s.rate_limits.mode == LimitMode::exact ? "exact" : "leased");
  };
  waits("rate_limits.mode", mode(old), mode(next));
  if (!same(old.rate_limits.redis, next.rate_limits.redis)) {
    out.restart.emplace_back(
        "rate_limits.redis changed, which takes a restart; what it was stays in force");
  }
  waits("context.jwks_path", in_quotes(*old.context.jwks_path), in_quotes(*next.context.jwks_path));
  waits("context.keys", shown_keys(old.context.keys), shown_keys(next.context.keys));
  if (opened(old.directory) != opened(next.directory)) {
    out.restart.emplace_back(
        "directory changed, which takes a restart; what it was stays in force (modules, "
        "sites, trust_directory_status, refused_* and serve_unpublished follow at once)");
  }
  return out;
}

Settings until_restart(const Settings& old, Settings next) {
  next.workers = old.workers;
  next.state_dir = old.state_dir;
  next.admin.socket = old.admin.socket;
  next.admin.address = old.admin.address;
  // An address that is still served is not left without its token.
  if (!next.admin.address.empty() && next.admin.token.empty()) next.admin.token = old.admin.token;
  next.log.queue = old.log.queue;
  next.rate_limits.memory = old.rate_limits.memory;
  next.rate_limits.redis = old.rate_limits.redis;
  next.rate_limits.mode = old.rate_limits.mode;
  next.directory = until_restart(old.directory, next.directory);
  next.context.jwks_path = old.context.jwks_path;
  next.context.keys = old.context.keys;
  for (const auto& [was, is] : listeners(old.listeners, next.listeners).kept)
    next.listeners[is].backlog = old.listeners[was].backlog;
  next.tls.certificate_cache = old.tls.certificate_cache;
  next.tls.ticket_rotation = old.tls.ticket_rotation;
  next.tls.failed_handshake_burst = old.tls.failed_handshake_burst;
  next.tls.failed_handshake_rate = old.tls.failed_handshake_rate;
  return next;
}

std::string lost_pool(const Settings& settings) {
  for (const DirectoryRoute* route : {&settings.directory.modules, &settings.directory.sites}) {
    const std::string& name = *route->upstream;
    const bool known =
        name.empty() || std::any_of(settings.upstreams.begin(), settings.upstreams.end(),
                                    [&](const Upstream& u) { return u.name == name; });
    if (!known)
      return "the directory in force sends domains to the upstream " + in_quotes(name) +
             ": keep it in the settings until the restart";
  }
  return {};
}

}  // namespace marquee::config
