// Several certificates in one text: EC and RSA of one host, as a directory keeps them.
#include <doctest/doctest.h>
#include <openssl/pem.h>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;

namespace {

template <typename Write>
std::string pem(Write write) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  write(out.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}
std::string pem_of(X509* certificate) {
  return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
}
std::string pem_of(EVP_PKEY* key, bool traditional = false) {
  return pem([&](BIO* out) {
    if (traditional)
      PEM_write_bio_PrivateKey_traditional(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    else
      PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

struct Sample {
  KeyPtr root_key = make_key(), ec = make_key(), rsa = make_key("RSA");
  X509Ptr root = make_certificate(root_key.get(), {.names = {"root"}, .ca = true});
  X509Ptr ec_leaf = leaf(ec.get());
  X509Ptr rsa_leaf = leaf(rsa.get());
  X509Ptr leaf(EVP_PKEY* key) {
    return make_certificate(
        key, {.names = {"shop.example"}, .issuer = root.get(), .issuer_key = root_key.get()});
  }
  std::string chain() {
    return pem_of(ec_leaf.get()) + pem_of(root.get()) + pem_of(rsa_leaf.get()) + pem_of(root.get());
  }
};

}  // namespace

TEST_CASE("a pair of certificates is read, whatever the order of its keys") {
  Sample s;
  IntermediateSet intermediates;
  for (const std::string& keys :
       {pem_of(s.ec.get()) + pem_of(s.rsa.get()), pem_of(s.rsa.get()) + pem_of(s.ec.get()),
        "words\n" + pem_of(s.rsa.get(), true) + "\n\n" + pem_of(s.ec.get(), true)}) {
    const ReadRecords read = read_records(s.chain(), keys, "shop.example", intermediates);
    REQUIRE_MESSAGE(read.error.empty(), read.error);
    REQUIRE(read.records.size() == 2);
    CHECK(read.records[0].key_type == KeyType::ec);
    CHECK(read.records[1].key_type == KeyType::rsa);
    REQUIRE(read.records[0].chain.size() == 1);
    REQUIRE(read.records[1].chain.size() == 1);
    CHECK(read.records[0].chain[0] == read.records[1].chain[0]);  // shared
    CHECK(intermediates.size() == 1);
    CHECK(CertifiedKeys::parse(read.records).value);
  }
  const LeafFacts facts =
      facts_of(read_records(s.chain(), pem_of(s.ec.get()) + pem_of(s.rsa.get()), "x", intermediates)
                   .records[1]);
  CHECK(facts.names == std::vector<std::string>{"shop.example"});
  CHECK(facts.issuer == "CN=root");
  CHECK(facts.subject == "CN=shop.example");
  CHECK(facts.not_after - facts.not_before == 86400 + 3600);
  CHECK_FALSE(facts.serial.empty());
}

TEST_CASE("what cannot be a pair of certificates is refused with its reason") {
  Sample s;
  IntermediateSet intermediates;
  const auto why = [&](const std::string& chain, const std::string& keys) {
    const ReadRecords read = read_records(chain, keys, "shop.example", intermediates);
    CHECK(read.records.empty());
    return read.error;
  };
  const auto says = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const std::string ec = pem_of(s.ec.get()), rsa = pem_of(s.rsa.get());
  const KeyPtr other = make_key();
  says(why(s.chain(), ec + pem_of(other.get())), "is not the key of");
  says(why(s.chain(), ec + ec), "does not begin with a leaf");
  says(why(pem_of(s.root.get()) + s.chain(), ec + rsa), "does not begin with a leaf");
  says(why(s.chain(), ec + rsa + ec + rsa), "more than three keys");
  const X509Ptr second = s.leaf(other.get());
  says(why(pem_of(s.ec_leaf.get()) + pem_of(second.get()), ec + pem_of(other.get())),
       "two keys of one type");
  says(why("", ec + rsa), "holds no certificate");
  says(why(s.chain(), ec + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
       "holds no private key");
}
