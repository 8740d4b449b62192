// The command `explain`: from the settings alone, or by the running Marquee.
#include <boost/json.hpp>
#include <iostream>

#include "admin/resource.hpp"
#include "app/check.hpp"
#include "app/explain.hpp"
#include "app/remote.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;

// False: it is no explanation.
bool print(const std::string& text, bool as_json) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const auto* const object = error ? nullptr : value.if_object();
  const auto* const steps = object ? object->if_contains("steps") : nullptr;
  if (!steps || !steps->is_array()) return false;
  if (as_json) {
    std::cout << text << "\n";
    return true;
  }
  for (const json::value& step : steps->as_array()) {
    const std::string name(step.at("step").as_string());
    std::cout << name << std::string(name.size() < 12 ? 12 - name.size() : 1, ' ')
              << step.at("result").as_string().c_str() << "\n";
  }
  return true;
}

int explain_running(const CommandLine& line) {
  const auto reply = ask_running(line, {"GET",
                                        "/v1/explain?url=" + admin::percent_encoded(line.url) +
                                            "&method=" + admin::percent_encoded(line.method),
                                        {},
                                        {}});
  if (!reply) {
    std::cerr << "With -c FILE it is explained from the settings alone.\n";
    return exit_code::failed;
  }
  if (reply->status == 200 && print(reply->body, line.json)) return exit_code::ok;
  std::cerr << "marquee: " << problem_words(*reply) << "\n";
  return exit_code::failed;
}

}  // namespace

int run_explain(const CommandLine& line) {
  if (const std::string wrong = not_a_request(line.method, line.url); !wrong.empty()) {
    std::cerr << "marquee: " << wrong << "\n";
    return exit_code::usage;
  }
  if (!line.offline) return explain_running(line);
  const Loaded loaded = load_and_check(line.config);
  for (const std::string& problem : loaded.problems) std::cerr << problem << "\n";
  if (!loaded.ok()) return exit_code::bad_config;
  print(explanation_json(explain(loaded.settings, line.method, line.url)), line.json);
  return exit_code::ok;
}

}  // namespace marquee::app
