// What all workers share of one named pool: its endpoints, their health, and
// their addresses. Health is atomic; addresses are replaced by posting a new
// list to each worker.
#pragma once
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "proxy/upstream/ejection.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "tls/context.hpp"

namespace marquee::proxy {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  friend bool operator==(const SocketAddress& a, const SocketAddress& b);
};

struct SharedEndpoint {
  Endpoint endpoint;
  PoolKey key;              // over a reload connections and health go to an equal one
  std::string text;         // "https://runtime.internal:8443", for logs and metrics
  std::string server_name;  // SNI and the name to verify
  EndpointHealth health;
  // Of all workers; written when a connection or a request ends badly, not per request.
  std::atomic<std::uint32_t> connections{0};
  std::atomic<std::uint64_t> failures{0};
};

// Bounds and times may change over a reload while the group goes on, so they
// are the pools' (H1Pool::retune).
struct EndpointGroup {
  std::string name;
  EjectedShare share;
  std::vector<std::unique_ptr<SharedEndpoint>> endpoints;
  std::shared_ptr<const tls::ClientContext> tls;     // null when no endpoint is https
  std::shared_ptr<const tls::ClientContext> tls_h2;  // null when none is h2
};

}  // namespace marquee::proxy
