// HTTP basic authentication (RFC 7617), pure: what a client sent, and whether a
// password fits a hash of crypt(3).
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace marquee::identity {

struct BasicCredentials {
  std::string user;
  std::string password;
};
// Of the value of an Authorization field; nothing if it is of another scheme, no
// base64, longer than 1 KiB, or has no colon or a control character.
std::optional<BasicCredentials> read_basic(std::string_view authorization);
// Whether it is of that scheme at all.
bool is_basic(std::string_view authorization);

// By crypt(3): bcrypt, SHA-256, SHA-512, yescrypt, scrypt. It takes what its cost
// says, tens of milliseconds and more: never on a worker. Compared in constant time.
bool password_fits(const std::string& password, const std::string& hash);

}  // namespace marquee::identity
