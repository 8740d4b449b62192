// PEM files to records, and what can be wrong with them.
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/hostname.hpp"
#include "tls/certified_key.hpp"
#include "tls/name_check.hpp"
#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

constexpr std::size_t kMostFileBytes = 1u << 20;
constexpr std::size_t kMostLinks = 10;   // intermediates in one file
constexpr int kLeastSecurityBits = 112;  // RSA-2048, SHA-256; what OpenSSL asks for

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Content of a small file, wiped afterwards as it may be a key.
struct Content {
  std::string bytes;
  std::string error;
  ~Content() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

Content read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rbe"));
  if (!file) return {{}, path + " cannot be read: " + std::strerror(errno)};
  Content content;
  content.bytes.resize(kMostFileBytes + 1);
  content.bytes.resize(std::fread(content.bytes.data(), 1, content.bytes.size(), file.get()));
  if (std::ferror(file.get())) content.error = path + " cannot be read: " + std::strerror(errno);
  if (content.bytes.size() > kMostFileBytes) content.error = path + " is larger than 1 MiB";
  return content;
}

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

std::string to_der(const X509* certificate) {
  unsigned char* data = nullptr;
  const int size = i2d_X509(certificate, &data);
  std::string der;
  if (size > 0) der.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_free(data);
  return der;
}

std::string to_der(const EVP_PKEY* key) {
  unsigned char* data = nullptr;
  const int size = i2d_PrivateKey(key, &data);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  return der;
}

std::string join(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < 5; ++i) list += (i ? ", " : "") + names[i];
  if (names.size() > 5) list += " and " + std::to_string(names.size() - 5) + " more";
  return names.empty() ? "no DNS name" : list;
}

X509Ptr parse_leaf(const CertificateRecord& record) {
  const auto* at = reinterpret_cast<const unsigned char*>(record.leaf.data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(record.leaf.size())));
}

