// The HTML page of the demo upstream. Pure.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee::app {

struct DemoRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;  // as received, in order
};

// Every byte of the request is escaped.
std::string demo_page(const DemoRequest& request);

}  // namespace marquee::app
