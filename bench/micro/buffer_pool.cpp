// What lending a block costs while the pool is warm: twice per request at least.
#include "net/buffer_pool.hpp"

#include <benchmark/benchmark.h>

#include <vector>

namespace {

using marquee::net::BlockSize;

void lend_and_give_back(benchmark::State& state, BlockSize size) {
  marquee::net::BufferPool pool;
  for (auto _ : state) {
    auto block = pool.acquire(size);
    benchmark::DoNotOptimize(block.data());
  }
}
BENCHMARK_CAPTURE(lend_and_give_back, small, BlockSize::small);
BENCHMARK_CAPTURE(lend_and_give_back, medium, BlockSize::medium);
BENCHMARK_CAPTURE(lend_and_give_back, large, BlockSize::large);

// 64 requests under way at once, ended in the order in which they began.
void lend_many(benchmark::State& state) {
  marquee::net::BufferPool pool;
  std::vector<marquee::net::Block> lent(64);
  for (auto _ : state) {
    for (auto& block : lent) block = pool.acquire(BlockSize::medium);
    for (auto& block : lent) block.reset();
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(lend_many);

}  // namespace
