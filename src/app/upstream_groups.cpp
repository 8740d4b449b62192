#include "app/upstream_groups.hpp"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "base/log.hpp"
#include "tls/digest.hpp"

namespace marquee::app {
namespace {

proxy::SocketAddress socket_address(const base::IpAddress& ip, std::uint16_t port) {
  proxy::SocketAddress out;
  if (ip.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.bytes().data() + 12, 4);
    out.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes().data(), 16);
    out.size = sizeof v6;
  }
  return out;
}

proxy::SocketAddress unix_address(const std::string& path) {
  proxy::SocketAddress out;
  auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
  un.sun_family = AF_UNIX;
  std::strncpy(un.sun_path, path.c_str(), sizeof un.sun_path - 1);
  out.size = sizeof un;
  return out;
}

// Equal enough for connections and health to go on.
bool same_group(const proxy::EndpointGroup& a, const proxy::EndpointGroup& b) {
  if (a.name != b.name || a.endpoints.size() != b.endpoints.size()) return false;
  for (std::size_t i = 0; i < a.endpoints.size(); ++i)
    if (!(a.endpoints[i]->key == b.endpoints[i]->key)) return false;
  return true;
}

// Of what the file holds now: a renewed one of the same name is another.
std::string digest_of_file(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  return std::string(tls::bytes_of(tls::digest_of({content})));
}

std::shared_ptr<proxy::EndpointGroup> make_group(const config::Upstream& settings,
                                                 std::string& error) {
  auto group = std::make_shared<proxy::EndpointGroup>();
  group->name = settings.name;
  const std::string ca_digest = digest_of_file(settings.tls.ca_file);
  for (const auto& text : settings.endpoints) {
    proxy::EndpointResult parsed = proxy::parse_endpoint(*text);
    if (!parsed.endpoint) {
      error = parsed.error;
      return nullptr;
    }
    auto endpoint = std::make_unique<proxy::SharedEndpoint>();
    endpoint->endpoint = std::move(*parsed.endpoint);
    endpoint->key = proxy::pool_key(endpoint->endpoint, settings.tls, ca_digest);
    endpoint->text = endpoint->endpoint.text();
    endpoint->server_name =
        settings.tls.server_name.empty() ? endpoint->endpoint.host : settings.tls.server_name;
    const bool h2 = endpoint->endpoint.multiplexed();
    auto& context = h2 ? group->tls_h2 : group->tls;
    if (endpoint->endpoint.uses_tls() && !context) {
      auto made = h2 ? tls::ClientContext::make(settings.tls, {"h2"})
                     : tls::ClientContext::make(settings.tls);
      if (!made.value) {
        error = "upstream " + settings.name + ": " + made.error;
        return nullptr;
      }
      context = std::move(made.value);
    }
    group->endpoints.push_back(std::move(endpoint));
  }
  return group;
}

}  // namespace

UpstreamGroups::UpstreamGroups(boost::asio::io_context& control, base::Logger& logger,
                               Publish publish)
    : control_(control), logger_(logger), resolver_(control, {}), publish_(std::move(publish)) {}

UpstreamGroups::Prepared UpstreamGroups::prepare(const config::Settings& settings) const {
  Prepared out;
  for (const config::Upstream& upstream : settings.upstreams) {
    auto group = make_group(upstream, out.error);
    if (!group) return out;
    for (const auto& old : groups_) {
      if (old->name != group->name) continue;
      if (same_group(*old, *group)) {
        group = old;
        break;
      }
      const proxy::EjectionRule rule =
          proxy::ejection_rule(upstream.ejection, group->endpoints.size());
      for (auto& mine : group->endpoints)
        for (const auto& theirs : old->endpoints)
          if (mine->key == theirs->key) mine->health.adopt(theirs->health, rule, group->share);
    }
    out.groups.push_back(std::move(group));
  }
  return out;
}

void UpstreamGroups::put_in_force(Groups groups, const config::Settings& settings) {
  groups_ = std::move(groups);
  std::map<std::string, std::chrono::milliseconds> wanted;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g]->endpoints.size(); ++i) {
      const proxy::Endpoint& e = groups_[g]->endpoints[i]->endpoint;
      if (e.scheme == proxy::EndpointScheme::unix_socket) {
        publish_(groups_[g], i, {unix_address(e.host)});
      } else if (e.ip_literal) {
        if (const auto ip = base::IpAddress::parse(e.host))
          publish_(groups_[g], i, {socket_address(*ip, e.port)});
      } else {
        const auto interval = settings.upstreams[g].resolve;
        auto [it, fresh] = wanted.emplace(e.host, interval);
        if (!fresh && interval < it->second) it->second = interval;
      }
    }
  }
  std::erase_if(known_, [&](const auto& k) { return !wanted.contains(k.first); });
  for (const auto& [name, addresses] : known_) publish_name(name, addresses);
  std::vector<net::ResolvedSet::Name> names;
  names.reserve(wanted.size());
  for (const auto& [name, interval] : wanted) names.push_back({name, interval});
  names_.reset();
  if (names.empty()) return;
  names_ = std::make_unique<net::ResolvedSet>(
      control_, resolver_, std::move(names),
      [this](const std::string& name, const net::Addresses& addresses) {
        known_[name] = *addresses;
        publish_name(name, *addresses);
      },
      [this](const std::string& name, const net::ResolveResult& result) {
        logger_.warn("upstream name does not resolve",
                     {{"name", name}, {"reason", result.sentence}});
        // Requests need not wait for a name that has no address.
        if (!known_.contains(name)) publish_name(name, {});
      });
}

void UpstreamGroups::publish_name(const std::string& name,
                                  const std::vector<base::IpAddress>& addresses) {
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group->endpoints.size(); ++i) {
      const proxy::Endpoint& e = group->endpoints[i]->endpoint;
      if (!e.uses_dns() || e.host != name) continue;
      std::vector<proxy::SocketAddress> out;
      for (const base::IpAddress& ip : addresses) out.push_back(socket_address(ip, e.port));
      publish_(group, i, std::move(out));
    }
  }
}

}  // namespace marquee::app