std::string day_of(const ASN1_TIME* time) {
  std::tm parts{};
  char text[16];
  ASN1_TIME_to_tm(time, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

// As it stands in certificates; a host that is no name is another room's fault.
std::string normal_form(const std::string& host) {
  if (host.starts_with("*.")) {
    const auto parent = base::parse_wildcard(host);
    return parent ? "*." + parent.name->string() : host;
  }
  const auto name = base::parse_hostname(host);
  return name ? name.name->string() : host;
}

// What is wrong with a readable pair for this domain; empty: nothing.
std::string leaf_fault(const X509* leaf, const config::Domain& domain, const std::string& file,
                       std::time_t now) {
  if (X509_cmp_time(X509_get0_notAfter(leaf), &now) < 0)
    return file + " expired on " + day_of(X509_get0_notAfter(leaf)) +
           "; write a renewed certificate";
  const auto names = names_of(leaf);
  const std::string& host = domain.host.value;
  const std::string name = normal_form(host);
  if (covers(names, name)) return {};
  if (const auto parsed = base::parse_hostname(name); parsed && domain.pair)
    if (const auto twin = parsed.name->www_twin(); twin && covers(names, twin->text())) return {};
  return file + " is for " + join(names) + ", not for " + host +
         "; write the certificate of this name";
}

}  // namespace

std::vector<std::string> names_of(const X509* leaf) {
  std::vector<std::string> names;
  auto* list =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    std::string value(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    if (value.find('\0') == value.npos) names.push_back(std::move(value));
  }
  GENERAL_NAMES_free(list);
  return names;
}

std::vector<std::string> names_of(const CertificateRecord& record) {
  const X509Ptr leaf = parse_leaf(record);
  return leaf ? names_of(leaf.get()) : std::vector<std::string>{};
}

namespace {

struct Reading {
  std::unique_ptr<CertificateRecord> record;
  std::string error;
  bool of_key = false;  // the fault is the key file's
};

struct PemPair {
  const std::string& chain;
  const std::string& key;
  std::string chain_name;  // in errors
  std::string key_name;
};

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
Reading make_record(const PemPair& pem, EVP_PKEY* key, std::span<const X509Ptr> links,
                    IntermediateSet& intermediates) {
  if (EVP_PKEY_get_security_bits(key) < kLeastSecurityBits)
    return {nullptr, pem.key_name + " is too weak; write an EC P-256 or an RSA-2048 key", true};
  const auto type = type_of(key);
  if (!type)
    return {nullptr, pem.key_name + " is of a type that is not served; write EC or RSA", true};
  auto record = std::make_unique<CertificateRecord>();
  record->key_type = *type;
  record->leaf = to_der(links.front().get());
  record->key = to_der(key);
  for (const X509Ptr& link : links.subspan(1))
    record->chain.push_back(intermediates.share(link.get()));
  return {std::move(record), {}, false};
}

Reading parse_pair(const PemPair& pem, IntermediateSet& intermediates) {
  ERR_clear_error();
  const Chain chain = read_chain(pem.chain, pem.chain_name);
  if (!chain.error.empty()) return {nullptr, chain.error, false};
  const Key key = read_key(pem.key, pem.key_name);
  if (!key.error.empty()) return {nullptr, key.error, true};
  if (X509_check_private_key(chain.certificates.front().get(), key.key.get()) != 1) {
    for (const auto& other : chain.certificates)
      if (X509_check_private_key(other.get(), key.key.get()) == 1)
        return {nullptr,
                pem.chain_name +
                    " does not begin with the leaf; write the certificate of the "
                    "key first, then the intermediates",
                false};
    ERR_clear_error();
    return {nullptr, pem.key_name + " is not the key of " + pem.chain_name, true};
  }
  ERR_clear_error();
  return make_record(pem, key.key.get(), chain.certificates, intermediates);
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

std::string two_of_a_type(const std::string& name) {
  return name + " has two keys of one type; write one per type (EC, RSA)";
}

Reading read_pair(const config::CertificateFiles& files, IntermediateSet& intermediates) {
  const Content chain = read_file(files.cert_file);
  if (!chain.error.empty()) return {nullptr, chain.error, false};
  const Content key = read_file(files.key_file);
  if (!key.error.empty()) return {nullptr, key.error, true};
  return parse_pair({chain.bytes, key.bytes, files.cert_file, files.key_file}, intermediates);
}

}  // namespace

Made<CertificateRecord> read_record(const config::CertificateFiles& files,
                                    IntermediateSet& intermediates) {
  Reading reading = read_pair(files, intermediates);
  return {std::move(reading.record), std::move(reading.error)};
}

Made<CertificateRecord> read_record(const std::string& chain, const std::string& key,
                                    const std::string& name, IntermediateSet& intermediates) {
  if (chain.size() > kMostFileBytes || key.size() > kMostFileBytes)
    return {nullptr, name + " is larger than 1 MiB"};
  Reading reading =
      parse_pair({chain, key, "the certificate of " + name, "the key of " + name}, intermediates);
  return {std::move(reading.record), std::move(reading.error)};
}

ReadRecords read_records(const std::string& chain, const std::string& key, const std::string& name,
                         IntermediateSet& intermediates) {
  const std::vector<std::string_view> texts = split_keys(key);
  ReadRecords out;
  if (texts.size() < 2) {
    Made<CertificateRecord> one = read_record(chain, key, name, intermediates);
    if (one.value) out.records.push_back(std::move(*one.value));
    out.error = std::move(one.error);
    return out;
  }
  const auto fail = [](std::string error) { return ReadRecords{{}, std::move(error)}; };
  if (chain.size() > kMostFileBytes || key.size() > kMostFileBytes)
    return fail(name + " is larger than 1 MiB");
  const PemPair pem{chain, key, "the certificate of " + name, "the key of " + name};
  if (texts.size() > kMostKeys) return fail(pem.key_name + " is more than three keys");
  ERR_clear_error();
  const Chain all = read_chain(chain, pem.chain_name);
  if (!all.error.empty()) return fail(all.error);
  std::map<std::size_t, KeyPtr> leaves;  // by the place of their certificate
  for (const std::string_view text : texts) {
    Content one{std::string(text), {}};
    Key parsed = read_key(one.bytes, pem.key_name);
    if (!parsed.error.empty()) return fail(parsed.error);
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
  for (auto at = leaves.begin(); at != leaves.end(); ++at) {
    const std::size_t end =
        std::next(at) == leaves.end() ? all.certificates.size() : std::next(at)->first;
    Reading reading =
        make_record(pem, at->second.get(),
                    std::span<const X509Ptr>(all.certificates).subspan(at->first, end - at->first),
                    intermediates);
    if (!reading.record) return fail(reading.error);
    for (const CertificateRecord& other : out.records)
      if (other.key_type == reading.record->key_type) return fail(two_of_a_type(name));
    out.records.push_back(std::move(*reading.record));
  }
  return out;
}

ReadRecords read_records(std::span<const config::CertificateFiles> files,
                         IntermediateSet& intermediates) {
  ReadRecords out;
  for (const config::CertificateFiles& pair : files) {
    Reading reading = read_pair(pair, intermediates);
    if (!reading.record) return {{}, std::move(reading.error)};
    for (const CertificateRecord& other : out.records)
      if (other.key_type == reading.record->key_type) return {{}, two_of_a_type(pair.key_file)};
    out.records.push_back(std::move(*reading.record));
  }
  return out;
}

std::vector<config::Problem> check(const config::Settings& settings, std::time_t now) {
  std::vector<config::Problem> problems = check(settings.tls);
  IntermediateSet intermediates;
  for (const auto& domain : settings.domains) {
    std::set<KeyType> types;
    for (const auto& files : domain.certificates) {
      const Reading reading = read_pair(files, intermediates);
      std::string fault = reading.error;
      if (reading.record) {
        fault = leaf_fault(parse_leaf(*reading.record).get(), domain, files.cert_file, now);
        if (fault.empty() && !types.insert(reading.record->key_type).second)
          fault = files.cert_file + " has a key of the same type as another certificate of " +
                  domain.host.value + "; write one per type (EC, RSA)";
      }
      if (!fault.empty())
        problems.push_back({reading.of_key ? files.key_mark : files.cert_mark, std::move(fault)});
    }
  }
  return problems;
}

}  // namespace marquee::tls
