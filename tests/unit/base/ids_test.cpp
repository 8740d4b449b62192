#include "base/ids.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace marquee::base;

TEST_CASE("ids: printable tokens only") {
  CHECK(AgencyId::parse("8b1c0a9e-0000-4000-8000-000000000001"));
  CHECK(AgencyId::parse(std::string(128, 'x')));
  CHECK_FALSE(AgencyId::parse(""));
  CHECK_FALSE(AgencyId::parse(std::string(129, 'x')));
  CHECK_FALSE(AgencyId::parse("a b"));
  CHECK_FALSE(AgencyId::parse("a\r\nx: y"));
  CHECK_FALSE(AgencyId::parse(std::string_view("a\0b", 3)));
  CHECK_FALSE(AgencyId::parse("b\u00fccher"));
  CHECK_FALSE(AgencyId::parse("a\x7f"));
}

TEST_CASE("ids: kinds do not mix, and absent ids are nobody's") {
  CHECK_FALSE(std::is_convertible_v<SiteId, AgencyId>);
  CHECK_FALSE(std::is_convertible_v<std::string, AgencyId>);
  const AgencyId absent;
  CHECK_FALSE(absent.present());
  CHECK_FALSE(absent.same(AgencyId()));
  CHECK(AgencyId::parse("a")->same(*AgencyId::parse("a")));
  CHECK_FALSE(AgencyId::parse("a")->same(*AgencyId::parse("b")));
  CHECK_FALSE(AgencyId::parse("a")->same(absent));
}
