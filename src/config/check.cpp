#include "config/check.hpp"

#include <map>

#include "config/address.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

// A request remembers where it has been in 64 bits (proxy/upstream/pool.cpp).
constexpr std::size_t kMaxEndpoints = 64;

// A URL as it may be shown: passwords stay out of logs.
std::string without_user(const std::string& url) {
  const auto begin = url.find("://");
  const auto end = url.rfind('@');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return url;
  return url.substr(0, begin + 3) + "..." + url.substr(end);
}

class Checker {
 public:
  Checker(const Settings& settings, const Files& files) : s_(settings), files_(files) {}

  std::vector<Problem> run() {
    for (std::size_t i = 0; i < s_.listeners.size(); ++i) {
      listener(s_.listeners[i], "listeners[" + std::to_string(i) + "]");
    }
    for (std::size_t i = 0; i < s_.trusted_proxies.size(); ++i) {
      const auto& network = s_.trusted_proxies[i];
      if (std::string why; !parse_network(*network, why)) {
        fault(network.mark,
              "trusted_proxies[" + std::to_string(i) + "] is " + in_quotes(*network) + ", " + why);
      }
    }
    if (s_.tls.min_version > s_.tls.max_version) {
      fault(s_.tls.versions_mark, "tls.min_version " + s_.tls.min_version +
                                      " is higher than tls.max_version " + s_.tls.max_version +
                                      "; write max_version: 1.3, or min_version: 1.2");
    }
    for (const auto& u : s_.upstreams) upstream(u, "upstreams." + u.name);
    hosts(s_.hosts);
    for (std::size_t i = 0; i < s_.domains.size(); ++i) {
      domain(s_.domains[i], "domains[" + std::to_string(i) + "]");
    }
    directory(s_.directory);
    tenants(s_.tenants);
    admin(s_.admin);
    return std::move(problems_);
  }

 private:
  void listener(const Listener& l, const std::string& where) {
    if (l.address.empty()) return;  // reported as missing
    std::string why;
    const auto address = parse_listen_address(l.address, why);
    if (!address) {
      fault(l.address_mark, where + ".address is " + in_quotes(l.address) + ", " + why);
    } else {
      taken(*address, l.address, l.address_mark, where + ".address");
      if (address->is_unix && l.public_port == 0) {
        fault(l.address_mark, where +
                                  ".address is a Unix socket, which has no port to show to "
                                  "clients; write public_port: 443 beside it");
      }
    }
    // On a Unix socket, who may connect is a matter of its permissions.
    if (l.proxy_protocol != ProxyProtocol::off && s_.trusted_proxies.empty() && address &&
        !address->is_unix) {
      fault(l.mark, where +
                        " reads the PROXY protocol, but nobody is trusted to write it; name the "
                        "networks of the balancers in trusted_proxies");
    }
    if (l.h2c && l.protocol == ListenerProtocol::https) {
      fault(l.mark,
            where +
                ".h2c is HTTP/2 without TLS, but this listener speaks https, where HTTP/2 is "
                "chosen by ALPN; remove it (http2.enabled is the switch there)");
    }
    if (!l.fallback->empty() && l.protocol == ListenerProtocol::http) {
      fault(l.fallback.mark, where +
                                 ".fallback answers clients without SNI, but this listener speaks "
                                 "http; remove it, or write protocol: https");
    }
  }

  // One address, one listener; port 0 is a new one each time.
  void taken(const ListenAddress& a, const std::string& text, Mark at, const std::string& where) {
    if (!a.is_unix && a.port == 0) return;
    const std::string key = a.is_unix ? "unix:" + a.path : canonical(a);
    const auto [first, fresh] = addresses_.emplace(key, where);
    if (fresh) return;
    fault(at, where + " is " + in_quotes(text) + ", the same as " + first->second +
                  "; remove one of them, or write another port");
  }

  static std::string canonical(const ListenAddress& a) {
    std::string why;
    const auto network = parse_network(a.host, why);  // its bytes, however it is written
    std::string key = std::to_string(a.port) + (a.is_v6 ? "/6/" : "/4/");
    if (network) key.append(network->bytes, network->bytes + 16);
    return key;
  }

