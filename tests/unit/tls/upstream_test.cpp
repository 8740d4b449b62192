// The engine as a client: TLS to upstreams.
#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <cstdio>
#include <filesystem>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;
using marquee::net::IoStatus;
namespace config = marquee::config;

namespace {

// An upstream with these keys, and our client engine before it.
struct Upstream {
  Upstream(const ClientContext& context, const char* name,
           std::shared_ptr<const CertifiedKeys> keys)
      : server_context(make_server()),
        server(*server_context, admission, 1, sockets.theirs, worker.buffers),
        client(context, name, sockets.ours, worker.buffers) {
    admission.tenants["upstream"] = {"agency", std::move(keys)};
    admission.tenants[name] = admission.tenants["upstream"];
    admission.fallback = "upstream";
    for (int i = 0; i < 10; ++i) {
      ready(client, sockets.ours);
      ours = client.handshake();
      IoStatus status;
      if (ours == Handshake::done) read(client, status);  // its Finished leaves
      ready(server, sockets.theirs);
      theirs = server.handshake();
      if (ours != Handshake::want_io && theirs != Handshake::want_io) break;
    }
  }
  std::unique_ptr<ServerContext> server_context;
  TestAdmission admission;
  Worker worker;
  Sockets sockets;
  Engine server, client;
  Handshake ours = Handshake::want_io, theirs = Handshake::want_io;
};

}  // namespace

TEST_CASE("verification off accepts any certificate; on it wants a known authority") {
  config::UpstreamTls off;
  off.verify = false;
  const auto lax = ClientContext::make(off, {"http/1.1"});
  REQUIRE(lax.value);
  Upstream one(*lax.value, "module.example", make_keys({"other.example"}));
  CHECK(one.ours == Handshake::done);
  CHECK(one.theirs == Handshake::done);
  CHECK(one.server.info().sni == "module.example");
  CHECK(one.server.info().alpn == "http/1.1");
  CHECK(one.client.info().version == "TLSv1.3");

  const auto strict = ClientContext::make({});
  REQUIRE_MESSAGE(strict.value, strict.error);
  Upstream two(*strict.value, "module.example", make_keys({"module.example"}));
  CHECK(two.ours == Handshake::failed);
  CHECK(two.client.error().starts_with("the certificate was not accepted: self"));
  CHECK(two.theirs == Handshake::failed);
}

TEST_CASE("an address is verified as an address and not sent as SNI") {
  const KeyPtr key = make_key();
  LeafOptions options;
  options.names = {"192.0.2.7"};
  const X509Ptr leaf = make_certificate(key.get(), options);
  std::string path = (std::filesystem::temp_directory_path() / "marquee-ca-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  std::FILE* file = ::fdopen(fd, "w");
  PEM_write_X509(file, leaf.get());
  std::fclose(file);
  config::UpstreamTls trusting;  // the leaf signs itself and so is its own root
  trusting.ca_file = path;
  const auto strict = ClientContext::make(trusting);
  std::filesystem::remove(path);
  REQUIRE_MESSAGE(strict.value, strict.error);
  const std::shared_ptr<const CertifiedKeys> keys =
      CertifiedKeys::adopt(leaf.get(), key.get(), 0).value;
  for (const char* address : {"192.0.2.7", "192.0.2.8"}) {
    CAPTURE(address);
    Upstream upstream(*strict.value, address, keys);
    if (std::string_view(address) == "192.0.2.7") {
      CHECK(upstream.ours == Handshake::done);
      CHECK(upstream.server.info().sni.empty());
    } else {
      CHECK(upstream.ours == Handshake::failed);
      CHECK(upstream.client.error() == "the certificate was not accepted: IP address mismatch");
    }
  }
}

TEST_CASE("without a name there is nothing to verify by") {
  const auto strict = ClientContext::make({});
  Worker worker;
  Sockets sockets;
  Engine client(*strict.value, "", sockets.ours, worker.buffers);
  CHECK(client.handshake() == Handshake::failed);
  CHECK(client.error() == "no usable name to verify the upstream's certificate by");
}

TEST_CASE("an upstream that just ends has not ended its answer") {
  config::UpstreamTls off;
  off.verify = false;
  const auto lax = ClientContext::make(off);
  for (const bool orderly : {true, false}) {
    Upstream upstream(*lax.value, "module.example", make_keys({"module.example"}));
    REQUIRE(upstream.theirs == Handshake::done);
    write(upstream.server, {"HTTP/1.0 200 OK\r\n\r\nall of it?"});
    if (orderly) upstream.server.shutdown_send();
    ::shutdown(upstream.sockets.theirs, SHUT_WR);
    ready(upstream.client, upstream.sockets.ours);
    IoStatus status;
    CHECK(read(upstream.client, status) == "HTTP/1.0 200 OK\r\n\r\nall of it?");
    read(upstream.client, status);
    CHECK(status == (orderly ? IoStatus::closed : IoStatus::failed));
  }
}

TEST_CASE("a CA file that is none is an error in words") {
  config::UpstreamTls bad;
  bad.ca_file = "/nonexistent/ca.pem";
  CHECK(ClientContext::make(bad).error.starts_with(
      "ca_file /nonexistent/ca.pem holds no certificate authority ("));
}
