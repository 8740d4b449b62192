#include "config/suggest.hpp"

#include <doctest/doctest.h>

using namespace marquee::config;

TEST_CASE("edit distance counts inserts, removals, replacements and swaps") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("head", "head") == 0);
  CHECK(edit_distance("haed", "head") == 1);
  CHECK(edit_distance("lisen", "listen") == 1);
  CHECK(edit_distance("state-dir", "State_Dir") == 0);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("a suggestion is close, or none is made") {
  CHECK(did_you_mean("upstrems", {"workers", "upstreams"}) == "upstreams");
  CHECK(did_you_mean("listen", {"limits", "listeners"}) == "listeners");
  CHECK(did_you_mean("banana", {"limits", "listeners"}).empty());
  CHECK(did_you_mean("", {"limits"}).empty());
  CHECK(did_you_mean(std::string(1000, 'x'), {"limits"}).empty());
}
