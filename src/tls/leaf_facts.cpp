// What a leaf says of itself, for lists and for the history of certificates.
#include <openssl/bn.h>

#include "tls/certified_key.hpp"
#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

constexpr std::size_t kMostName = 512;  // bytes of an issuer or subject

std::time_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (!time || !ASN1_TIME_to_tm(time, &parts)) return 0;
  return timegm(&parts);
}

// Escaped, so that it is one line of printable ASCII.
std::string text_of(const X509_NAME* name) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, std::min(kMostName, static_cast<std::size_t>(std::max(0L, size)))};
}

struct FreeText {
  void operator()(char* text) const { OPENSSL_free(text); }
};
struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};

std::string hex_of(const ASN1_INTEGER* serial) {
  const std::unique_ptr<BIGNUM, FreeNumber> number(ASN1_INTEGER_to_BN(serial, nullptr));
  const std::unique_ptr<char, FreeText> text(number ? BN_bn2hex(number.get()) : nullptr);
  return text ? text.get() : "";
}

}  // namespace

LeafFacts facts_of(const CertificateRecord& record) {
  LeafFacts out;
  const auto* at = reinterpret_cast<const unsigned char*>(record.leaf.data());
  const X509Ptr leaf(d2i_X509(nullptr, &at, static_cast<long>(record.leaf.size())));
  if (!leaf) {
    ERR_clear_error();
    return out;
  }
  out.names = names_of(leaf.get());
  out.issuer = text_of(X509_get_issuer_name(leaf.get()));
  out.subject = text_of(X509_get_subject_name(leaf.get()));
  out.serial = hex_of(X509_get0_serialNumber(leaf.get()));
  out.not_before = unix_time(X509_get0_notBefore(leaf.get()));
  out.not_after = unix_time(X509_get0_notAfter(leaf.get()));
  ERR_clear_error();
  return out;
}

}  // namespace marquee::tls
