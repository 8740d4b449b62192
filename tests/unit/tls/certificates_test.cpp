#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <random>

#include "fixture.hpp"
#include "tls/certificate_cache.hpp"
#include "tls/internal_ca.hpp"
#include "tls/name_check.hpp"
#include "tls/worker_certificates.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;
namespace config = marquee::config;
namespace fs = std::filesystem;

namespace {

class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "marquee-tls-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path = name;
  }
  ~Directory() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path / name) << content;
    return (path / name).string();
  }
  std::string file(const std::string& name) const { return (path / name).string(); }
  fs::path path;
};

std::string pem_of(X509* cert) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), cert);
  char* data = nullptr;
  const long size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &data);
  return {data, static_cast<std::size_t>(size)};
}
std::string pem_of(EVP_PKEY* key, bool traditional = false, const char* passphrase = nullptr) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (traditional)
    PEM_write_bio_PrivateKey_traditional(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  else
    PEM_write_bio_PKCS8PrivateKey(out.get(), key, passphrase ? EVP_aes_128_cbc() : nullptr, nullptr, 0,
                                  nullptr, const_cast<char*>(passphrase));
  char* data = nullptr;
  const long size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &data);
  return {data, static_cast<std::size_t>(size)};
}

config::Settings settings_with(const std::string& host, bool pair,
                               std::vector<config::CertificateFiles> files) {
  config::Settings settings;
  config::Domain domain;
  domain.host = {host, {0, 7, 3}};
  domain.pair = pair;
  domain.certificates = std::move(files);
  settings.domains.push_back(std::move(domain));
  return settings;
}

std::string first_problem(const std::string& host, bool pair,
                          std::vector<config::CertificateFiles> files) {
  const auto problems = check(settings_with(host, pair, std::move(files)), std::time(nullptr));
  return problems.empty() ? "" : problems.front().sentence;
}

// Subject of what a client was shown, and whether `root` vouches for it.
struct Shown {
  std::string type, cn;
  int chain = 0;
};
Shown shown_to(const std::shared_ptr<const CertifiedKeys>& keys, const char* ciphers) {
  const auto context = make_server();
  Worker worker;
  TestAdmission admission;
  admission.tenants["bakery.localhost"].keys = keys;
  Sockets sockets;
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  Client client(sockets.theirs, {.version = TLS1_2_VERSION});
  SSL_set_cipher_list(client.ssl.get(), ciphers);
  REQUIRE(shake(engine, sockets.ours, client) == Handshake::done);
  X509* leaf = SSL_get0_peer_certificate(client.ssl.get());
  char cn[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn, sizeof cn);
  return {EVP_PKEY_get0_type_name(X509_get0_pubkey(leaf)), cn,
          sk_X509_num(SSL_get_peer_cert_chain(client.ssl.get()))};
}

}  // namespace

TEST_CASE("names: exact, wildcards for one label, wildcard hosts") {
  const std::vector<std::string> names{"Shop.Example", "*.sites.example"};
  CHECK(covers(names, "shop.example"));
  CHECK(covers(names, "shop.example."));
  CHECK_FALSE(covers(names, "www.shop.example"));
  CHECK(covers(names, "a.sites.example"));
  CHECK_FALSE(covers(names, "a.b.sites.example"));
  CHECK_FALSE(covers(names, "sites.example"));
  CHECK_FALSE(covers(names, ".sites.example"));
  CHECK(covers(names, "*.sites.example"));
  CHECK_FALSE(covers(names, "*.example"));
  CHECK_FALSE(covers({}, "shop.example"));
  CHECK(is_ip_literal("192.0.2.1"));
  CHECK(is_ip_literal("[2001:db8::1]"));
  CHECK_FALSE(is_ip_literal("192.0.2.example"));
}

