// A call of a module's API, as it is recorded. Pure values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "identity/caller.hpp"

namespace marquee::identity {

// Bytes of a text that are kept.
inline constexpr std::size_t kMostCallPath = 1024;
inline constexpr std::size_t kMostCallAgent = 256;
inline constexpr std::size_t kMostCallWord = 128;  // all others

// Every text is bounded and well-formed: call_text() made it. An empty one is unknown.
struct ApiCall {
  std::int64_t at_ms = 0;  // Unix time at its end
  AuthType auth = AuthType::none;
  std::uint16_t status = 0;  // 0: no answer was sent
  std::uint32_t milliseconds = 0;
  std::string module;
  std::string site;
  std::string installation;
  std::string route;  // the row of module_api_routes, where one served it
  std::string method;
  std::string path;  // within the module's API, decoded, without a query
  std::string api_key;
  std::string consumer;
  std::string user;
  std::string client;  // address
  std::string user_agent;
  std::string_view error;  // why it failed: the text of a closed enum

  friend bool operator==(const ApiCall&, const ApiCall&) = default;
};

// At most `most` bytes of it, as databases take them: control characters and what is
// not UTF-8 become "?", and no character is cut in two.
std::string call_text(std::string_view text, std::size_t most);

// The same without a query: whoever decoded a path may have made one of it.
std::string call_path(std::string_view path);

}  // namespace marquee::identity
