// The signed tenant context.
#include "config/description.hpp"

namespace marquee::config {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

std::string issuer_fault(std::string_view text) {
  if (!text.empty() && text.size() <= 256) return {};
  return "which is not 1 to 256 bytes; write a name or URL of this edge, such as "
         "https://edge.example.com";
}

std::string secret_fault(std::string_view text) {
  if (text.size() >= 32 && text.size() <= 1024) return {};
  return "which is not 32 to 1024 bytes (RFC 7518 section 3.2); write a random one, such as that "
         "of "
         " openssl rand -hex 32";
}

std::string path_fault(std::string_view text) {
  constexpr std::string_view kOther = " ?#%\\\"";
  if (text == "off") return {};
  if (text.starts_with('/') && text.size() > 1 && text.size() <= 256 &&
      text.find_first_of(kOther) == std::string_view::npos)
    return {};
  return "which is not a path; write one without query and escapes, such as "
         "/.well-known/marquee/jwks.json, or off";
}

}  // namespace

Section describe(Context& c) {
  Text secret = text(c.secret, secret_fault, &c.secret_mark);
  secret.secret = true;
  const auto store_secret = secret.store;
  return {
      {
          {"enabled", Flag{&c.enabled},
           "Sends x-tenant-context with every request of a tenant or a known caller."},
          {"issuer", text(c.issuer, issuer_fault), "The claim iss.", "", "",
           "https://edge.example.com"},
          {"algorithm", choice(c.algorithm, {"EdDSA", "ES256", "HS256"}, &c.algorithm_mark),
           "Of the keys that Marquee makes. HS256 signs with the secret instead, which every "
           "upstream that verifies must know, and then could sign itself."},
          {"lifetime", Duration{&c.lifetime, seconds(4), seconds(60)},
           "How long a token is good. Another is made when half of that is over."},
          {"rotation", Duration{&c.rotation, seconds(4), hours(24 * 366)},
           "How long a key signs. The next one is published an hour before (or a quarter of a "
           "shorter time), the last one until all its tokens have expired."},
          {"keys", choice(c.keys, {"auto", "state_dir", "directory"}, &c.keys_mark),
           "Where Marquee keeps the keys it makes. directory: in the database of the directory, "
           "encrypted with its encryption_key, for all nodes alike. state_dir: in context-keys "
           "there, for this node. auto is directory where there is one with an encryption_key. A "
           "change needs a restart."},
          {"key_file", path(c.key_file, &c.key_mark),
           "PEM file of a private key (Ed25519, P-256 or RSA) that signs; then Marquee makes "
           "none. Read again by reload.",
           "", "", "/etc/marquee/context.key"},
          {"other_key_file", path(c.other_key_file, &c.other_key_mark),
           "PEM file of another key, private or public, that is published beside key_file while "
           "one takes the place of the other.",
           "", "", "/etc/marquee/context-next.pem"},
          {"secret", secret, "Secret of HS256, never published.", "", "",
           "${MARQUEE_CONTEXT_SECRET}"},
          {"secret_file", SecretFile{store_secret, "secret", secret_fault, &c.secret_mark},
           "File that holds the secret.", "", "", "/run/secrets/marquee-context"},
          {"jwks_path", text(c.jwks_path, path_fault),
           "Path at which every host answers with the public keys (RFC 7517); off is nowhere but "
           "on the admin listener. A change needs a restart."},
      },
      &c.mark};
}

}  // namespace marquee::config
