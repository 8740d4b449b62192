// A certificate of the directory on its way to a handshake: what the database holds is
// opened, then parsed. Counted at OpenSSL's door: these definitions stand before the
// library's own in this process.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "../tls/fixture.hpp"
#include "store/encryption.hpp"
#include "store/record_row.hpp"
#include "tls/certificate_cache.hpp"

namespace {

struct Parsed {
  int certificates = 0;
  int keys = 0;
};
thread_local Parsed parsed;
thread_local int depth = 0;  // what OpenSSL calls of itself is part of one parse

template <typename Function, typename... Arguments>
auto counted(const char* name, int& count, Arguments... arguments) {
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
  ++depth;
  auto* const out = real(arguments...);
  if (--depth == 0 && out) ++count;
  return out;
}

}  // namespace

extern "C" {
X509* PEM_read_bio_X509(BIO* bio, X509** into, pem_password_cb* ask, void* argument) {
  return counted<decltype(&PEM_read_bio_X509)>("PEM_read_bio_X509", parsed.certificates, bio, into,
                                               ask, argument);
}
X509* d2i_X509(X509** into, const unsigned char** bytes, long size) {
  return counted<decltype(&d2i_X509)>("d2i_X509", parsed.certificates, into, bytes, size);
}
EVP_PKEY* PEM_read_bio_PrivateKey(BIO* bio, EVP_PKEY** into, pem_password_cb* ask, void* argument) {
  return counted<decltype(&PEM_read_bio_PrivateKey)>("PEM_read_bio_PrivateKey", parsed.keys, bio,
                                                     into, ask, argument);
}
EVP_PKEY* d2i_PrivateKey(int type, EVP_PKEY** into, const unsigned char** bytes, long size) {
  return counted<decltype(&d2i_PrivateKey)>("d2i_PrivateKey", parsed.keys, type, into, bytes, size);
}
}

namespace marquee::store {
namespace {

using routing::StoredCertificate;
using tls::CertificateCache;
using tls::testing::make_certificate;
using tls::testing::make_key;

template <typename Write>
std::string pem(Write write) {
  const tls::BioPtr out(BIO_new(BIO_s_mem()));
  REQUIRE(write(out.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

struct Pair {
  std::string certificate, key;
};
Pair pair_of(const char* type) {
  const tls::KeyPtr key(make_key(type));
  const auto leaf = make_certificate(key.get(), {.names = {"shop.example"}});
  return {pem([&](BIO* b) { return PEM_write_bio_X509(b, leaf.get()); }), pem([&](BIO* b) {
            return PEM_write_bio_PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

// As a handshake gets it, from the two columns; null: why is in `error`.
std::shared_ptr<const tls::CertifiedKeys> loaded(const std::string& chain,
                                                 const std::string& sealed,
                                                 const EncryptionKey& key, std::string& error) {
  tls::IntermediateSet intermediates;
  CertificateCache cache(
      1u << 20, [](const std::function<void()>& job) { return job(), true; },
      tls::certificate_loader(nullptr), [] { return std::time(nullptr); });
  cache.fetch_stored_by(
      [&](const tls::CertificateSpec&, const std::function<void(CertificateCache::Stored)>& done) {
        StoredCertificate found = store::make_certificate(chain, sealed, &key);
        CertificateCache::Stored stored;
        stored.chain = found.chain;
        stored.key = found.key;
        stored.error = found.failure.sentence;
        done(std::move(stored));
      },
      intermediates);
  std::shared_ptr<const tls::CertifiedKeys> out;
  REQUIRE(cache.load(std::make_shared<tls::CertificateSpec>(tls::stored_spec(
                         routing::RecordKind::module_domain, "row", "v1", {"shop.example"})),
                     [&](const CertificateCache::Loaded& done) {
                       out = done.keys;
                       error = done.error;
                     }));
  return out;
}

}  // namespace

TEST_CASE("a certificate of the directory and its key are parsed once, not once to check") {
  const auto key =
      EncryptionKey::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const Pair ec = pair_of("EC"), rsa = pair_of("RSA");
  std::string error;

  auto sealed = encrypt(*key, ec.key);
  parsed = {};
  REQUIRE(loaded(ec.certificate, *sealed, *key, error));
  CHECK(parsed.certificates == 1);
  CHECK(parsed.keys == 1);

  // A pair of kinds is two of each.
  sealed = encrypt(*key, ec.key + rsa.key);
  parsed = {};
  REQUIRE(loaded(ec.certificate + rsa.certificate, *sealed, *key, error));
  CHECK(parsed.certificates == 2);
  CHECK(parsed.keys == 2);

  // What does not belong together is found out by the same one parse.
  sealed = encrypt(*key, rsa.key);
  parsed = {};
  CHECK_FALSE(loaded(ec.certificate, *sealed, *key, error));
  CHECK(error.find("is not the key of") != std::string::npos);
  CHECK(parsed.certificates == 1);
  CHECK(parsed.keys == 1);
}

}  // namespace marquee::store
