#include "base/request_path.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace marquee::base;

namespace {

Spelling spelling(std::string_view target) {
  std::string buffer;
  return read_path(target, buffer).spelling;
}

}  // namespace

TEST_CASE("how far the readings of a path are apart") {
  for (const auto& [target, expected] : {std::pair{"/", Spelling::plain},
                                         {"/a/b.c/d-e_~!$&'()*+,=:@", Spelling::plain},
                                         {"/a/?x=/../;%00", Spelling::plain},
                                         {"/a..b/c", Spelling::plain},
                                         {"*", Spelling::plain},
                                         {"/.well-known/x", Spelling::escaped},
                                         {"/a%20b/%C3%A9t%C3%A9", Spelling::escaped},
                                         {"/%61", Spelling::escaped},
                                         {"/a.", Spelling::escaped},
                                         {"/a./b", Spelling::escaped},
                                         {"/a%20/b", Spelling::escaped},
                                         {"/100%", Spelling::escaped},
                                         {"/%E0%B8%81", Spelling::escaped},
                                         {"/a;x=1/b", Spelling::loose},
                                         {"/a%3bx", Spelling::loose},
                                         {"/a//b", Spelling::loose},
                                         {"/a%3fb", Spelling::loose},
                                         {"/a%23", Spelling::loose},
                                         {"/%2561", Spelling::loose},
                                         {"/...", Spelling::loose},
                                         {"//a", Spelling::moved},
                                         {"/./a", Spelling::moved},
                                         {"/a/.", Spelling::moved},
                                         {"/a/%2e/b", Spelling::moved},
                                         {"/a/.;x/b", Spelling::moved},
                                         {"/a/;x/b", Spelling::moved},
                                         {"/a%2fb", Spelling::moved},
                                         {"/a%252Fb", Spelling::moved},
                                         {"/a\\b", Spelling::moved},
                                         {"/a%5cb", Spelling::moved},
                                         {"/..", Spelling::ambiguous},
                                         {"/a/../b", Spelling::ambiguous},
                                         {"/a/.%2E/b", Spelling::ambiguous},
                                         {"/a/..;x/b", Spelling::ambiguous},
                                         {"/a/..%3fx", Spelling::ambiguous},
                                         {"/a/..%20/b", Spelling::ambiguous},
                                         {"/a%3f/../b", Spelling::ambiguous},
                                         {"/a%2f..%2fb", Spelling::ambiguous},
                                         {"/a\\..\\b", Spelling::ambiguous},
                                         {"/x/%252e%252e/y", Spelling::ambiguous},
                                         {"/%25252561", Spelling::ambiguous},
                                         {"/a%00", Spelling::ambiguous},
                                         {"/%0aa", Spelling::ambiguous},
                                         {"/a%7f", Spelling::ambiguous},
                                         {"/%c0%afa", Spelling::ambiguous},
                                         {"/%e0%80%afa", Spelling::ambiguous},
                                         {"/%f0%80%80%af", Spelling::ambiguous}}) {
    CAPTURE(target);
    CHECK(static_cast<int>(spelling(target)) == static_cast<int>(expected));
  }
}

TEST_CASE("the strict and the generous reading") {
  struct Row {
    const char *target, *strict, *loose;
  };
  for (const Row& row : {Row{"/a/b/?x", "/a/b/", "/a/b/"},
                         {"/%61//b;x/./c", "/a/b;x/c", "/a/b/c"},
                         {"/a%2fb%5Cc", "/a/b/c", "/a/b/c"},
                         {"/a%3fb/c", "/a?b/c", "/a"},
                         {"/a/%23b", "/a/#b", "/a/"},
                         {"/a./%20b%20/c.%20.", "/a./ b /c. .", "/a/b/c"},
                         {"/a/;x", "/a/;x", "/a/"},
                         {"/a/.", "/a/", "/a/"},
                         {"/.../a", "/.../a", "/a"},
                         {"//", "/", "/"},
                         {"?x", "/", "/"},
                         {"/%252561", "/a", "/a"}}) {
    CAPTURE(row.target);
    std::string buffer;
    const ReadPath path = read_path(row.target, buffer);
    CHECK(path.strict == row.strict);
    CHECK(path.loose == row.loose);
    CHECK(path.raw ==
          std::string_view(row.target).substr(0, std::string_view(row.target).find('?')));
  }
}