TEST_CASE("PEM files become records, and the records EC and RSA pairs with their chain") {
  const Directory dir;
  const KeyPtr root_key = make_key(), ec = make_key(), rsa = make_key("RSA");
  const X509Ptr root = make_certificate(root_key.get(), {.names = {"Root"}, .ca = true});
  const auto leaf = [&](EVP_PKEY* key) {
    return make_certificate(
        key, {.names = {"bakery.localhost"}, .issuer = root.get(), .issuer_key = root_key.get()});
  };
  const X509Ptr ec_leaf = leaf(ec.get()), rsa_leaf = leaf(rsa.get());
  const std::string ec_file = dir.write("ec.pem", pem_of(ec_leaf.get()) + pem_of(root.get()));
  const std::string rsa_file = dir.write("rsa.pem", pem_of(rsa_leaf.get()) + "\n" + pem_of(root.get()));
  const std::string ec_key = dir.write("ec.key", pem_of(ec.get(), true));
  const std::string rsa_key = dir.write("rsa.key", pem_of(rsa.get()));
  CHECK(check(settings_with("bakery.localhost", true, {{{}, ec_file, ec_key}, {{}, rsa_file, rsa_key}}),
              std::time(nullptr))
            .empty());

  IntermediateSet intermediates;
  std::vector<CertificateRecord> records;
  for (const auto& files : {config::CertificateFiles{{}, ec_file, ec_key}, {{}, rsa_file, rsa_key}}) {
    auto made = read_record(files, intermediates);
    REQUIRE_MESSAGE(made.value, made.error);
    records.push_back(std::move(*made.value));
  }
  CHECK(records[0].key_type == KeyType::ec);
  CHECK(records[1].key_type == KeyType::rsa);
  CHECK(records[0].leaf.size() + records[0].key.size() < 700);
  CHECK(records[0].chain.at(0) == records[1].chain.at(0));  // one object for all
  CHECK(intermediates.size() == 1);
  const CertificateSpec spec = spec_of(std::move(records));
  auto made = CertifiedKeys::parse(spec.records);
  REQUIRE_MESSAGE(made.value, made.error);
  const std::shared_ptr<const CertifiedKeys> keys = std::move(made.value);
  CHECK(keys->renew_after() == 0);
  CHECK(keys->bytes() > 13000);
  const Shown as_ec = shown_to(keys, "ECDHE-ECDSA-AES128-GCM-SHA256");
  CHECK(as_ec.type == "EC");
  CHECK(as_ec.cn == "bakery.localhost");
  CHECK(as_ec.chain == 2);
  CHECK(shown_to(keys, "ECDHE-RSA-AES128-GCM-SHA256").type == "RSA");
}

TEST_CASE("an unchanged certificate keeps its id, a changed one does not") {
  const Directory dir;
  const KeyPtr key = make_key();
  const X509Ptr one = make_certificate(key.get(), {}), two = make_certificate(key.get(), {});
  const std::string key_file = dir.write("key", pem_of(key.get()));
  IntermediateSet intermediates;
  const auto id = [&](const std::string& pem) {
    auto made = read_record({{}, dir.write("cert", pem), key_file}, intermediates);
    REQUIRE(made.value);
    std::vector<CertificateRecord> records;
    records.push_back(std::move(*made.value));
    return spec_of(std::move(records)).id;
  };
  CHECK(id(pem_of(one.get())) == id(pem_of(one.get())));
  CHECK(id(pem_of(one.get())) != id(pem_of(two.get())));
  CHECK(id(pem_of(one.get())) != id(pem_of(one.get()) + pem_of(two.get())));
  CHECK(internal_spec("a.example", true).id == internal_spec("a.example", true).id);
  CHECK(internal_spec("a.example", true).id != internal_spec("a.example", false).id);
  CHECK(internal_spec("*.a.example", true).names == std::vector<std::string>{"*.a.example"});
  CHECK(internal_spec("a.example", true).names ==
        std::vector<std::string>{"a.example", "www.a.example"});
}

