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
#include "tls/pem_pairs.hpp"

namespace marquee::tls {
namespace {

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
  content.bytes.resize(kMostPem + 1);
  content.bytes.resize(std::fread(content.bytes.data(), 1, content.bytes.size(), file.get()));
  if (std::ferror(file.get())) content.error = path + " cannot be read: " + std::strerror(errno);
  if (content.bytes.size() > kMostPem) content.error = path + " is larger than 1 MiB";
  return content;
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

CertificateRecord record_of(PemPair pair) {
  CertificateRecord out;
  out.key_type = pair.key_type;
  out.leaf = to_der(pair.leaf.get());
  out.key = to_der(pair.key.get());
  out.chain = std::move(pair.chain);
  return out;
}

PemPairs read_pair(const config::CertificateFiles& files, IntermediateSet& intermediates) {
  Content chain = read_file(files.cert_file);
  if (!chain.error.empty()) return {{}, std::move(chain.error), false};
  Content key = read_file(files.key_file);
  if (!key.error.empty()) return {{}, std::move(key.error), true};
  return read_pem_pair({chain.bytes, key.bytes, files.cert_file, files.key_file}, intermediates);
}

}  // namespace

Made<CertificateRecord> read_record(const config::CertificateFiles& files,
                                    IntermediateSet& intermediates) {
  PemPairs read = read_pair(files, intermediates);
  if (!read.error.empty()) return {nullptr, std::move(read.error)};
  return {std::make_unique<CertificateRecord>(record_of(std::move(read.pairs.front()))), {}};
}

ReadRecords read_records(const std::string& chain, const std::string& key, const std::string& name,
                         IntermediateSet& intermediates) {
  PemPairs read = read_pem_pairs({chain, key, "the certificate of " + name, "the key of " + name},
                                 name, intermediates);
  ReadRecords out;
  for (PemPair& pair : read.pairs) out.records.push_back(record_of(std::move(pair)));
  out.error = std::move(read.error);
  return out;
}

ReadRecords read_records(std::span<const config::CertificateFiles> files,
                         IntermediateSet& intermediates) {
  ReadRecords out;
  for (const config::CertificateFiles& pair : files) {
    PemPairs read = read_pair(pair, intermediates);
    if (!read.error.empty()) return {{}, std::move(read.error)};
    for (const CertificateRecord& other : out.records)
      if (other.key_type == read.pairs.front().key_type) return {{}, two_of_a_type(pair.key_file)};
    out.records.push_back(record_of(std::move(read.pairs.front())));
  }
  return out;
}

std::vector<config::Problem> check(const config::Settings& settings, std::time_t now) {
  std::vector<config::Problem> problems = check(settings.tls);
  IntermediateSet intermediates;
  for (const auto& domain : settings.domains) {
    std::set<KeyType> types;
    for (const auto& files : domain.certificates) {
      const PemPairs read = read_pair(files, intermediates);
      std::string fault = read.error;
      if (fault.empty()) {
        const PemPair& pair = read.pairs.front();
        fault = leaf_fault(pair.leaf.get(), domain, files.cert_file, now);
        if (fault.empty() && !types.insert(pair.key_type).second)
          fault = files.cert_file + " has a key of the same type as another certificate of " +
                  domain.host.value + "; write one per type (EC, RSA)";
      }
      if (!fault.empty())
        problems.push_back({read.of_key ? files.key_mark : files.cert_mark, std::move(fault)});
    }
  }
  return problems;
}

}  // namespace marquee::tls
