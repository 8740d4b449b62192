#include "tls/certificate_cache.hpp"

#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "fixture.hpp"
#include "tls/internal_ca.hpp"
#include "tls/worker_certificates.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;

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
      : cache(
            budget,
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
          cache, worker_budget,
          [this](std::function<void()> job) { posts.push_back(std::move(job)); },
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
  CHECK(l.one->find(a, 2).status == Status::loading);  // asked again: told once
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
        [](const CertificateSpec&, std::time_t) {
          return Made<CertifiedKeys>{nullptr, "late"};
        },
        clock);
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

TEST_CASE("workers on threads of their own load, forget and renew without a race") {
  const auto bakery = make_keys({"bakery.localhost"});
  const auto clock = [] { return std::time(nullptr); };
  std::vector<std::thread> loaders;
  std::mutex mutex;
  CertificateCache cache(
      1u << 20,
      [&](std::function<void()> job) {
        const std::lock_guard lock(mutex);
        loaders.emplace_back(std::move(job));
        return true;
      },
      [](const CertificateSpec&, std::time_t now) {
        const KeyPtr key = make_key();
        LeafOptions options;
        const X509Ptr cert = make_certificate(key.get(), options);
        return CertifiedKeys::adopt(cert.get(), key.get(), now);  // to be renewed at once
      },
      clock);
  std::vector<std::thread> workers;
  for (int w = 0; w < 3; ++w) {
    workers.emplace_back([&] {
      std::mutex inbox_mutex;
      std::deque<std::function<void()>> inbox;
      int told = 0;
      WorkerCertificates mine(
          cache, 1u << 20,
          [&](std::function<void()> job) {
            const std::lock_guard lock(inbox_mutex);
            inbox.push_back(std::move(job));
          },
          [&](std::uint64_t) { ++told; }, clock);
      int found = 0;
      for (std::uint64_t i = 0; found < 200; ++i) {
        const auto lookup = mine.find(spec(std::to_string(i % 3) + ".example"), i);
        found += lookup.status == CertificateLookup::Status::ready;
        if (i % 50 == 0) cache.forget(spec("1.example")->id);
        std::function<void()> job;
        {
          const std::lock_guard lock(inbox_mutex);
          if (!inbox.empty()) {
            job = std::move(inbox.front());
            inbox.pop_front();
          }
        }
        if (job) job();
        if (lookup.status == CertificateLookup::Status::loading) std::this_thread::yield();
      }
      // Posts of loads that still run land in the inbox: wait for them.
      while (mine.waiting() > 0) {
        std::function<void()> job;
        {
          const std::lock_guard lock(inbox_mutex);
          if (!inbox.empty()) {
            job = std::move(inbox.front());
            inbox.pop_front();
          }
        }
        if (job) job();
      }
    });
  }
  for (auto& worker : workers) worker.join();
  // Background renewals have no waiters; they end by themselves.
  for (std::size_t i = 0;; ++i) {
    std::thread loader;
    {
      const std::lock_guard lock(mutex);
      if (i >= loaders.size()) break;
      loader = std::move(loaders[i]);
    }
    loader.join();
  }
  CHECK(cache.loads() >= 3);
}

namespace {

std::string pem_of(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}
std::string pem_of(EVP_PKEY* key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("certificate cache: what the directory holds is fetched, then parsed as a job") {
  Loading l;
  IntermediateSet intermediates;
  std::deque<std::function<void(CertificateCache::Stored)>> asked;
  l.cache.fetch_stored_by(
      [&](const CertificateSpec& spec, std::function<void(CertificateCache::Stored)> done) {
        CHECK(spec.stored == marquee::routing::RecordKind::module_domain);
        CHECK(spec.row == "row-1");
        asked.push_back(std::move(done));
      },
      intermediates);
  const auto spec = [](const char* version) {
    return std::make_shared<CertificateSpec>(
        stored_spec(marquee::routing::RecordKind::module_domain, "row-1", version,
                    {"shop.example", "www.shop.example"}));
  };
  const KeyPtr key = make_key(), other = make_key();
  const X509Ptr good = make_certificate(key.get(), {.names = {"www.shop.example"}});
  X509_time_adj(X509_getm_notAfter(good.get()), 86400, &l.now);
  X509_sign(good.get(), key.get(), EVP_sha256());
  const auto deliver = [&](const std::string& chain, const std::string& private_key,
                           const std::string& error) {
    REQUIRE(!asked.empty());
    CertificateCache::Stored stored;
    stored.chain = chain;
    stored.key = private_key;
    stored.error = error;
    auto done = std::move(asked.front());
    asked.pop_front();
    done(std::move(stored));
    l.settle();
  };
  using Status = CertificateLookup::Status;
  const auto first = spec("v1");
  CHECK(l.one->find(first, 1).status == Status::loading);
  CHECK(l.two->find(first, 2).status == Status::loading);
  CHECK(asked.size() == 1);
  deliver(pem_of(good.get()), pem_of(key.get()), "");
  CHECK(l.told.size() == 2);
  CHECK(l.one->find(first, 1).status == Status::ready);

  const auto broken = [&](const char* version, const std::string& chain,
                          const std::string& private_key, const std::string& error) {
    const auto faulty = spec(version);
    CHECK(l.one->find(faulty, 1).status == Status::loading);
    deliver(chain, private_key, error);
    const CertificateLookup found = l.one->find(faulty, 1);
    CHECK(found.status == Status::failed);
    return found.error;
  };
  CHECK(broken("v2", pem_of(good.get()), pem_of(other.get()), "").find("is not the key of") !=
        std::string::npos);
  CHECK(broken("v3", "vercel_managed", "vercel_managed", "").find("module_domain row-1") !=
        std::string::npos);
  CHECK(broken("v4", "", "", "the directory is down") == "the directory is down");
  const X509Ptr old = make_certificate(key.get(), {.names = {"shop.example"}});
  X509_time_adj(X509_getm_notAfter(old.get()), -1, &l.now);
  X509_sign(old.get(), key.get(), EVP_sha256());
  CHECK(broken("v5", pem_of(old.get()), pem_of(key.get()), "").ends_with("has expired"));
  const X509Ptr stranger = make_certificate(key.get(), {.names = {"bakery.example"}});
  CHECK(broken("v6", pem_of(stranger.get()), pem_of(key.get()), "").ends_with("for other names"));
}
