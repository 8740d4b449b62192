// The keys of one issuer of tokens, as a JWKS (RFC 7517 5) or a PEM file gives them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "identity/jose/jwk.hpp"

namespace marquee::identity {

using KeySet = std::vector<jose::Jwk>;  // in the order they were given

struct ReadKeySet {
  KeySet keys;
  std::size_t left_out = 0;  // not understood, or not for signatures: RFC 7517 5 asks for that
  std::string why;           // not empty: refused; ends the sentence "the key set ..."
};

// Stricter than parse_jwk_set(): no name twice, no key set without a usable key.
ReadKeySet read_key_set(std::string_view json);

// A JWKS, or one public key in PEM.
ReadKeySet read_key_file(std::string_view text);

}  // namespace marquee::identity
