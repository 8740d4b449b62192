// Whose page a path below /embed is.
#include "proxy/site_claim.hpp"

#include <doctest/doctest.h>

using namespace marquee::proxy;

TEST_CASE("an embed's path names its module and site, however it is spelled") {
  for (const char* target : {"/embed/m/s", "/embed/m/s/", "/embed/m/s/x?y=/embed/o/t", "/EMBED/m/s",
                             "//embed/./m//s", "/%65mbed/m%2fs", "/embed;v=1/m;x/s;y"}) {
    CAPTURE(target);
    const EmbedClaim found = embed_claim(target);
    CHECK(found.module == "m");
    CHECK(found.site == "s");
    CHECK_FALSE(found.unreadable);
  }
  for (const char* target : {"/", "/embed", "/embed/", "/embed/m", "/embedded/m/s", "/x/embed/m/s"})
    CHECK(embed_claim(target).module.empty());
  for (const char* target : {"/x/../embed/m/s", "/embed/m/s/..;/t", "/embed/m/%252525252e/s"}) {
    CAPTURE(target);
    CHECK(embed_claim(target).unreadable);
    CHECK(embed_claim(target).module.empty());
  }
  CHECK(embed_claim("/embed/6F1C9A52-8F0E-4F0B-9D3A-5F0F3F1F7C01/S").module ==
        "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01");
  CHECK(embed_claim("/embed/m/S").site == "S");
}
