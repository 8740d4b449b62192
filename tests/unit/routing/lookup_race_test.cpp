// Real threads: workers ask, a directory answers late and from another thread,
// domains move between tenants. Whoever asks after a change was told must see it,
// at the first step of the ladder and at the second.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "routing/record_sample.hpp"
#include "routing/worker_table.hpp"

using namespace marquee;
using namespace marquee::routing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kDomains = 200;
constexpr std::size_t kTenants = 50;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kAsks = 50'000;
#else
constexpr int kAsks = 500'000;  // by each of two workers
#endif

std::string name_of(std::size_t i) { return "d" + std::to_string(i) + ".example"; }

// The truth: how often each domain has moved. Its tenant is that, modulo.
struct Truth {
  std::array<std::atomic<std::uint64_t>, kDomains> committed{};
  std::array<std::atomic<std::uint64_t>, kDomains> told{};
};

class ThreadDirectory final : public DomainDirectory {
 public:
  explicit ThreadDirectory(Truth& truth) : truth_(truth), thread_([this] { serve(); }) {}
  ~ThreadDirectory() override {
    {
      const std::lock_guard hold(mutex_);
      over_ = true;
    }
    more_.notify_one();
    thread_.join();
  }
  void find(const LookupKeys& keys, Found done) override {
    const std::size_t i = std::stoul(keys.host.string().substr(1));
    // Read at once, answered later: every answer is old news.
    DomainRecord row = sample_record(keys.host.text());
    const std::uint64_t version = truth_.committed[i].load();
    row.row = std::to_string(version);
    row.agency = *base::AgencyId::parse("t" + std::to_string((version + i) % kTenants));
    DirectoryAnswer answer = sample_answer(std::move(row));
    const std::lock_guard hold(mutex_);
    open_.emplace_back(std::move(done), std::move(answer));
    more_.notify_one();
  }
  void subscribe(ChangeListener*) override {}
  void list(const ListQuery&, Listed) override {}
  void list_names(const std::string&, std::uint32_t, Named) override {}
  void load_certificate(RecordKind, const std::string&, Certificate) override {}
  void generation(Generation) override {}
  std::string description() const override { return "threads"; }

 private:
  void serve() {
    std::unique_lock hold(mutex_);
    for (;;) {
      more_.wait(hold, [this] { return over_ || !open_.empty(); });
      if (open_.empty()) return;
      auto [done, answer] = std::move(open_.back());  // not in order
      open_.pop_back();
      hold.unlock();
      done(std::move(answer));
      hold.lock();
    }
  }
  Truth& truth_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::pair<Found, DirectoryAnswer>> open_;
  bool over_ = false;
  std::thread thread_;
};

struct Tally {
  std::atomic<std::uint64_t> wrong{0}, first{0}, second{0}, loaded{0}, unanswered{0};
};

void check(Tally& tally, const Answer& answer, std::size_t i, std::uint64_t at_least) {
  const DomainRecord& row = *answer->answer.rows.front();
  const std::uint64_t version = std::stoull(row.row);
  const std::string tenant = "t" + std::to_string((version + i) % kTenants);
  if (version < at_least || row.agency.text() != tenant || row.host.text() != name_of(i))
    tally.wrong.fetch_add(1);
}

void work(LookupCache& cache, Truth& truth, Tally& tally, unsigned seed) {
  WorkerTable<int> table(100);  // half of them: the hand goes round
  std::mt19937 random(seed);
  std::vector<LookupKeys> keys;
  for (std::size_t i = 0; i < kDomains; ++i) keys.push_back(keys_of(sample_host(name_of(i)), ""));
  for (int n = 0; n < kAsks; ++n) {
    const std::size_t i = random() % kDomains;
    const std::uint64_t at_least = truth.told[i].load(std::memory_order_acquire);
    const CacheTime now = CacheTime::clock::now();
    if (const auto* entry = table.find(name_of(i), now, cache.stamps())) {
      tally.first.fetch_add(1, std::memory_order_relaxed);
      check(tally, entry->answer, i, at_least);
      continue;
    }
    const LookupCache::Looked looked = cache.look(keys[i], now);
    if (looked.status == LookupCache::Status::known) {
      tally.second.fetch_add(1, std::memory_order_relaxed);
      check(tally, looked.answer, i, at_least);
      table.insert(name_of(i), looked.answer, 0, looked.check_at);
      continue;
    }
    // Only on some it is worth waiting.
    std::mutex mutex;
    std::condition_variable told;
    bool done = false;
    Answer answer;
    cache.load(keys[i], [&](const LookupCache::Loaded& l) {
      const std::lock_guard hold(mutex);
      answer = l.answer;
      done = true;
      told.notify_one();
    });
    std::unique_lock hold(mutex);
    told.wait(hold, [&] { return done; });
    tally.loaded.fetch_add(1, std::memory_order_relaxed);
    if (answer)
      check(tally, answer, i, at_least);
    else
      tally.unanswered.fetch_add(1);
  }
}

}  // namespace

TEST_CASE("lookup cache: no wrong tenant while domains move, entries expire, threads race") {
  Truth truth;
  Tally tally;
  LookupCache::Options options;
  options.ttl = 20ms;
  {
    std::unique_ptr<ThreadDirectory> directory = std::make_unique<ThreadDirectory>(truth);
    LookupCache cache(*directory, options, [] { return CacheTime::clock::now(); });
    std::atomic<bool> over{false};
    std::thread mover([&] {
      std::mt19937 random(99);
      for (int n = 0; !over; ++n) {
        const std::size_t i = random() % kDomains;
        const std::uint64_t version = truth.committed[i].load() + 1;
        const std::string tenant = "t" + std::to_string((version - 1 + i) % kTenants);
        truth.committed[i].store(version);
        const Change changes[] = {n % 3 ? Change{Change::What::name, name_of(i)}
                                        : Change{Change::What::agency, tenant}};
        const Change everything[] = {Change{}};
        if (n % 500 == 0)
          cache.on_changes(everything);
        else
          cache.on_changes(changes);
        truth.told[i].store(version, std::memory_order_release);
        std::this_thread::sleep_for(50us);
      }
    });
    std::thread one([&] { work(cache, truth, tally, 1); });
    std::thread two([&] { work(cache, truth, tally, 2); });
    one.join();
    two.join();
    over = true;
    mover.join();
    directory.reset();
  }
  CHECK(tally.wrong == 0);
  CHECK(tally.first > 1000);
  CHECK(tally.second > 100);
  CHECK(tally.loaded > 100);
  // Moved again with each of several loads: rare, and told apart.
  CHECK(tally.unanswered < 100);
  MESSAGE("first step " << tally.first.load() << ", second " << tally.second.load() << ", loaded "
                        << tally.loaded.load() << ", unanswered " << tally.unanswered.load());
}
