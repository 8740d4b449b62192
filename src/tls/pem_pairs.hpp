// PEM texts to OpenSSL's objects, each certificate and key parsed once and found to
// belong together. For the .cpp files of this room only.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tls/certified_key.hpp"
#include "tls/openssl.hpp"

namespace marquee::tls {

// A leaf, its key, and what stands between the leaf and its root.
struct PemPair {
  X509Ptr leaf;
  KeyPtr key;
  KeyType key_type = KeyType::ec;
  std::vector<std::shared_ptr<const Intermediate>> chain;
};

struct PemPairs {
  std::vector<PemPair> pairs;  // at most one per key type, in the order of the chain
  std::string error;           // a sentence that names the text, and then there is none
  bool of_key = false;         // the fault is the key text's
};

// What is read, and what errors call it. The texts are borrowed.
struct PemSource {
  const std::string& chain;
  const std::string& key;
  std::string chain_name;
  std::string key_name;
};

inline constexpr std::size_t kMostPem = 1u << 20;  // bytes of a text

// One leaf with its intermediates, and its key.
PemPairs read_pem_pair(const PemSource& source, IntermediateSet& intermediates);
// The same, or several leaves each followed by its intermediates, and their keys in any
// order; `name` says whose they are.
PemPairs read_pem_pairs(const PemSource& source, const std::string& name,
                        IntermediateSet& intermediates);
std::string two_of_a_type(const std::string& name);

}  // namespace marquee::tls
