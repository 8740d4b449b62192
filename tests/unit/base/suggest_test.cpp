#include "base/suggest.hpp"

#include <doctest/doctest.h>

using namespace marquee::base;

TEST_CASE("suggest: edit distance") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("Host", "host") == 0);
}

TEST_CASE("suggest: the closest, or none") {
  const std::vector<std::string_view> words{"upstream", "upstreams", "host", "path"};
  CHECK(did_you_mean("upsteam", words) == "upstream");
  CHECK(did_you_mean("upstraems", words) == "upstreams");
  CHECK(did_you_mean("hots", words) == "host");
  CHECK(did_you_mean("certificate", words).empty());
  CHECK(did_you_mean("", words).empty());
  CHECK(did_you_mean("x", {"y"}).empty());
  CHECK(did_you_mean(std::string(1000, 'a'), {std::string_view("aaaa")}).empty());
  CHECK(suggestion("pth", words) == "; did you mean `path`?");
  CHECK(suggestion("zzzzzz", words).empty());
}

TEST_CASE("suggest: a piece of a word, and a dash for an underscore") {
  CHECK(did_you_mean("cert", {"key_file", "cert_file"}) == "cert_file");
  CHECK(did_you_mean("listen", {"limits", "listeners"}) == "listeners");
  CHECK(did_you_mean("banana", {"limits", "listeners"}).empty());
  CHECK(edit_distance("state-dir", "State_Dir") == 0);
}
