// What the admin listener asks of the program. All calls are made on the
// control thread; none may block. Plain values, so that a test can say anything.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.hpp"

namespace marquee::admin {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

enum class ServerState : std::uint8_t { starting, serving, draining };

struct ListenerStatus {
  std::string configured;  // as in the settings: "0.0.0.0:0"
  std::string address;     // as bound: "0.0.0.0:41234"
  std::string protocol;    // "https"
};

struct UpstreamStatus {
  std::string pool;
  std::string endpoint;
  std::string state;              // "up", "ejected", "probing"
  std::uint64_t failures = 0;     // since the start
  std::uint64_t connections = 0;  // open now, idle ones included
};

struct CertificateStatus {
  std::string names;   // "bakery.localhost, www.bakery.localhost"
  std::string issuer;  // "internal", "file"
  WallTime not_after{};
};

struct ReloadStatus {
  bool happened = false;
  bool ok = true;
  WallTime at{};
  std::chrono::milliseconds duration{0};
  std::vector<std::string> problems;  // "file:line:column: sentence"
};

// The bounds of the process, and whether one is met.
struct OverloadStatus {
  std::uint64_t resident = 0;      // bytes
  std::uint64_t memory_limit = 0;  // bytes
  std::uint64_t connection_limit = 0;
  std::uint64_t descriptor_limit = 0;
  // Why new connections are refused or wait at present: "memory", "descriptors",
  // "connections"; empty: they are served.
  std::vector<std::string> reasons;
  std::vector<std::pair<std::string, std::uint64_t>> refused;  // since the start
  std::uint64_t accept_pauses = 0;
};

// Where domains are found beside the settings.
struct DirectoryStatus {
  std::string where;  // "sqlite /var/lib/marquee/directory.sqlite"; empty: there is none
  std::string state;  // a sentence: how changes arrive, or why it is down
  bool live = false;  // changes are told within `staleness`
  std::chrono::milliseconds staleness{0};
  std::uint64_t generation = 0;
  std::uint64_t known_names = 0;  // in the cache
};

struct Status {
  std::string version;
  std::int64_t pid = 0;
  WallTime started{};
  std::chrono::milliseconds uptime{0};
  ServerState state = ServerState::starting;
  std::uint32_t workers = 0;
  std::vector<ListenerStatus> listeners;
  std::string settings_file;
  ReloadStatus last_reload;
  std::uint32_t snapshots_alive = 0;
  OverloadStatus overload;
  DirectoryStatus directory;
  std::uint64_t connections = 0;           // client connections open now
  std::uint64_t upstream_connections = 0;  // open now, idle ones included
  std::uint64_t requests_in_flight = 0;
  std::vector<std::pair<std::string, std::uint64_t>> requests;  // {"2xx", 1234}, since the start
  std::vector<UpstreamStatus> upstreams;
  std::uint64_t certificates_loaded = 0;
  std::vector<CertificateStatus> certificates;  // those that expire first, at most 20
  std::uint64_t log_written = 0;
  std::uint64_t log_lost = 0;
  std::string log_error;  // of the last write, empty when it succeeded
};

struct ReloadResult {
  bool ok = false;
  std::chrono::milliseconds duration{0};
  std::vector<std::string> problems;  // why not; or, when ok, what needs a restart
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual Status status() = 0;
  virtual std::vector<base::MetricSnapshot> metrics() = 0;  // base::Registry::scrape()
  // True from the first accepted connection to the beginning of the drain.
  virtual bool ready() = 0;
  // Why new connections are not served at present ("memory"); empty: they are.
  virtual std::string overload() { return {}; }
  // The public keys of the tenant context (RFC 7517); empty: there are none.
  virtual std::string key_set() { return {}; }
  // Reads the settings again. `done` is called exactly once, on the control
  // thread, during the call or later; also when a reload is already under way
  // (then with that one's result, or its own after it).
  virtual void reload(std::function<void(ReloadResult)> done) = 0;
};

}  // namespace marquee::admin
