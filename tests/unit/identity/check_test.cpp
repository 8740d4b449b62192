// Settings of the tenant context that cannot be, and keys that are given.
#include "identity/check.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "identity/issuers.hpp"

using namespace marquee;
using namespace marquee::identity;
using config::ContextAlgorithm;
using config::ContextKeys;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/mq-context-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text) const {
    const std::string at = path + "/" + name;
    std::ofstream(at) << text;
    return at;
  }
  std::string path;
};

std::string only_problem(const config::Settings& settings) {
  const auto problems = check(settings);
  REQUIRE(problems.size() == 1);
  return problems[0].sentence;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

}  // namespace

TEST_CASE("context settings: contradictions are named, with what to write") {
  config::Settings s;
  CHECK(check(s).empty());
  s.context.algorithm = ContextAlgorithm::hs256;
  CHECK(has(only_problem(s), "secret_file: PATH"));
  s.context.secret = std::string(32, 's');
  CHECK(check(s).empty());
  s.context.algorithm = ContextAlgorithm::eddsa;
  CHECK(has(only_problem(s), "algorithm: HS256"));
  s.context.secret.clear();
  s.context.keys = ContextKeys::directory;
  CHECK(has(only_problem(s), "kind is yaml"));
  s.directory.kind = config::DirectoryKind::postgres;
  CHECK(has(only_problem(s), "encryption_key"));
  s.directory.encryption_key = std::string(64, 'a');
  CHECK(check(s).empty());
  CHECK(keys_in_directory(s));
  s.context.keys = ContextKeys::automatic;
  CHECK(keys_in_directory(s));
  s.context.keys = ContextKeys::state_dir;
  CHECK_FALSE(keys_in_directory(s));
  s = {};
  s.context.other_key_file = "/nowhere";
  CHECK(check(s).size() == 2);
}

TEST_CASE("context settings: key files") {
  const Folder folder;
  const auto made = jose::Key::generate(jose::Algorithm::es256).key;
  const auto next = jose::Key::generate(jose::Algorithm::eddsa).key;
  config::Settings s;
  s.context.key_file = folder.path + "/none";
  CHECK(has(only_problem(s), "cannot be read"));
  s.context.key_file = folder.file("text", "no key");
  CHECK(has(only_problem(s), "openssl genpkey"));
  s.context.key_file = folder.file("public", kPublic);
  CHECK(has(only_problem(s), "cannot sign"));
  s.context.key_file = folder.file("key", made->private_text());
  CHECK(check(s).empty());
  s.context.other_key_file = folder.file("other", next->private_text());
  CHECK(check(s).empty());
  std::string error;
  const auto ring = ring_of_given_keys(s.context, error);
  REQUIRE(ring);
  CHECK(ring->signer(5)->key->thumbprint() == made->thumbprint());
  CHECK(has(ring->document(), next->thumbprint()));
  s.context.other_key_file = folder.file("public", kPublic);
  CHECK(has(ring_of_given_keys(s.context, error)->document(),
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
  s.context.key_file = folder.path + "/none";
  CHECK_FALSE(ring_of_given_keys(s.context, error));
  CHECK(has(error, "cannot be read"));
}

TEST_CASE("tokens of everybody at modules of every site are warned of") {
  config::Settings s;
  s.hosts.app_hosts.push_back({"app.test", {}});
  config::AccessRule rule;
  rule.paths = {"/api"};
  rule.accept = {config::Credential::jwt};
  s.access.rules.push_back(rule);
  CHECK(warn_access(s).empty());
  s.tenants.module_apis = true;
  REQUIRE(warn_access(s).size() == 1);
  CHECK(has(warn_access(s)[0].sentence, "membership: true"));
  s.access.rules[0].hosts = {"custom"};
  CHECK(warn_access(s).empty());
  s.access.rules[0].hosts = {"custom", "app"};
  CHECK(warn_access(s).size() == 1);
  s.tenants.membership = true;
  CHECK(warn_access(s).empty());
}
