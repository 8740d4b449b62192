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

// What x-tenant-context says, as JSON: {"header":..,"claims":..}. For show: nothing is
// verified (docs/upstreams.md has how to). "null" where there is none.
std::string decoded_context(const DemoRequest& request);

// Every byte of the request is escaped.
std::string demo_page(const DemoRequest& request);

// A logo or icon as SVG: up to three letters or digits on a colour of six hex digits.
// Anything else is shown as a question mark on grey.
std::string demo_mark(std::string_view text, std::string_view colour);

}  // namespace marquee::app