  void upstream(const Upstream& u, const std::string& where) {
    bool https = false;
    bool faulty = false;
    std::map<std::string, std::size_t> seen;
    if (u.endpoints.size() > kMaxEndpoints)
      fault(u.endpoints[kMaxEndpoints].mark,
            where + " has " + std::to_string(u.endpoints.size()) +
                " endpoints, at most 64 are kept apart; write a DNS name with several addresses, "
                "or several pools");
    for (std::size_t i = 0; i < u.endpoints.size(); ++i) {
      const auto& text = u.endpoints[i];
      const std::string name = where + ".endpoints[" + std::to_string(i) + "]";
      std::string why;
      const auto endpoint = parse_endpoint(*text, why);
      if (!endpoint) {
        fault(text.mark, name + " is " + in_quotes(without_user(*text)) + ", " + why);
        faulty = true;
        continue;
      }
      https = https || endpoint->uses_tls();
      const std::string key = std::to_string(static_cast<int>(endpoint->kind)) +
                              lower_case(endpoint->host) + ":" + std::to_string(endpoint->port) +
                              endpoint->path;
      if (const auto [first, fresh] = seen.emplace(key, i); !fresh) {
        fault(text.mark, name + " is " + in_quotes(*text) + ", the same as endpoints[" +
                             std::to_string(first->second) + "]; remove one of them");
      }
    }
    if (u.tls.mark.line != 0 && !https && !faulty) {
      fault(u.tls.mark, where +
                            ".tls is given, but no endpoint begins with https://; remove it, or "
                            "write https:// endpoints");
    }
    if (!u.tls.ca_file.empty() && !u.tls.verify) {
      fault(u.tls.ca_mark,
            where + ".tls.ca_file is given, but verify is false; remove one of them");
    }
    if (!u.tls.ca_file.empty()) readable(u.tls.ca_file, u.tls.ca_mark, where + ".tls.ca_file");
    if (u.max_idle > u.max_connections) {
      fault(u.mark, where + ".max_idle " + std::to_string(u.max_idle) +
                        " is more than its max_connections " + std::to_string(u.max_connections) +
                        "; write max_idle: " + std::to_string(u.max_connections));
    }
  }

