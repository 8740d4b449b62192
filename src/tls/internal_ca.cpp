#include "tls/internal_ca.hpp"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/durable_file.hpp"
#include "net/socket.hpp"
#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

using net::Fd;

constexpr std::time_t kCaLife = std::time_t{3652} * 86400;  // ten years

std::string because(const std::string& what) { return what + ": " + std::strerror(errno); }

// Under the folder's lock.
std::string write_file(int directory, const std::string& name, std::string_view bytes,
                       mode_t mode) {
  const std::string error = base::replace_file(directory, name, name + ".new", mode, {bytes});
  return error.empty() ? error : name + " " + error;
}

std::string_view content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &data);
  return {data, size > 0 ? static_cast<std::size_t>(size) : 0};
}

KeyPtr new_key() { return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

struct FreeBignum {
  void operator()(BIGNUM* number) const { BN_free(number); }
};

// 127 random bits and one that is set: positive, never zero (RFC 5280 section 4.1.2.2).
bool set_serial(X509* certificate) {
  const std::unique_ptr<BIGNUM, FreeBignum> number(BN_new());
  return number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// Built from objects, not from OpenSSL's configuration syntax, in which a name
// could say more than a name.
bool add_names(X509* certificate, const std::vector<std::string>& names, bool critical) {
  GENERAL_NAMES* list = GENERAL_NAMES_new();
  bool good = list != nullptr;
  for (const auto& text : names) {
    GENERAL_NAME* name = good ? GENERAL_NAME_new() : nullptr;
    ASN1_IA5STRING* value = name ? ASN1_IA5STRING_new() : nullptr;
    good = value && ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1;
    if (value) GENERAL_NAME_set0_value(name, GEN_DNS, value);
    good = good && sk_GENERAL_NAME_push(list, name) > 0;
    if (!good) {
      GENERAL_NAME_free(name);
      break;
    }
  }
  good = good && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, critical ? 1 : 0,
                                   X509V3_ADD_DEFAULT) == 1;
  GENERAL_NAMES_free(list);
  return good;
}

bool set_name(X509* certificate, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                    -1, 0) == 1;
}

bool set_life(X509* certificate, std::time_t from, std::time_t until) {
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until) != nullptr;
}

std::string random_suffix() {
  unsigned char bytes[4]{};
  RAND_bytes(bytes, sizeof bytes);
  char text[9];
  std::snprintf(text, sizeof text, "%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
  return text;
}

}  // namespace

InternalCa::~InternalCa() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

Made<InternalCa> InternalCa::open(const std::string& state_dir, std::time_t now) {
  ERR_clear_error();
  const std::string path = state_dir + "/internal-ca";
  std::unique_ptr<InternalCa> ca(new InternalCa);
  ca->certificate_file_ = path + "/ca.pem";
  const std::string key_file = path + "/ca.key";
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return {nullptr, because(path + " cannot be made") + "; write a state_dir that exists"};
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::flock(directory.get(), LOCK_EX) != 0) return {nullptr, because(path)};
  // The key is written first: a certificate without its key cannot come from us.
  std::string error;
  if (::access(ca->certificate_file_.c_str(), F_OK) != 0) error = ca->make(path, now);
  if (error.empty()) error = ca->load(key_file, now);
  if (!error.empty()) return {nullptr, "internal CA: " + error};
  return {std::move(ca), {}};
}

std::string InternalCa::make(const std::string& path, std::time_t now) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return because(path);
  const KeyPtr key = new_key();
  const X509Ptr root(X509_new());
  if (!key || !root || !set_serial(root.get()) ||
      !set_life(root.get(), now - kBackdate, now + kCaLife) ||
      !set_name(root.get(), "Marquee internal CA " + random_suffix()) ||
      X509_set_issuer_name(root.get(), X509_get_subject_name(root.get())) != 1 ||
      X509_set_pubkey(root.get(), key.get()) != 1 ||
      !add_extension(root.get(), root.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(root.get(), root.get(), NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(root.get(), root.get(), NID_subject_key_identifier, "hash") ||
      X509_sign(root.get(), key.get(), EVP_sha256()) <= 0)
    return "the root cannot be made: " + take_openssl_error();
  const BioPtr key_pem(BIO_new(BIO_s_secmem())), root_pem(BIO_new(BIO_s_mem()));
  if (!key_pem || !root_pem ||
      PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_X509(root_pem.get(), root.get()) != 1)
    return "the root cannot be written: " + take_openssl_error();
  std::string error = write_file(directory.get(), "ca.key", content_of(key_pem.get()), 0600);
  if (error.empty())
    error = write_file(directory.get(), "ca.pem", content_of(root_pem.get()), 0644);
  return error.empty() ? error : path + "/" + error;
}

std::string InternalCa::load(const std::string& key_file, std::time_t now) {
  const BioPtr root(BIO_new_file(certificate_file_.c_str(), "r"));
  certificate_ = root ? PEM_read_bio_X509(root.get(), nullptr, nullptr, nullptr) : nullptr;
  if (!certificate_) return certificate_file_ + " does not parse: " + take_openssl_error();
  const BioPtr key(BIO_new_file(key_file.c_str(), "r"));
  // A callback that gives no passphrase, so that no terminal is asked.
  const auto refuse = [](char*, int, int, void*) { return -1; };
  key_ = key ? PEM_read_bio_PrivateKey(key.get(), nullptr, refuse, nullptr) : nullptr;
  if (!key_) return key_file + " does not parse: " + take_openssl_error();
  if (X509_check_private_key(certificate_, key_) != 1) {
    ERR_clear_error();
    return key_file + " is not the key of " + certificate_file_ +
           "; remove both, then a new authority is made";
  }
  if (not_after() <= now)
    return certificate_file_ + " has expired; remove it and ca.key, then a new authority is made";
  return {};
}

std::time_t InternalCa::not_after() const {
  std::tm parts{};
  ASN1_TIME_to_tm(X509_get0_notAfter(certificate_), &parts);
  return timegm(&parts);
}

Made<CertifiedKeys> InternalCa::mint(const std::vector<std::string>& names, std::time_t now) const {
  ERR_clear_error();
  if (names.empty()) return {nullptr, "internal CA: a leaf needs a name"};
  const std::time_t end = std::min(now + kLeafLife, not_after());
  const bool cn_fits = names.front().size() <= 64;
  const KeyPtr key = new_key();
  const X509Ptr leaf(X509_new());
  if (!key || !leaf || !set_serial(leaf.get()) || !set_life(leaf.get(), now - kBackdate, end) ||
      (cn_fits && !set_name(leaf.get(), names.front())) ||
      X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_)) != 1 ||
      X509_set_pubkey(leaf.get(), key.get()) != 1 || !add_names(leaf.get(), names, !cn_fits) ||
      !add_extension(leaf.get(), certificate_, NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf.get(), certificate_, NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf.get(), certificate_, NID_ext_key_usage, "serverAuth") ||
      !add_extension(leaf.get(), certificate_, NID_subject_key_identifier, "hash") ||
      !add_extension(leaf.get(), certificate_, NID_authority_key_identifier, "keyid") ||
      X509_sign(leaf.get(), key_, EVP_sha256()) <= 0)
    return {nullptr, "internal CA: a leaf for " + names.front() +
                         " cannot be made: " + take_openssl_error()};
  return CertifiedKeys::adopt(leaf.get(), key.get(), now + (end - now) * 2 / 3);
}

}  // namespace marquee::tls
