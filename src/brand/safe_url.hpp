// Which URLs of a tenant may stand in a page: https, or a path of the same origin.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::brand {

inline constexpr std::size_t kMaxUrl = 2048;

// The URL in ASCII (other bytes percent-encoded), or nothing: empty, longer than
// kMaxUrl, another scheme, "//host", credentials, a backslash, a space or a
// control character. The result may hold & and quotes: it is still to be escaped.
std::optional<std::string> safe_url(std::string_view url);

// The host of an https URL, as written and without port; empty if it is a path.
std::string_view url_host(std::string_view safe_url);

}  // namespace marquee::brand
