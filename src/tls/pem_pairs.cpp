#include "tls/pem_pairs.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace marquee::tls {
namespace {

constexpr std::size_t kMostLinks = 10;   // intermediates in one text
constexpr int kLeastSecurityBits = 112;  // RSA-2048, SHA-256; what OpenSSL asks for

// Wiped afterwards, as it is a key.
struct KeyText {
  std::string text;
  ~KeyText() { OPENSSL_cleanse(text.data(), text.size()); }
};

BioPtr memory(const std::string& bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Keys with a passphrase are refused; without this OpenSSL would ask a terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

struct Chain {
  std::vector<X509Ptr> certificates;  // leaf first
  std::string error;
};

// `path` names the text in errors.
Chain read_chain(const std::string& text, const std::string& path) {
  const BioPtr in = memory(text);
  Chain chain;
  while (X509Ptr next{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    chain.certificates.push_back(std::move(next));
    if (chain.certificates.size() > kMostLinks + 1)
      return {{}, path + " holds more than 11 certificates"};
  }
  const unsigned long last = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_error();
  if (!at_end)
    return {{},
            path + ": certificate " + std::to_string(chain.certificates.size() + 1) +
                " does not parse (" + reason + ")"};
  if (chain.certificates.empty())
    return {{}, path + " holds no certificate; write a PEM file, the leaf first"};
  return chain;
}

struct Key {
  KeyPtr key;
  std::string error;
};

struct Block {
  ~Block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  }
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
};

int type_of_pkcs8(const Block& block) {
  struct Free {
    void operator()(PKCS8_PRIV_KEY_INFO* info) const { PKCS8_PRIV_KEY_INFO_free(info); }
  };
  const unsigned char* at = block.data;
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free> info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, block.size));
  const ASN1_OBJECT* algorithm = nullptr;
  if (!info || PKCS8_pkey_get0(&algorithm, nullptr, nullptr, nullptr, info.get()) != 1) return 0;
  return OBJ_obj2nid(algorithm);
}

// The first block, if it is a key of a type that we serve: 73 us for an EC key, where
// OpenSSL's search for what it may be takes 290. Null: let that search say more.
KeyPtr read_typed_key(const std::string& text) {
  const BioPtr in = memory(text);
  Block block;
  if (PEM_read_bio(in.get(), &block.name, &block.header, &block.data, &block.size) != 1)
    return nullptr;
  const std::string_view name = block.name;
  if (*block.header != '\0') return nullptr;  // encrypted in the old way
  int type = 0;
  if (name == "EC PRIVATE KEY") type = EVP_PKEY_EC;
  if (name == "RSA PRIVATE KEY") type = EVP_PKEY_RSA;
  if (name == "PRIVATE KEY") type = type_of_pkcs8(block);
  if (type != EVP_PKEY_EC && type != EVP_PKEY_RSA && type != EVP_PKEY_ED25519) return nullptr;
  const unsigned char* at = block.data;
  return KeyPtr(d2i_PrivateKey(type, nullptr, &at, block.size));
}

Key read_key(const std::string& text, const std::string& path) {
  if (KeyPtr typed = read_typed_key(text)) return {std::move(typed), {}};
  ERR_clear_error();
  const BioPtr in = memory(text);
  bool asked = false;
  Key key;
  key.key.reset(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &asked));
  if (key.key) return key;
  const std::string reason = take_openssl_error();
  if (asked)
    return {nullptr, path + " is encrypted; write an unencrypted key, readable by Marquee only"};
  return {nullptr, path + " holds no private key (" + reason + "); write a PEM file"};
}

std::optional<KeyType> type_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
      return KeyType::ec;
    case EVP_PKEY_RSA:
      return KeyType::rsa;
    case EVP_PKEY_ED25519:
      return KeyType::ed25519;
    default:
      return std::nullopt;
  }
}

// `links`: the leaf, then its intermediates.
PemPairs pair_of(const PemSource& pem, KeyPtr key, std::span<X509Ptr> links,
                 IntermediateSet& intermediates) {
  const auto fail = [](std::string error) { return PemPairs{{}, std::move(error), true}; };
  if (EVP_PKEY_get_security_bits(key.get()) < kLeastSecurityBits)
    return fail(pem.key_name + " is too weak; write an EC P-256 or an RSA-2048 key");
  const auto type = type_of(key.get());
  if (!type) return fail(pem.key_name + " is of a type that is not served; write EC or RSA");
  PemPairs out;
  PemPair& pair = out.pairs.emplace_back();
  pair.key_type = *type;
  pair.leaf = std::move(links.front());
  pair.key = std::move(key);
  for (const X509Ptr& link : links.subspan(1))
    pair.chain.push_back(intermediates.share(link.get()));
  return out;
}

