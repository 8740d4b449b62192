#include "base/lru_table.hpp"

#include <doctest/doctest.h>

#include <functional>

using Table = marquee::base::LruTable<int, int, std::hash<int>>;

TEST_CASE("an LRU table: what is picked out goes, the rest keeps its order") {
  Table table(10);
  for (int i = 0; i < 5; ++i) table.insert(i, i * i, 2);
  CHECK(table.find(1));
  table.erase_if([](int key, int value) { return key % 2 == 0 && value == key * key; });
  CHECK(table.size() == 2);
  CHECK(table.bytes() == 4);
  CHECK_FALSE(table.find(4));
  // 3 was used longest ago, and goes first.
  for (int i = 10; i < 14; ++i) table.insert(i, i, 2);
  CHECK_FALSE(table.find(3));
  CHECK(table.find(1));
  table.erase_if([](int, int) { return true; });
  CHECK(table.size() == 0);
  CHECK(table.bytes() == 0);
  table.insert(7, 7, 2);
  CHECK(table.find(7));
}
