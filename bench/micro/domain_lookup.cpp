// Warm look-ups per second and worker at the first step of the ladder, and the
// second step, which a worker meets on its own miss only.
#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

#include "routing/worker_table.hpp"

namespace {

using namespace marquee;
using namespace marquee::routing;

class NoDirectory final : public DomainDirectory {
 public:
  void find(const LookupKeys& keys, Found done) override {
    DirectoryAnswer answer;
    answer.status = DirectoryAnswer::Status::found;
    answer.rows.push_back(std::make_shared<DomainRecord>(keys.host));
    done(std::move(answer));
  }
  void subscribe(ChangeListener*) override {}
  void list(const ListQuery&, Listed) override {}
  void list_names(const std::string&, std::uint32_t, Named) override {}
  void load_certificate(RecordKind, const std::string&, Certificate) override {}
  void generation(Generation) override {}
  std::string description() const override { return "bench"; }
};

struct World {
  explicit World(std::size_t n) : cache(directory, {}, [] { return CacheTime::clock::now(); }) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::string name = "customer-" + std::to_string(i * 7919) + ".example.com";
      keys.push_back(keys_of(*base::parse_hostname(name).name, ""));
      cache.load(keys.back(), [&](const LookupCache::Loaded& l) { answers.push_back(l.answer); });
    }
  }
  NoDirectory directory;
  LookupCache cache;
  std::vector<LookupKeys> keys;
  std::vector<Answer> answers;
};

void worker_table(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  World world(n);
  WorkerTable<int> table(n);
  const CacheTime now = CacheTime::clock::now();
  for (std::size_t i = 0; i < n; ++i)
    table.insert(world.keys[i].host.text(), world.answers[i], 1, now + std::chrono::hours(1));
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1237) % n;
    benchmark::DoNotOptimize(table.find(world.keys[i].host.text(), now, world.cache.stamps()));
  }
  state.SetItemsProcessed(state.iterations());
}

void process_cache(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  World world(n);
  const CacheTime now = CacheTime::clock::now();
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 1237) % n;
    benchmark::DoNotOptimize(world.cache.look(world.keys[i], now));
  }
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

BENCHMARK(worker_table)->Arg(10)->Arg(4096)->Arg(65536);
BENCHMARK(process_cache)->Arg(4096)->Arg(65536);
