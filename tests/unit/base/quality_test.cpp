#include "base/quality.hpp"

#include <doctest/doctest.h>

using marquee::base::parse_quality;

TEST_CASE("weights: what RFC 9110 has") {
  CHECK(parse_quality("0") == 0U);
  CHECK(parse_quality("0.") == 0U);
  CHECK(parse_quality("0.5") == 500U);
  CHECK(parse_quality("0.05") == 50U);
  CHECK(parse_quality("0.001") == 1U);
  CHECK(parse_quality("0.999") == 999U);
  CHECK(parse_quality("1") == 1000U);
  CHECK(parse_quality("1.") == 1000U);
  CHECK(parse_quality("1.000") == 1000U);
}

TEST_CASE("weights: what is none") {
  for (const char* text : {"", "2", "1.001", "1.1", "0.0001", ".5", "0,5", "05", "0.5 ", " 0.5",
                           "-0", "+1", "1e0", "0.x", "00.1", "nan"})
    CHECK_MESSAGE(!parse_quality(text), text);
}
