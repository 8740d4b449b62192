#include "app/access_command.hpp"

#include <boost/json.hpp>
#include <iostream>
#include <iterator>
#include <optional>

#include "app/remote.hpp"
#include "identity/access.hpp"
#include "identity/stored_proof.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostCredential = 64u << 10;  // bytes

int wrong_use(const char* sentence) {
  std::cerr << "marquee: " << sentence << "\n";
  return exit_code::usage;
}

// The digest of what comes on standard input; nothing: it is empty, or too long.
std::optional<identity::Digest> digest_of_input() {
  std::string text;
  char c = 0;
  while (text.size() <= kMostCredential && std::cin.get(c)) text.push_back(c);
  if (text.size() > kMostCredential) return std::nullopt;
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  std::string_view credential = text;
  if (const auto bearer = identity::bearer_of(text); !bearer.empty()) credential = bearer;
  if (credential.empty()) return std::nullopt;
  return identity::Sha256().of(credential);
}

}  // namespace

int run_access(const CommandLine& line) {
  const AccessOptions& options = line.access;
  json::object wish{{"all", true}};
  if (!options.all) {
    // A credential in the arguments is not said again.
    if (!options.input.empty() && options.input != "-")
      return wrong_use(
          "a credential on the command line is seen by all who list processes: write - and give it "
          "on standard input");
    const auto digest =
        options.input.empty() ? identity::digest_of_hex(options.sha256) : digest_of_input();
    if (!digest)
      return wrong_use(options.input.empty()
                           ? "--sha256 takes 64 hex digits, as sha256sum prints them"
                           : "standard input has to hold one credential, of 64 KiB at most");
    wish = {{"sha256", identity::lower_hex(*digest)}};
  }
  const auto reply = ask_running(line, {"POST", "/v1/access:forget", json::serialize(wish), {}});
  if (!reply) return exit_code::failed;
  if (reply->status != 200) {
    std::cerr << "marquee: " << problem_words(*reply) << "\n";
    return exit_code::failed;
  }
  boost::system::error_code error;
  const json::value parsed = json::parse(reply->body, error);
  const json::object* const answer = error ? nullptr : parsed.if_object();
  const json::value* const nodes = answer ? answer->if_contains("nodes") : nullptr;
  if (!nodes || !nodes->is_string()) {
    std::cerr << "marquee: the answer was not about proofs\n";
    return exit_code::failed;
  }
  if (line.json)
    std::cout << reply->body << "\n";
  else
    std::cout << (nodes->as_string() == "all"
                      ? "forgotten, by all nodes that hear the directory\n"
                      : "forgotten by this node; others are told by their own admin listener\n");
  return exit_code::ok;
}

}  // namespace marquee::app
