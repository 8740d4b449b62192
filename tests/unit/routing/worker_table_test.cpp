#include "routing/worker_table.hpp"

#include <doctest/doctest.h>

#include <random>
#include <unordered_map>

#include "routing/record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;
using namespace std::chrono_literals;

namespace {

using Table = WorkerTable<int>;

Answer answer_for(std::string_view host, Epoch epoch) {
  auto a = std::make_shared<CachedAnswer>(CachedAnswer{keys_of(sample_host(host), ""),
                                                       sample_answer(sample_record(host)),
                                                       {},
                                                       epoch,
                                                       CacheTime{},
                                                       {}});
  a->dependencies = dependencies_of(a->keys, a->answer);
  return a;
}

struct Rig {
  Table::Entry& add(std::string_view host, int payload) {
    return table.insert(host, answer_for(host, stamps.now()), payload, now + 60s);
  }
  int get(std::string_view host) {
    const Table::Entry* entry = table.find(host, now, stamps);
    return entry ? entry->payload : -1;
  }
  ChangeStamps stamps;
  CacheTime now{1000h};
  Table table{8};
};

}  // namespace

TEST_CASE("worker table: found while fresh and untouched") {
  Rig rig;
  rig.add("a.example", 1);
  rig.add("b.example", 2);
  CHECK(rig.get("a.example") == 1);
  CHECK(rig.get("c.example") == -1);
  const Change change{Change::What::name, "a.example"};
  rig.stamps.stamp({&change, 1});
  CHECK(rig.get("a.example") == -1);
  CHECK(rig.get("b.example") == 2);
  rig.add("a.example", 3);
  CHECK(rig.get("a.example") == 3);
  CHECK(rig.table.size() == 2);
  const Change everything{};
  rig.stamps.stamp({&everything, 1});
  CHECK(rig.get("a.example") == -1);
  rig.add("a.example", 4);
  rig.now += 60s;
  CHECK(rig.get("a.example") == -1);
  REQUIRE(rig.table.known("a.example"));
  rig.table.known("a.example")->check_at = rig.now + 1s;
  CHECK(rig.get("a.example") == 4);
}

TEST_CASE("worker table: what is in use outlives its place") {
  Rig rig;
  Table::Entry& held = rig.add("a.example", 1);
  rig.table.hold(held);
  rig.table.hold(held);
  rig.add("a.example", 2);
  CHECK(rig.get("a.example") == 2);
  CHECK(held.payload == 1);
  CHECK(rig.table.retired() == 1);
  rig.table.release(held);
  CHECK(held.payload == 1);
  rig.table.release(held);
  CHECK(rig.table.retired() == 0);
  Table::Entry& other = *rig.table.known("a.example");
  rig.table.hold(other);
  rig.table.clear();
  CHECK(rig.table.size() == 0);
  CHECK(other.payload == 2);
  rig.table.release(other);
  CHECK(rig.table.retired() == 0);
}

TEST_CASE("worker table: of the unused one leaves for each that comes") {
  Rig rig;
  for (int i = 0; i < 8; ++i) rig.add("n" + std::to_string(i) + ".x", i);
  rig.add("n8.x", 8);  // the hand passes all, and takes the first
  for (int round = 0; round < 50; ++round) {
    CHECK(rig.get("n8.x") == 8);
    rig.add("m" + std::to_string(round) + ".x", 100);
    CHECK(rig.table.size() == 8);
  }
}

TEST_CASE("worker table: against a plain map, under churn") {
  Rig rig;
  rig.table.resize(64);
  std::unordered_map<std::string, int> model;
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "n" + std::to_string(random() % 40) + ".x";
    switch (random() % 3) {
      case 0:
        rig.add(name, i);
        model[name] = i;
        break;
      case 1:
        rig.table.erase(name);
        model.erase(name);
        break;
      default: {
        const auto found = model.find(name);
        REQUIRE(rig.get(name) == (found == model.end() ? -1 : found->second));
      }
    }
    REQUIRE(rig.table.size() == model.size());
  }
}

TEST_CASE("worker table: an import that names others leaves it alone") {
  Rig rig;
  rig.add("hot.example", 1);
  rig.add("cold.example", 2);
  std::vector<Change> one(1, {Change::What::name, {}});
  for (std::size_t i = 0; i < 2 * ChangeStamps::kMostExact + 1; ++i) {
    one[0].value = "p" + std::to_string(i) + ".example";
    rig.stamps.stamp(one);
    if (i % 100'000 == 0) CHECK(rig.get("hot.example") == 1);
  }
  CHECK(rig.get("hot.example") == 1);
  // Not looked at for so long, and confirmed by nobody: asked for again, to be safe.
  CHECK(rig.get("cold.example") == -1);
}