  void networks(const std::vector<Marked<std::string>>& list, const std::string& where) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::string why;
      if (!parse_network(*list[i], why))
        fault(list[i].mark,
              where + "[" + std::to_string(i) + "] is " + in_quotes(*list[i]) + ", " + why);
    }
  }

  void visitors(const Visitors& v, const std::string& where) {
    networks(v.allow, where + ".allow");
    networks(v.deny, where + ".deny");
    std::map<std::string, std::size_t> names;
    for (std::size_t i = 0; i < v.passwords.size(); ++i) {
      const std::string name = v.passwords[i]->substr(0, v.passwords[i]->find(':'));
      if (!names.emplace(name, i).second)
        fault(v.passwords[i].mark,
              where + ".passwords has " + in_quotes(name) + " twice; remove one of them");
    }
  }

  void hosts(const HostClasses& h) {
    visitors(h.app_visitors, "host_classes.app.visitors");
    visitors(h.sites_visitors, "host_classes.sites.visitors");
    visitors(h.custom_visitors, "host_classes.custom.visitors");
    if (!h.app_hosts.empty() && h.app_upstream->empty()) {
      fault(h.app_hosts.front().mark,
            "host_classes.app has hosts, but no upstream; write upstream: NAME beside them");
    }
    if (h.app_hosts.empty() && !h.app_upstream->empty()) {
      fault(h.app_upstream.mark,
            "host_classes.app has an upstream, but no hosts; write hosts: [app.example.com] beside "
            "it");
    }
    if (!h.sites_base->empty() && h.sites_upstream->empty()) {
      fault(h.sites_base.mark,
            "host_classes.sites has a base, but no upstream; write upstream: NAME beside it");
    }
    if (h.sites_base->empty() && !h.sites_upstream->empty()) {
      fault(h.sites_upstream.mark,
            "host_classes.sites has an upstream, but no base; write base: sites.example.com beside "
            "it");
    }
  }

  void domain(const Domain& d, const std::string& where) {
    const bool wildcard = d.host->rfind("*.", 0) == 0;
    if (d.force_www != WwwRule::either && wildcard) {
      fault(d.force_www_mark,
            where + ".force_www is set, but a wildcard has no www name; remove it");
    } else if (d.force_www != WwwRule::either && !d.pair) {
      fault(d.force_www_mark, where +
                                  ".force_www leads between the bare name and www, but pair is "
                                  "false; remove one of them");
    }
    visitors(d.visitors, where + ".visitors");
    for (const auto& pem : d.certificates) {
      readable(pem.cert_file, pem.cert_mark, where + ".certificate: cert_file");
      readable(pem.key_file, pem.key_mark, where + ".certificate: key_file");
    }
  }

  void directory(const Directory& d) {
    const bool sqlite = d.kind == DirectoryKind::sqlite;
    const bool postgres = d.kind == DirectoryKind::postgres;
    if (!d.path.empty() && !sqlite) {
      fault(d.path_mark,
            "directory.path is given, but directory.kind is not sqlite; remove the "
            "path, or write kind: sqlite");
    }
    if (d.url_mark.line != 0 && !postgres) {
      fault(d.url_mark,
            "directory.url is given, but directory.kind is not postgres; remove the "
            "url, or write kind: postgres");
    }
    if (postgres && d.url_mark.line == 0) {
      fault(d.kind_mark,
            "directory.kind is postgres, but there is no url; write url: "
            "postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full");
    }
    if (postgres && d.trust_status == Trust::unset) {
      fault(d.mark,
            "directory.trust_directory_status is missing, and for postgres it has no default; "
            "write true if no tenant can write the domain rows (then a row that says active is "
            "served), or false if tenants can (then only names are served whose ownership Marquee "
            "has proved itself)");
    }
    if (d.kind == DirectoryKind::yaml) return;
    if (d.modules.upstream->empty()) {
      fault(d.kind_mark,
            "directory.modules has no upstream for the domains of the directory; "
            "write modules: { upstream: NAME }");
    }
    if (d.cache.max_stale < d.cache.ttl) {
      fault(d.mark, "directory.cache.max_stale " + show_duration(d.cache.max_stale) +
                        " is shorter than its ttl " + show_duration(d.cache.ttl) +
                        "; write max_stale: 24h");
    }
  }

  void tenants(const Tenants& t) {
    const bool asks = t.membership || t.cors || t.module_apis;
    if (asks && s_.directory.kind == DirectoryKind::yaml) {
      fault(t.mark, std::string("tenants.") +
                        (t.membership ? "membership"
                         : t.cors     ? "cors"
                                      : "module_apis") +
                        " is asked of a directory's tables, but directory.kind is yaml, which has "
                        "none; write kind: sqlite or postgres, or remove it");
    }
    if (!t.modules.empty() && !t.module_apis) {
      fault(t.modules.front().mark,
            "tenants.modules names pools of modules' APIs, but module_apis is not on; write "
            "module_apis: true beside it");
    }
    if (t.record_calls_mark.line == 0 || t.record_calls == RecordCalls::off) return;
    if (s_.directory.kind == DirectoryKind::yaml) {
      fault(t.record_calls_mark,
            "tenants.record_calls writes into the directory's database, but directory.kind is "
            "yaml, which has none; write kind: sqlite or postgres, or record_calls: off");
    } else if (!t.module_apis) {
      fault(t.record_calls_mark,
            "tenants.record_calls is about calls of modules' APIs, but module_apis is not on; "
            "write module_apis: true beside it, or remove it");
    }
  }

  void admin(const Admin& a) {
    const std::string socket = a.socket.empty() ? s_.state_dir + "/admin.sock" : a.socket;
    if (socket.size() > 107) {
      fault(a.mark,
            "the admin socket " + in_quotes(socket) +
                " is longer than the 107 bytes of a Unix socket; write a shorter admin.socket");
    }
    if (a.address.empty()) {
      if (!a.token.empty()) {
        fault(a.token_mark,
              "admin has a token, but no address that it could guard; write address: "
              "127.0.0.1:9180, or remove the token");
      }
      return;
    }
    std::string why;
    const auto address = parse_listen_address(a.address, why);
    if (!address) {
      fault(a.address_mark, "admin.address is " + in_quotes(a.address) + ", " + why);
    } else if (address->is_unix) {
      fault(a.address_mark, "admin.address is a Unix socket; write socket: " + address->path);
    } else {
      taken(*address, a.address, a.address_mark, "admin.address");
      if (a.token.empty() && a.token_mark.line == 0) {
        fault(a.address_mark,
              "admin.address listens on TCP without a token; write token_file: PATH, or remove the "
              "address and use the Unix socket");
      }
    }
  }

  void readable(const std::string& path, Mark at, const std::string& where) {
    if (path.empty()) return;  // reported as missing
    if (const auto why = files_.unreadable(path); !why.empty()) {
      fault(at, where + " names " + in_quotes(path) + ", which cannot be read: " + why +
                    "; write the path of a PEM file");
    }
  }

  void fault(Mark at, std::string sentence) { problems_.push_back({at, std::move(sentence)}); }

  const Settings& s_;
  const Files& files_;
  std::vector<Problem> problems_;
  std::map<std::string, std::string> addresses_;  // canonical address -> key that has it
};

}  // namespace

std::vector<Problem> check_values(const Settings& settings, const Files& files) {
  return Checker(settings, files).run();
}

std::vector<Problem> check_presence(const Settings& settings) {
  std::vector<Problem> out;
  if (settings.listeners.empty()) {
    out.push_back(
        {{0, 1, 1}, "there are no listeners; write listeners: [{ address: \"0.0.0.0:8443\" }]"});
  }
  if (settings.upstreams.empty() && !settings.domains.empty()) {
    out.push_back({settings.domains.front().mark,
                   "there are domains, but no upstreams; write upstreams: { app: "
                   "\"http://127.0.0.1:9000\" }"});
  }
  return out;
}

std::vector<Problem> check(const Settings& settings, const Files& files) {
  auto out = check_values(settings, files);
  auto missing = check_presence(settings);
  out.insert(out.end(), missing.begin(), missing.end());
  return out;
}

}  // namespace marquee::config
