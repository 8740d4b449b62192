// What changed between the settings in force and those read anew, as far as a
// reload has to treat it: sockets and pools that go on, and what a running
// process cannot change. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace marquee::config {

struct ListenerChange {
  // Indices into the listeners of old and new settings. A kept listener has the
  // same address, and so its sockets; its other keys may differ.
  std::vector<std::pair<std::size_t, std::size_t>> kept;
  std::vector<std::size_t> added;    // into the new ones
  std::vector<std::size_t> removed;  // into the old ones: accepted empty, then closed
};

struct UpstreamChange {
  enum class Fate : std::uint8_t {
    same,      // nothing changed
    retuned,   // same endpoints and TLS: connections and health go on under new bounds
    altered,   // same TLS, other endpoints: those of `kept` go on
    replaced,  // other TLS, or no endpoint in common: everything begins anew
    added,
    removed,
  };
  std::string name;
  Fate fate = Fate::same;
  std::vector<std::string> kept;  // endpoints whose connections and health go on
};

struct Change {
  ListenerChange listeners;
  std::vector<UpstreamChange> upstreams;  // by name
  bool access_log = false;                // other file or format: to be reopened
  bool log = false;                       // other file or level
  bool admin_token = false;
  // One sentence for each key that waits for a restart; what is in force stays.
  std::vector<std::string> restart;
};

Change compare(const Settings& old, const Settings& next);

// The settings to put in force: `next`, but with the old values of the keys
// that need a restart, so that a later comparison still finds them.
Settings until_restart(const Settings& old, Settings next);

// Why the result of until_restart() cannot be put in force: a part that waits
// still needs an upstream that is gone. Empty: it can.
std::string lost_pool(const Settings& settings);

}  // namespace marquee::config
