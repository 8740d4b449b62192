// The demo upstream's page: what it shows of a request.
#include "app/demo_page.hpp"

#include <doctest/doctest.h>

TEST_CASE("the signed context is shown decoded, and whatever a client makes of it is no harm") {
  using marquee::app::decoded_context;
  const auto with = [](std::string token) {
    return marquee::app::DemoRequest{"GET", "/", {{"X-Tenant-Context", std::move(token)}}};
  };
  CHECK(decoded_context(with("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI8aT4ifQ.xx")) ==
        R"({"header":{"alg":"EdDSA"},"claims":{"sub":"<i>"}})");
  const std::string page =
      marquee::app::demo_page(with("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI8aT4ifQ.xx"));
  CHECK(page.find("Signed context") != std::string::npos);
  CHECK(page.find("<i>") == std::string::npos);
  for (const char* token : {"", "a", "a.b", "a.b.c", "..", "!.!.!", "eyJhbGciOiJFZERTQSJ9..x"})
    CHECK(decoded_context(with(token)) == "null");
}

TEST_CASE("what a client sent is text on the page") {
  const std::string page = marquee::app::demo_page(
      {"GET", "/?<script>\xFF\xC3\xA9", {{"X-A", "\"'&\x01"}, {"<b>", "caf\xC3\xA9"}}});
  CHECK(page.find("/?&lt;script&gt;\xEF\xBF\xBD\xC3\xA9<") != std::string::npos);
  CHECK(page.find("&quot;&#39;&amp;\xEF\xBF\xBD<") != std::string::npos);
  CHECK(page.find("&lt;b&gt;") != std::string::npos);
  CHECK(page.find("caf\xC3\xA9") != std::string::npos);
}