// Several keys in one text, one PEM block after the other. Wiped by their owner.
std::vector<std::string_view> split_keys(std::string_view text) {
  std::vector<std::string_view> out;
  constexpr std::string_view end = "PRIVATE KEY-----";
  std::size_t from = 0;
  for (std::size_t at = text.find("-----END "); at != text.npos && out.size() <= kMostKeys;
       at = text.find("-----END ", at + 1)) {
    const std::size_t line = text.find('\n', at);
    const std::size_t stop = line == text.npos ? text.size() : line + 1;
    if (text.substr(at, stop - at).find(end) == text.npos) continue;
    out.push_back(text.substr(from, stop - from));
    from = stop;
  }
  return out;
}

}  // namespace

std::string two_of_a_type(const std::string& name) {
  return name + " has two keys of one type; write one per type (EC, RSA)";
}

PemPairs read_pem_pair(const PemSource& pem, IntermediateSet& intermediates) {
  ERR_clear_error();
  Chain chain = read_chain(pem.chain, pem.chain_name);
  if (!chain.error.empty()) return {{}, std::move(chain.error), false};
  Key key = read_key(pem.key, pem.key_name);
  if (!key.error.empty()) return {{}, std::move(key.error), true};
  // Also brings the public key into its decoded form, once and not per handshake.
  if (X509_check_private_key(chain.certificates.front().get(), key.key.get()) != 1) {
    for (const auto& other : chain.certificates)
      if (X509_check_private_key(other.get(), key.key.get()) == 1)
        return {{},
                pem.chain_name +
                    " does not begin with the leaf; write the certificate of the "
                    "key first, then the intermediates",
                false};
    ERR_clear_error();
    return {{}, pem.key_name + " is not the key of " + pem.chain_name, true};
  }
  ERR_clear_error();
  return pair_of(pem, std::move(key.key), chain.certificates, intermediates);
}

PemPairs read_pem_pairs(const PemSource& pem, const std::string& name,
                        IntermediateSet& intermediates) {
  const auto fail = [](std::string error) { return PemPairs{{}, std::move(error), false}; };
  if (pem.chain.size() > kMostPem || pem.key.size() > kMostPem)
    return fail(name + " is larger than 1 MiB");
  const std::vector<std::string_view> texts = split_keys(pem.key);
  if (texts.size() < 2) return read_pem_pair(pem, intermediates);
  if (texts.size() > kMostKeys) return fail(pem.key_name + " is more than three keys");
  ERR_clear_error();
  Chain all = read_chain(pem.chain, pem.chain_name);
  if (!all.error.empty()) return fail(std::move(all.error));
  std::map<std::size_t, KeyPtr> leaves;  // by the place of their certificate
  for (const std::string_view text : texts) {
    const KeyText one{std::string(text)};
    Key parsed = read_key(one.text, pem.key_name);
    if (!parsed.error.empty()) return fail(std::move(parsed.error));
    const auto leaf = std::find_if(
        all.certificates.begin(), all.certificates.end(),
        [&](const X509Ptr& c) { return X509_check_private_key(c.get(), parsed.key.get()) == 1; });
    ERR_clear_error();
    if (leaf == all.certificates.end())
      return fail(pem.key_name + " is not the key of " + pem.chain_name);
    leaves[static_cast<std::size_t>(leaf - all.certificates.begin())] = std::move(parsed.key);
  }
  if (leaves.begin()->first != 0 || leaves.size() != texts.size())
    return fail(pem.chain_name +
                " does not begin with a leaf; write the certificate of a key first, then its "
                "intermediates");
  PemPairs out;
  for (auto at = leaves.begin(); at != leaves.end(); ++at) {
    const std::size_t end =
        std::next(at) == leaves.end() ? all.certificates.size() : std::next(at)->first;
    PemPairs one = pair_of(pem, std::move(at->second),
                           std::span<X509Ptr>(all.certificates).subspan(at->first, end - at->first),
                           intermediates);
    if (!one.error.empty()) return one;
    for (const PemPair& other : out.pairs)
      if (other.key_type == one.pairs.front().key_type) return fail(two_of_a_type(name));
    out.pairs.push_back(std::move(one.pairs.front()));
  }
  return out;
}

}  // namespace marquee::tls
