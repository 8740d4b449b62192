#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <deque>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;

namespace {

struct Idle {
  explicit Idle(const ServerContext& context, TestAdmission& admission, Worker& worker)
      : engine(context, admission, 1, sockets.ours, worker.buffers) {}
  Sockets sockets;
  Engine engine;
};

// One request and its answer; then only our side is left.
void serve_one(Idle& idle, int version) {
  Client client(idle.sockets.theirs, {.version = version});
  REQUIRE(shake(idle.engine, idle.sockets.ours, client) == Handshake::done);
  client.write(noise(600));
  ready(idle.engine, idle.sockets.ours);
  marquee::net::IoStatus status;
  REQUIRE(read(idle.engine, status).size() == 600);
  REQUIRE(write(idle.engine, {noise(1300)}).bytes == 1300);
  REQUIRE(client.read().size() == 1300);
}

std::size_t resident() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  long pages = 0, rss = 0;
  const int read = std::fscanf(file, "%ld %ld", &pages, &rss);
  std::fclose(file);
  return read == 2 ? static_cast<std::size_t>(rss) * 4096 : 0;
}

}  // namespace

// OpenSSL's own part is 13 to 14 KiB in 3.0, and 21 to 22 since 3.2 gave each
// direction a record layer of its own.
constexpr std::size_t kBound = (OPENSSL_VERSION_NUMBER < 0x30200000L ? 15 : 22) * std::size_t{1024};

// MARQUEE_IDLE=5000 measures as many and prints the result.
TEST_CASE("an idle TLS connection costs little beyond OpenSSL's part and no pooled block") {
  const auto context = make_server();
  TestAdmission admission;
  const char* asked = std::getenv("MARQUEE_IDLE");
  const int count = asked ? std::atoi(asked) : 300;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Worker worker;
    std::deque<Idle> idle;
    idle.emplace_back(*context, admission, worker);
    serve_one(idle.back(), version);  // what is made once is made
    const std::size_t heap = ::mallinfo2().uordblks;
    const std::size_t rss = resident();
    for (int i = 0; i < count; ++i) {
      idle.emplace_back(*context, admission, worker);
      serve_one(idle.back(), version);
    }
    const std::size_t each = (::mallinfo2().uordblks - heap) / static_cast<std::size_t>(count);
    if (asked)
      MESSAGE("TLS 1." << (version == TLS1_2_VERSION ? 2 : 3) << ": heap " << each << ", resident "
                       << (resident() - rss) / static_cast<std::size_t>(count) << " bytes each");
    CHECK(worker.pool.lent_bytes() == worker.buffers.ciphertext.size());
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(each > 4096);  // it measures something
    CHECK(each <= kBound);
#endif
  }
}
