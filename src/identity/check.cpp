#include "identity/check.hpp"

#include <fstream>
#include <iterator>

namespace marquee::identity {
namespace {

using config::Context;
using config::ContextAlgorithm;
using config::ContextKeys;

constexpr std::size_t kMostPem = 64u << 10;

jose::MadeKey read_key(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {nullptr, "cannot be read"};
  std::string text(kMostPem, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  jose::MadeKey out = jose::Key::from_pem(text);
  jose::wipe(text);
  return out;
}

class Checker {
 public:
  explicit Checker(const config::Settings& settings) : s_(settings), c_(settings.context) {}

  std::vector<config::Problem> run() {
    const bool hs256 = c_.algorithm == ContextAlgorithm::hs256;
    if (hs256 && c_.secret.empty() && c_.secret_mark.line == 0)
      fault(c_.algorithm_mark,
            "context.algorithm is HS256, but there is no secret that upstreams could know; write "
            "secret_file: PATH beside it, or algorithm: EdDSA");
    if (!hs256 && !c_.secret.empty())
      fault(c_.secret_mark,
            "context.secret is given, but context.algorithm is not HS256; remove the secret, or "
            "write algorithm: HS256");
    if (hs256 && !c_.key_file.empty())
      fault(c_.key_mark,
            "context.key_file is given, but context.algorithm is HS256, which signs with the "
            "secret; remove one of them");
    if (!c_.other_key_file.empty() && c_.key_file.empty())
      fault(c_.other_key_mark,
            "context.other_key_file is published beside key_file, but there is no key_file; write "
            "key_file: PATH, or remove it");
    if (c_.keys != ContextKeys::automatic && keys_are_given(c_))
      fault(c_.keys_mark,
            "context.keys says where keys are kept that Marquee makes, but the settings give one; "
            "remove keys, or the key that is given");
    if (c_.keys == ContextKeys::directory) directory();
    if (!c_.key_file.empty()) key(c_.key_file, c_.key_mark, "context.key_file", true);
    if (!c_.other_key_file.empty())
      key(c_.other_key_file, c_.other_key_mark, "context.other_key_file", false);
    return std::move(problems_);
  }

 private:
  void fault(config::Mark mark, std::string sentence) {
    problems_.push_back({mark, std::move(sentence)});
  }

  void directory() {
    if (s_.directory.kind == config::DirectoryKind::yaml)
      fault(c_.keys_mark,
            "context.keys is directory, but directory.kind is yaml, which keeps nothing; write "
            "keys: state_dir");
    else if (s_.directory.encryption_key.empty())
      fault(c_.keys_mark,
            "context.keys is directory, but there is no directory.encryption_key to encrypt them "
            "with; write one, or keys: state_dir");
  }

  void key(const std::string& path, config::Mark mark, const std::string& where, bool signs) {
    const jose::MadeKey made = read_key(path);
    if (!made.key)
      return fault(mark, where + " \"" + path + "\" " + made.error +
                             "; write the path of a PEM file, such as that of  openssl genpkey "
                             "-algorithm ed25519");
    if (signs && !made.key->can_sign())
      fault(mark, where + " \"" + path +
                      "\" holds only a public key, which cannot sign; write the path of the "
                      "private one");
  }

  const config::Settings& s_;
  const Context& c_;
  std::vector<config::Problem> problems_;
};

}  // namespace

std::vector<config::Problem> check(const config::Settings& settings) {
  return Checker(settings).run();
}

bool keys_are_given(const Context& settings) {
  return settings.algorithm == ContextAlgorithm::hs256 || !settings.key_file.empty();
}

std::shared_ptr<const KeyRing> ring_of_given_keys(const Context& settings, std::string& error) {
  std::vector<SigningKey> keys;
  const auto add = [&](jose::MadeKey made, const std::string& what, std::uint64_t generation) {
    if (!made.key) error = what + " " + made.error;
    // The one with the higher generation signs.
    if (made.key) keys.push_back(KeyRing::signing_key(std::move(made.key), generation, 0));
  };
  if (settings.algorithm == ContextAlgorithm::hs256) {
    add(jose::Key::from_secret(settings.secret), "context.secret", 1);
  } else {
    add(read_key(settings.key_file), "context.key_file " + settings.key_file, 2);
    if (!settings.other_key_file.empty())
      add(read_key(settings.other_key_file), "context.other_key_file " + settings.other_key_file,
          1);
  }
  if (!error.empty()) return nullptr;
  return std::make_shared<const KeyRing>(std::move(keys), 300);
}

jose::Algorithm algorithm_of(const Context& settings) {
  return settings.algorithm == ContextAlgorithm::es256 ? jose::Algorithm::es256
                                                       : jose::Algorithm::eddsa;
}

RotationRules rules_of(const Context& settings) {
  RotationRules out;
  out.rotation = settings.rotation.count() / 1000;
  out.overlap = overlap_of(out.rotation);
  out.lifetime = settings.lifetime.count() / 1000;
  return out;
}

bool keys_in_directory(const config::Settings& settings) {
  if (settings.context.keys == ContextKeys::state_dir) return false;
  return settings.directory.kind != config::DirectoryKind::yaml &&
         !settings.directory.encryption_key.empty();
}

}  // namespace marquee::identity