TEST_CASE("what is wrong with certificate files is said in words") {
  const Directory dir;
  const KeyPtr key = make_key(), other = make_key(), rsa = make_key("RSA");
  const X509Ptr cert = make_certificate(key.get(), {.names = {"shop.example"}});
  const X509Ptr unrelated = make_certificate(other.get(), {.names = {"shop.example"}});
  const X509Ptr expired = make_certificate(key.get(), {.names = {"shop.example"}, .from = -9000, .until = -60});
  const X509Ptr www = make_certificate(key.get(), {.names = {"www.shop.example"}});
  const KeyPtr weak(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  const X509Ptr weak_cert = make_certificate(weak.get(), {.names = {"shop.example"}});
  const std::string c = dir.write("cert", pem_of(cert.get())), k = dir.write("key", pem_of(key.get()));
  const std::string k2 = dir.write("key2", pem_of(other.get()));
  const auto fault = [&](const std::string& cert_file, const std::string& key_file,
                         const char* host = "shop.example", bool pair = true) {
    std::string sentence = first_problem(host, pair, {{{}, cert_file, key_file}});
    for (std::size_t at; (at = sentence.find(dir.path.string())) != sentence.npos;)
      sentence.erase(at, dir.path.string().size() + 1);
    return sentence;
  };
  CHECK(fault(c, k) == "");
  CHECK(fault(dir.file("no"), k) == "no cannot be read: No such file or directory");
  CHECK(fault(c, dir.file("no")) == "no cannot be read: No such file or directory");
  CHECK(fault(c, k2) == "key2 is not the key of cert");
  CHECK(fault(dir.write("order", pem_of(unrelated.get()) + pem_of(cert.get())), k) ==
        "order does not begin with the leaf; write the certificate of the key first, then the "
        "intermediates");
  CHECK(fault(k, k) == "key holds no certificate; write a PEM file, the leaf first");
  CHECK(fault(c, c).starts_with("cert holds no private key ("));
  CHECK(fault(dir.write("cut", pem_of(cert.get()) + pem_of(cert.get()).substr(0, 200)), k)
            .starts_with("cut: certificate 2 does not parse ("));
  CHECK(fault(c, dir.write("locked", pem_of(key.get(), false, "secret"))) ==
        "locked is encrypted; write an unencrypted key, readable by Marquee only");
  CHECK(fault(dir.write("old", pem_of(expired.get())), k).starts_with("old expired on 20"));
  CHECK(fault(c, k, "other.example") ==
        "cert is for shop.example, not for other.example; write the certificate of this name");
  CHECK(fault(c, k, "www.shop.example", false) ==
        "cert is for shop.example, not for www.shop.example; write the certificate of this name");
  CHECK(fault(c, k, "*.example") == 
        "cert is for shop.example, not for *.example; write the certificate of this name");
  // One name of the pair is enough.
  CHECK(fault(dir.write("www", pem_of(www.get())), k) == "");
  CHECK(fault(dir.file("www"), k, "shop.example", false) != "");
  CHECK(fault(dir.write("weak", pem_of(weak_cert.get())), dir.write("weak.key", pem_of(weak.get()))) ==
        "weak.key is too weak; write an EC P-256 or an RSA-2048 key");
  // Two of one type; the mark is that of the second.
  const auto problems =
      check(settings_with("shop.example", true, {{{0, 9, 1}, c, k}, {{0, 12, 1}, c, k}}), std::time(nullptr));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].mark.line == 12);
  CHECK(problems[0].sentence.find("same type") != std::string::npos);
}

