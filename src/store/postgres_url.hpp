// A PostgreSQL URL taken apart, so that names can be resolved and hosts be tried
// without libpq waiting for either. Pure, but for the environment and service
// file that libpq reads.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee::store {

struct PostgresUrl {
  struct Host {
    std::string host;     // name, address, or the folder of a Unix socket
    std::string address;  // hostaddr, where the URL gives one
    std::string port;     // "5432"
    bool is_unix() const { return !host.empty() && (host[0] == '/' || host[0] == '@'); }
  };
  std::vector<Host> hosts;                                   // 1..kMostHosts
  std::vector<std::pair<std::string, std::string>> options;  // all others that were given
  std::string database;                                      // for messages

  static constexpr std::size_t kMostHosts = 16;

  // Nothing, and a sentence without any password.
  static std::optional<PostgresUrl> parse(const std::string& url, std::string& error);
  // "postgres db1:5432,db2:5432/platform"
  std::string shown() const;
};

}  // namespace marquee::store
