// What the admin listener serves, apart from sockets: requests, answers, and the
// table of routes. One file per resource makes its rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marquee::admin {

struct Request {
  std::string method;
  std::string path;      // without the query, as sent
  std::string id;        // what stands for {id} in the route's path, decoded
  std::string query;     // behind the "?", as sent
  std::string if_match;  // the field, or empty
  std::string body;
  bool local = false;  // came by the Unix socket
};

struct Response {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;  // beside the usual ones
};

// Called exactly once, by any thread, during the call or later.
using Respond = std::function<void(Response)>;

inline constexpr std::size_t kMostBody = 64u << 10;  // of a request, where a route says nothing

struct Route {
  std::string_view method;  // GET answers HEAD as well
  std::string_view path;    // "/v1/domains/{id}": one whole segment may be {id}
  // On the control thread; does not block. The request is its own.
  std::function<void(Request request, Respond respond)> serve;
  std::size_t most_body = kMostBody;
};

struct RouteMatch {
  const Route* route = nullptr;
  std::string id;     // decoded
  std::string allow;  // no route, but the path answers these: "GET, HEAD"
};
RouteMatch find_route(const std::vector<Route>& routes, std::string_view method,
                      std::string_view path);

// %XX decoded; nothing where that is broken, or gives a control character.
std::optional<std::string> percent_decoded(std::string_view text);
// All but the unreserved characters of RFC 3986 2.3 as %XX.
std::string percent_encoded(std::string_view text);

// RFC 9457. `detail` says what to write instead.
struct Problem {
  unsigned status = 400;
  std::string detail;
  std::string field;                                      // dotted: "config.force_www"; or empty
  std::vector<std::pair<std::string, std::string>> more;  // members of our own, texts
};
std::string problem_body(const Problem& problem);
Response problem_response(const Problem& problem);
std::string_view reason_phrase(unsigned status);

}  // namespace marquee::admin
