#include "identity/key_set.hpp"

#include <boost/json.hpp>

#include "identity/strict_json.hpp"

namespace marquee::identity {

ReadKeySet read_key_set(std::string_view text) {
  ReadKeySet out;
  boost::json::object checked;
  if (!parse_strict(text, {jose::kMostJwkSet, 8, 4096}, checked)) {
    out.why = "is not a JSON object of unique names within 256 KiB";
    return out;
  }
  jose::JwkSet set = jose::parse_jwk_set(text);
  out.why = std::move(set.error);
  out.keys = std::move(set.keys);
  out.left_out = set.skipped;
  if (out.why.empty() && out.keys.empty())
    out.why = "has no usable key (RSA of 2048 bits or more, EC P-256, Ed25519)";
  return out;
}

ReadKeySet read_key_file(std::string_view text) {
  if (!text.starts_with("-----BEGIN")) return read_key_set(text);
  ReadKeySet out;
  jose::MadeKey made = jose::Key::from_pem(text);
  if (!made.key)
    out.why = std::move(made.error);
  else if (made.key->can_sign())
    out.why = "is a private key; write the public one (openssl pkey -pubout)";
  else
    out.keys.push_back({{}, std::move(made.key)});
  return out;
}

}  // namespace marquee::identity
