// What a running process knows of a name, and how it is made to forget it.
//
//   POST /v1/cache/flush       {"host": "shop.example"}
//   GET  /v1/explain?url=...   every step of a request, with the directory's answer
//   GET  /v1/openapi.json      the description of all this
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "admin/resource.hpp"

namespace marquee::admin {

struct InspectParts {
  // Forgets one name; false: there is no directory, and nothing is remembered.
  std::function<bool(const std::string& host)> flush;
  // `done` is called once with the JSON of an explanation, on the control thread.
  std::function<void(const std::string& method, const std::string& url,
                     std::function<void(std::string json)> done)>
      explain;
};
std::vector<Route> inspect_routes(InspectParts parts);

}  // namespace marquee::admin
