#include "app/check.hpp"

#include <boost/json.hpp>
#include <ctime>
#include <iostream>

#include "app/cli.hpp"
#include "brand/pages/page_set.hpp"
#include "config/reader.hpp"
#include "config/system_ports.hpp"
#include "identity/check.hpp"
#include "identity/issuers.hpp"
#include "limits/check.hpp"
#include "routing/check.hpp"
#include "tls/certified_key.hpp"
#include "tls/context.hpp"

namespace marquee::app {

Loaded load_and_check(const std::string& path) {
  const config::SystemEnvironment environment;
  const config::SystemFiles files;
  config::Reading reading = config::load_settings(path, environment, files);
  // Rooms further up judge only what could be decoded, else one slip would be
  // reported by several of them.
  if (reading.ok()) {
    reading.problems = routing::check(reading.settings);
    for (auto& problem : limits::check(reading.settings)) reading.problems.push_back(problem);
    for (auto& problem : tls::check(reading.settings.tls)) reading.problems.push_back(problem);
    for (auto& problem : tls::check(reading.settings, std::time(nullptr)))
      reading.problems.push_back(problem);
    for (auto& problem : identity::check_access(reading.settings))
      reading.problems.push_back(problem);
    for (auto& problem : identity::check(reading.settings)) reading.problems.push_back(problem);
    for (auto& problem : brand::check_pages(reading.settings.pages))
      reading.problems.push_back(problem);
    config::sort_problems(reading.problems);
  }
  Loaded out;
  for (const config::Problem& problem : reading.problems) {
    out.problems.push_back(config::show(problem, reading.settings.files));
  }
  if (out.ok())
    for (config::Problem& warning : identity::warn_access(reading.settings)) {
      warning.sentence.insert(0, "warning: ");
      out.warnings.push_back(config::show(warning, reading.settings.files));
    }
  out.settings = std::move(reading.settings);
  return out;
}

int run_check(const std::string& path, bool json) {
  const Loaded loaded = load_and_check(path);
  if (json) {
    const boost::json::array problems(loaded.problems.begin(), loaded.problems.end());
    const boost::json::array warnings(loaded.warnings.begin(), loaded.warnings.end());
    std::cout << boost::json::serialize(boost::json::object{
                     {"ok", loaded.ok()}, {"problems", problems}, {"warnings", warnings}})
              << "\n";
  } else {
    for (const std::string& problem : loaded.problems) std::cerr << problem << "\n";
    for (const std::string& warning : loaded.warnings) std::cerr << warning << "\n";
    if (loaded.ok()) std::cout << path << ": no problems\n";
  }
  return loaded.ok() ? exit_code::ok : exit_code::bad_config;
}

std::vector<std::string> alpn_of(const config::Settings& settings) {
  if (!settings.http2.enabled) return {"http/1.1"};
  return {"h2", "http/1.1"};
}

std::string admin_socket(const config::Settings& settings) {
  return settings.admin.socket.empty() ? settings.state_dir + "/admin.sock" : settings.admin.socket;
}

}  // namespace marquee::app