TEST_CASE("the internal CA is made once, and its leaves verify") {
  const Directory dir;
  const std::time_t now = std::time(nullptr);
  auto made = InternalCa::open(dir.path.string(), now);
  REQUIRE_MESSAGE(made.value, made.error);
  const auto mode = fs::status(dir.file("internal-ca/ca.key")).permissions();
  CHECK(mode == (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(made.value->certificate_file() == dir.file("internal-ca/ca.pem"));
  CHECK_FALSE(fs::exists(dir.file("internal-ca/ca.pem.new")));
  auto again = InternalCa::open(dir.path.string(), now + 100);
  REQUIRE(again.value);
  CHECK(again.value->not_after() == made.value->not_after());
  CHECK(again.value->not_after() > now + 3650LL * 86400);

  auto minted = again.value->mint({"bakery.localhost", "www.bakery.localhost"}, now);
  REQUIRE_MESSAGE(minted.value, minted.error);
  CHECK(minted.value->renew_after() == now + 60 * 86400);
  CHECK(minted.value->not_after() == now + 90 * 86400);
  const std::shared_ptr<const CertifiedKeys> keys = std::move(minted.value);
  // Our own client verifies it against ca.pem, by name.
  config::UpstreamTls tls;
  tls.ca_file = made.value->certificate_file();
  auto client_context = ClientContext::make(tls);
  REQUIRE_MESSAGE(client_context.value, client_context.error);
  for (const char* name : {"bakery.localhost", "www.bakery.localhost", "clinic.localhost"}) {
    CAPTURE(name);
    const auto server_context = make_server();
    Worker worker;
    TestAdmission admission;
    admission.tenants["www.bakery.localhost"] = admission.tenants["clinic.localhost"];
    for (auto& [host, tenant] : admission.tenants) tenant.keys = keys;
    Sockets sockets;
    Engine server(*server_context, admission, 1, sockets.ours, worker.buffers);
    Engine client(*client_context.value, name, sockets.theirs, worker.buffers);
    Handshake ours = Handshake::want_io, theirs = Handshake::want_io;
    for (int i = 0; i < 10; ++i) {
      ready(client, sockets.theirs);
      theirs = client.handshake();
      if (theirs == Handshake::done) write(client, {"GET"});  // Finished leaves with it
      ready(server, sockets.ours);
      ours = server.handshake();
      if (theirs != Handshake::want_io && ours != Handshake::want_io) break;
    }
    if (std::string_view(name) == "clinic.localhost") {
      CHECK(theirs == Handshake::failed);
      CHECK(client.error() == "the certificate was not accepted: hostname mismatch");
    } else {
      CHECK(ours == Handshake::done);
      CHECK(theirs == Handshake::done);
      CHECK(server.info().sni == name);
    }
  }
  // A long first name is no CN but still a name.
  const std::string label(60, 'a');
  CHECK(again.value->mint({label + "." + label + ".example"}, now).value);
  CHECK_FALSE(again.value->mint({}, now).value);
}

TEST_CASE("a damaged or expired internal CA is an error, not a new authority") {
  const Directory dir;
  const std::time_t now = std::time(nullptr);
  REQUIRE(InternalCa::open(dir.path.string(), now).value);
  CHECK(InternalCa::open(dir.path.string(), now + 3700LL * 86400).error.find("has expired") !=
        std::string::npos);
  const KeyPtr other = make_key();
  dir.write("internal-ca/ca.key", pem_of(other.get()));
  CHECK(InternalCa::open(dir.path.string(), now).error.find("is not the key of") != std::string::npos);
  dir.write("internal-ca/ca.key", "");
  CHECK(InternalCa::open(dir.path.string(), now).error.find("does not parse") != std::string::npos);
  CHECK(InternalCa::open(dir.file("nowhere"), now).error.find("cannot be made") != std::string::npos);
}

namespace {

// A cache whose jobs and posts run when the test says so.
struct Loading {
  std::deque<std::function<void()>> jobs, posts;
  std::vector<std::uint64_t> told;
  std::time_t now = 1'000'000;
  bool queue_full = false, fails = false;
  std::time_t life = 0;  // of what is loaded; 0: no renewal
  CertificateCache cache;
  std::unique_ptr<WorkerCertificates> one, two;

  explicit Loading(std::size_t budget = 1u << 20, std::size_t worker_budget = 1u << 20)
      : cache(budget,
              [this](std::function<void()> job) {
                if (!queue_full) jobs.push_back(std::move(job));
                return !queue_full;
              },
              [this](const CertificateSpec&, std::time_t) -> Made<CertifiedKeys> {
                if (fails) return {nullptr, "no luck"};
                const KeyPtr key = make_key();
                const X509Ptr cert = make_certificate(key.get(), {});
                X509_time_adj(X509_getm_notAfter(cert.get()), life ? life : 86400, &now);
                return CertifiedKeys::adopt(cert.get(), key.get(), life ? now + life * 2 / 3 : 0);
              },
              [this] { return now; }) {
    for (auto* worker : {&one, &two})
      *worker = std::make_unique<WorkerCertificates>(
          cache, worker_budget, [this](std::function<void()> job) { posts.push_back(std::move(job)); },
          [this](std::uint64_t waiter) { told.push_back(waiter); }, [this] { return now; });
  }
  static void run(std::deque<std::function<void()>>& queue) {
    while (!queue.empty()) {
      auto job = std::move(queue.front());
      queue.pop_front();
      job();
    }
  }
  void settle() {
    run(jobs);
    run(posts);
  }
};

std::shared_ptr<const CertificateSpec> spec(const std::string& name) {
  return std::make_shared<CertificateSpec>(internal_spec(name, false));
}
using Status = CertificateLookup::Status;

}  // namespace

TEST_CASE("one load serves all who wait on all workers") {
  Loading l;
  const auto a = spec("a.example");
  CHECK(l.one->find(a, 1).status == Status::loading);
  CHECK(l.one->find(a, 2).status == Status::loading);
  CHECK(l.two->find(a, 3).status == Status::loading);
  CHECK(l.jobs.size() == 1);
  Loading::run(l.jobs);
  CHECK(l.told.empty());  // told on the worker, not on the loading thread
  Loading::run(l.posts);
  CHECK(l.told == std::vector<std::uint64_t>{1, 2, 3});
  const auto found = l.one->find(a, 4);
  CHECK(found.status == Status::ready);
  CHECK(found.keys == l.two->find(a, 5).keys);
  CHECK(l.cache.loads() == 1);
  CHECK(l.one->waiting() == 0);
}

TEST_CASE("a failed load tells its waiters, and is tried again after a while") {
  Loading l;
  const auto a = spec("a.example");
  l.fails = true;
  CHECK(l.one->find(a, 1).status == Status::loading);
  l.settle();
  CHECK(l.told == std::vector<std::uint64_t>{1});
  CHECK(l.one->find(a, 1).status == Status::failed);
  CHECK(l.one->find(a, 1).error == "no luck");
  CHECK(l.jobs.empty());
  l.fails = false;
  l.now += WorkerCertificates::kFailed;
  CHECK(l.one->find(a, 1).status == Status::loading);
  l.settle();
  CHECK(l.one->find(a, 1).status == Status::ready);
  l.queue_full = true;
  CHECK(l.one->find(spec("b.example"), 1).status == Status::failed);
  l.queue_full = false;
  CHECK(l.one->find(spec("b.example"), 1).status == Status::loading);
}

TEST_CASE("eviction keeps the budget and frees nothing in use") {
  Loading l(30'000, 1);
  const auto a = spec("a.example");
  l.one->find(a, 1);
  l.settle();
  const auto held = l.one->find(a, 1).keys;
  REQUIRE(held);
  for (int i = 0; i < 20; ++i) {
    l.one->find(spec(std::to_string(i) + ".example"), 1);
    l.settle();
    CHECK(l.cache.bytes() <= 30'000);
  }
  CHECK(l.cache.size() >= 3);
  CHECK(held->not_after() > 0);
  CHECK(l.one->find(a, 1).status == Status::loading);  // it was the oldest
}

TEST_CASE("a worker's own table answers without the cache, until something is forgotten") {
  Loading l(1, 1u << 20);  // the cache itself keeps the newest only
  const auto a = spec("a.example"), b = spec("b.example");
  l.one->find(a, 1);
  l.one->find(b, 1);
  l.settle();
  CHECK(l.one->find(a, 1).status == Status::ready);
  l.cache.forget(a->id);
  CHECK(l.one->find(b, 1).status == Status::ready);
  CHECK(l.one->find(a, 1).status == Status::loading);
  // A load that began before it was forgotten does not bring it back.
  Loading::run(l.jobs);
  l.cache.forget(a->id);
  Loading::run(l.posts);
  CHECK(l.one->find(a, 1).status == Status::loading);
}

TEST_CASE("short-lived pairs are renewed in the background, and the old serve meanwhile") {
  Loading l;
  l.life = 900;
  const auto a = spec("a.example");
  l.one->find(a, 1);
  l.settle();
  const auto first = l.one->find(a, 1).keys;
  l.now += 599;
  CHECK(l.one->find(a, 1).keys == first);
  CHECK(l.jobs.empty());
  l.now += 1;
  CHECK(l.one->find(a, 1).keys == first);
  CHECK(l.two->find(a, 1).keys == first);
  CHECK(l.jobs.size() == 1);
  l.fails = true;
  l.settle();  // fails: the old one stays, and a minute passes before the next try
  l.now += 30;
  CHECK(l.one->find(a, 1).keys == first);
  CHECK(l.jobs.empty());
  l.fails = false;
  l.now += 30;
  CHECK(l.one->find(a, 1).keys == first);
  l.settle();
  l.now += 1;
  const auto second = l.one->find(a, 1);
  CHECK(second.status == Status::ready);
  CHECK(second.keys != first);
  l.now += 1000;  // expired: nothing old is served
  CHECK(l.one->find(a, 1).status == Status::loading);
}

TEST_CASE("workers and the cache may go while a load runs") {
  std::deque<std::function<void()>> jobs, posts;
  int told = 0;
  const auto clock = [] { return std::time(nullptr); };
  {
    CertificateCache cache(
        1u << 20,
        [&](std::function<void()> job) {
          jobs.push_back(std::move(job));
          return true;
        },
        [](const CertificateSpec&, std::time_t) { return Made<CertifiedKeys>{nullptr, "late"}; }, clock);
    WorkerCertificates worker(
        cache, 1u << 20, [&](std::function<void()> job) { posts.push_back(std::move(job)); },
        [&](std::uint64_t) { ++told; }, clock);
    CHECK(worker.find(spec("a.example"), 1).status == Status::loading);
  }
  Loading::run(jobs);
  CHECK(posts.size() == 1);
  Loading::run(posts);
  CHECK(told == 0);
}
