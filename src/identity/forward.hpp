// Forward authentication: a server of the operator's is asked about a request, as by
// ForwardAuth of Traefik or auth_request of nginx. What it is asked, what its answer is
// worth, and how long it may be remembered. Pure; the asking is proxy/forward.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.hpp"
#include "identity/caller.hpp"
#include "identity/sha256.hpp"

namespace marquee::identity {

// One of access.forward, ready for requests. Equal ones ask the same of the same.
struct Forward {
  std::string name;
  std::string upstream;
  std::string path;
  std::vector<std::string> request_fields;    // in lower case, as all names here
  std::vector<std::string> copy_to_upstream;  // without Set-Cookie
  std::vector<std::string> copy_to_client;    // likewise
  bool cookies = false;                       // Set-Cookie goes to the client
  std::string user_field;
  std::string role_field;
  std::chrono::milliseconds timeout{};
  std::size_t body = 0;
  std::chrono::milliseconds ttl{};
  bool by_method = true, by_path = true, by_query = true, by_client = true;
  std::size_t requests = 0;

  bool operator==(const Forward&) const = default;
};
std::vector<Forward> make_forwards(const config::Access& access);

// Names that are the servers' to say: no client's field of them may reach an upstream.
// Without those that clients send on their own behalf (Authorization, Cookie).
std::vector<std::string> names_of_servers(const std::vector<Forward>& forwards);

// Equal, ignoring case, and an underscore is a dash: CGI-like servers behind make them
// one.
bool is_same_field(std::string_view name, std::string_view lower);

// Not one of request_fields, but the same to CGI-like servers: what was judged and what
// an upstream takes it for could differ.
bool is_twin_of_judged(const Forward& forward, std::string_view name);

// A request's host as servers are told it, and nothing of how the client spelled it:
// `host` normalised, and the port that it named (-1: none) if that is the one that
// clients of the listener use (`own`) and not the scheme's.
std::string said_host(std::string_view host, std::int32_t named, std::uint16_t own, bool secure);

using FieldView = std::pair<std::string_view, std::string_view>;

struct ForwardQuestion {
  std::string_view scheme;
  std::string host;                 // said_host()
  std::string_view method, target;  // the path with its query
  std::string_view client;          // address
  // Whose the host is: another tenant's later is another question.
  std::string_view agency, site, module, installation;
  std::vector<FieldView> fields;  // the client's, of request_fields
};
// Digest over each part that counts, none of which can pass for another. All zero:
// OpenSSL had no memory, and nothing may be remembered by it.
Digest digest_of(const Forward& forward, const ForwardQuestion& question, Sha256& sha256);

// What a question shows that may be a credential, so that a pass is found again when
// one of them is to be forgotten: each field's value, what follows a scheme in it
// ("Bearer x"), each cookie's value, and, where queries count, each parameter's.
struct ShownCredentials {
  std::vector<std::uint64_t> marks;
  bool any = false;  // more than are written down: forgotten with whatever else is
};
ShownCredentials credentials_of(const Forward& forward, const ForwardQuestion& question,
                                Sha256& sha256);
// The first 64 bits of a digest: two credentials with the same are forgotten together.
std::uint64_t mark_of(const Digest& digest);
inline constexpr std::size_t kMostMarks = 64;

enum class ForwardVerdict : std::uint8_t {
  passes,    // 2xx
  refused,   // 401, 403, or a redirection (301, 302, 303, 307, 308): the client gets it
  unusable,  // any other
};
ForwardVerdict verdict_of(unsigned status);

// Fields of one answer, in its order, names as they came.
using FieldList = std::vector<std::pair<std::string, std::string>>;

// What a request gets that passes.
struct ForwardPass {
  FieldList fields;                  // for the upstream
  FieldList cookies;                 // for the client
  Caller caller;                     // of no user: nobody known
  std::chrono::milliseconds life{};  // may be remembered for so long; 0: not at all
};
// Nothing: the answer says who it is in a way that cannot be believed (twice, too long,
// other than visible ASCII), or says more than there is room for.
std::optional<ForwardPass> pass_of(const Forward& forward, const FieldList& answer, Sha256& sha256);

// What goes to the client with a refusal. Nothing: more than there is room for.
std::optional<FieldList> refusal_fields(const Forward& forward, const FieldList& answer);

// Of the fields of one answer, in either direction.
inline constexpr std::size_t kMostForwardBytes = 8192;
inline constexpr std::size_t kMostForwardFields = 32;
inline constexpr std::size_t kMostForwardCookies = 8;

}  // namespace marquee::identity
