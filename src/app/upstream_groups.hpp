// The named pools of the settings as groups of endpoints, and their addresses:
// resolved on the control thread, posted to the workers when they change.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "config/settings.hpp"
#include "net/resolver.hpp"
#include "proxy/upstream/endpoint_group.hpp"

namespace marquee::app {

class UpstreamGroups {
 public:
  using Groups = std::vector<std::shared_ptr<proxy::EndpointGroup>>;
  // Tells all workers the addresses of one endpoint.
  using Publish =
      std::function<void(const std::shared_ptr<proxy::EndpointGroup>& group, std::size_t endpoint,
                         std::vector<proxy::SocketAddress> addresses)>;

  UpstreamGroups(boost::asio::io_context& control, base::Logger& logger, Publish publish);

  struct Prepared {
    Groups groups;      // by index of Settings::upstreams
    std::string error;  // a sentence; empty: `groups` may be put in force
  };
  // Groups that are equal in endpoints and TLS are those in force.
  Prepared prepare(const config::Settings& settings) const;
  // After the workers have them: publishes what is known at once, resolves the rest.
  void put_in_force(Groups groups, const config::Settings& settings);

  const Groups& in_force() const { return groups_; }

 private:
  void publish_name(const std::string& name, const std::vector<base::IpAddress>& addresses);

  boost::asio::io_context& control_;
  base::Logger& logger_;
  net::Resolver resolver_;
  std::unique_ptr<net::ResolvedSet> names_;
  Publish publish_;
  Groups groups_;
  // The last good answer of each name, for groups made by a reload.
  std::map<std::string, std::vector<base::IpAddress>> known_;
};

}  // namespace marquee::app
