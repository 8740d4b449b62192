#include <doctest/doctest.h>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;
using marquee::net::IoStatus;
namespace config = marquee::config;

namespace {
// Reads a ClientHello as bytes, so that it can be delivered as one likes.
std::string client_hello(Client& client) {
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(client.ssl.get(), BIO_new(BIO_s_mem()), out);
  client.handshake();
  client.failed = false;
  char* data = nullptr;
  const long size = BIO_ctrl(out, BIO_CTRL_INFO, 0, &data);
  return std::string(data, static_cast<std::size_t>(size));
}
void send_all(int fd, std::string_view bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
}
std::string receive(int fd) {
  char buffer[20000];
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
  return std::string(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
}
}  // namespace

TEST_CASE("a handshake in TLS 1.2 and 1.3, and a request with its answer") {
  const auto context = make_server();
  REQUIRE(context);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    Worker worker;
    TestAdmission admission;
    Sockets sockets;
    Engine engine(*context, admission, 42, sockets.ours, worker.buffers);
    Client client(sockets.theirs, {.version = version, .alpn = "\x02h2\x08http/1.1"});
    REQUIRE(shake(engine, sockets.ours, client) == Handshake::done);
    CHECK(engine.info().sni == "bakery.localhost");
    CHECK(engine.info().version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    CHECK(engine.info().alpn == "http/1.1");
    CHECK_FALSE(engine.info().resumed);
    CHECK(admission.last_waiter == 42);
    CHECK(admission.admits == 1);
    CHECK(admission.finds == 1);
    CHECK(client.write("GET / HTTP/1.1\r\n\r\n") == 18);
    ready(engine, sockets.ours);
    IoStatus status;
    CHECK(read(engine, status) == "GET / HTTP/1.1\r\n\r\n");
    CHECK_FALSE(engine.may_read());  // a short recv means drained
    const auto result = write(engine, {"HTTP/1.1 200 OK\r\n\r\n", "body"});
    CHECK(result.status == IoStatus::ok);
    CHECK(result.bytes == 23);
    CHECK(engine.pending_out() == 0);
    CHECK(client.read() == "HTTP/1.1 200 OK\r\n\r\nbody");  // one record
    // Nothing is held but the worker's own scratch block.
    CHECK(worker.pool.lent_bytes() == worker.buffers.ciphertext.size());
  }
}

TEST_CASE("the ClientHello may come in any two pieces") {
  const auto context = make_server();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Client template_client(-1, {.version = version});
    const std::string hello = client_hello(template_client);
    for (std::size_t cut = 1; cut < hello.size(); ++cut) {
      Worker worker;
      TestAdmission admission;
      Sockets sockets;
      Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
      send_all(sockets.theirs, std::string_view(hello).substr(0, cut));
      REQUIRE(engine.handshake() == Handshake::want_io);
      CHECK(admission.admits == 0);
      send_all(sockets.theirs, std::string_view(hello).substr(cut));
      ready(engine, sockets.ours);
      REQUIRE(engine.handshake() == Handshake::want_io);
      CHECK(admission.admits == 1);
      CHECK(receive(sockets.theirs).starts_with("\x16\x03\x03"));  // ServerHello
    }
  }
}

TEST_CASE("bytes received before the engine was made are the first it reads") {
  const auto context = make_server();
  Client client(-1, {});
  const std::string hello = client_hello(client);
  Worker worker;
  TestAdmission admission;
  Sockets sockets;
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  REQUIRE(engine.prime(std::string_view(hello).substr(0, 50)));
  CHECK_FALSE(engine.prime(std::string_view("again")));
  send_all(sockets.theirs, std::string_view(hello).substr(50));
  CHECK(engine.handshake() == Handshake::want_io);
  CHECK(admission.admits == 1);
}

TEST_CASE("a handshake waits for its route and for its certificate, and goes on") {
  const auto context = make_server();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const char* groups :
         {"X25519:P-256", "P-384:P-256"}) {  // the second asks for a HelloRetryRequest
      CAPTURE(version);
      CAPTURE(groups);
      Worker worker;
      TestAdmission admission;
      Sockets sockets;
      admission.route_pending = admission.load_pending = true;
      Engine engine(*context, admission, 7, sockets.ours, worker.buffers);
      Client client(sockets.theirs, {.version = version, .groups = groups});
      CHECK(shake(engine, sockets.ours, client) == Handshake::suspended);
      CHECK(admission.admits == 1);
      CHECK(engine.handshake() == Handshake::suspended);  // asked too early: waits on
      admission.route_pending = false;
      CHECK(shake(engine, sockets.ours, client) == Handshake::suspended);
      CHECK(admission.finds >= 1);
      admission.load_pending = false;
      CHECK(shake(engine, sockets.ours, client) == Handshake::done);
      CHECK(admission.admits == 3);
      CHECK(client.write("x") == 1);
      ready(engine, sockets.ours);
      IoStatus status;
      CHECK(read(engine, status) == "x");
    }
  }
}

TEST_CASE("a handshake may be dropped, or left by its client, while it waits") {
  const auto context = make_server();
  for (const bool route : {true, false}) {
    Worker worker;
    TestAdmission admission;
    Sockets sockets;
    (route ? admission.route_pending : admission.load_pending) = true;
    {
      Engine engine(*context, admission, 7, sockets.ours, worker.buffers);
      Client client(sockets.theirs, {});
      REQUIRE(shake(engine, sockets.ours, client) == Handshake::suspended);
    }
    CHECK(worker.pool.lent_bytes() == worker.buffers.ciphertext.size());
    Sockets others;
    Engine engine(*context, admission, 8, others.ours, worker.buffers);
    Client client(others.theirs, {});
    REQUIRE(shake(engine, others.ours, client) == Handshake::suspended);
    others.close_theirs();
    ready(engine, others.ours);
    admission.route_pending = admission.load_pending = false;
    CHECK(engine.handshake() == Handshake::failed);
    CHECK(engine.handshake() == Handshake::failed);
    CHECK_FALSE(engine.error().empty());
  }
}

TEST_CASE("unknown and missing names get the alert unrecognized_name and no crypto") {
  const auto context = make_server();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const char* name : {"stranger.localhost", ""}) {
      CAPTURE(name);
      Worker worker;
      TestAdmission admission;
      Sockets sockets;
      Client client(-1, {.version = version, .sni = name});
      send_all(sockets.theirs, client_hello(client));
      Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
      CHECK(engine.handshake() == Handshake::failed);
      CHECK(receive(sockets.theirs) == std::string("\x15\x03\x03\x00\x02\x02\x70", 7));
      CHECK(admission.finds == 0);
      CHECK(engine.info().sni == name);
      CHECK(engine.error() == (*name ? "no such name is served" : "no name was sent"));
    }
  }
}

TEST_CASE("a fallback answers missing names") {
  const auto context = make_server();
  Worker worker;
  TestAdmission admission;
  admission.fallback = "clinic.localhost";
  Sockets sockets;
  Client client(sockets.theirs, {.sni = ""});
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  CHECK(shake(engine, sockets.ours, client) == Handshake::done);
  CHECK(engine.info().sni.empty());
}

TEST_CASE("malformed server_name extensions are refused with decode_error") {
  const auto context = make_server();
  Client client(-1, {});
  const std::string good = client_hello(client);
  const auto at = good.find("bakery.localhost");
  REQUIRE(at != std::string::npos);
  const auto refused = [&](std::size_t offset, char value) {
    std::string hello = good;
    hello[offset] = value;
    Worker worker;
    TestAdmission admission;
    Sockets sockets;
    send_all(sockets.theirs, hello);
    Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
    CHECK(engine.handshake() == Handshake::failed);
    CHECK(admission.admits == 0);
    CHECK(receive(sockets.theirs) == std::string("\x15\x03\x03\x00\x02\x02\x32", 7));
  };
  refused(at - 1, 15);  // name shorter than the list
  refused(at - 1, 17);  // name longer
  refused(at - 3, 1);   // not a host_name
  refused(at - 4, 1);   // list shorter
}

TEST_CASE("a certificate that cannot be loaded fails the handshake and says why") {
  const auto context = make_server();
  Worker worker;
  TestAdmission admission;
  admission.load_fails = true;
  Sockets sockets;
  Client client(sockets.theirs, {});
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  CHECK(shake(engine, sockets.ours, client) == Handshake::failed);
  CHECK(client.alert == kAlertInternalError);
  CHECK(engine.error() == "the certificate could not be loaded: the disk is gone");
}

TEST_CASE("ALPN: none in common is refused, none offered is not") {
  const auto context = make_server();
  Worker worker;
  TestAdmission admission;
  Sockets one, two;
  Client h2(one.theirs, {.alpn = "\x02h2"});
  Engine first(*context, admission, 1, one.ours, worker.buffers);
  CHECK(shake(first, one.ours, h2) == Handshake::failed);
  CHECK(h2.alert == 120);  // no_application_protocol
  Client none(two.theirs, {});
  Engine second(*context, admission, 1, two.ours, worker.buffers);
  CHECK(shake(second, two.ours, none) == Handshake::done);
  CHECK(second.info().alpn.empty());
}

TEST_CASE("what is not TLS, or too old, fails") {
  const auto context = make_server();
  Worker worker;
  TestAdmission admission;
  Sockets sockets;
  send_all(sockets.theirs, "GET / HTTP/1.1\r\nHost: bakery.localhost\r\n\r\n");
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  CHECK(engine.handshake() == Handshake::failed);
  CHECK(engine.error() == "http request");
  config::TlsPolicy modern;
  modern.min_version = "1.3";
  const auto strict = make_server(modern);
  Sockets others;
  Client old(others.theirs, {.version = TLS1_2_VERSION});
  Engine refusing(*strict, admission, 1, others.ours, worker.buffers);
  CHECK(shake(refusing, others.ours, old) == Handshake::failed);
  CHECK(old.alert == 70);  // protocol_version
}

TEST_CASE("policies with faults are refused in words") {
  const auto sentence = [](auto change) {
    config::TlsPolicy policy;
    change(policy);
    return ServerContext::make(policy, nullptr).error;
  };
  CHECK(sentence([](auto&) {}).empty());
  CHECK(sentence([](auto& p) { p.min_version = "1.1"; }) == "TLS versions are \"1.2\" and \"1.3\"");
  CHECK(sentence([](auto& p) {
          p.min_version = "1.3";
          p.max_version = "1.2";
        }) == "min_version 1.3 is above max_version 1.2");
  CHECK(sentence([](auto& p) { p.ciphers = "AES128-SHA"; }) ==
        "cipher AES128-SHA is not allowed; write ECDHE ciphers with GCM or CHACHA20 only");
  CHECK(sentence([](auto& p) {
          p.ciphers += ":NONSENSE";
        }).starts_with("cipher NONSENSE is not known"));
  CHECK(sentence([](auto& p) {
          p.ciphers = "NONSENSE";
        }).starts_with("cipher NONSENSE is not known"));
  CHECK(sentence([](auto& p) { p.ciphersuites = "TLS_NONSENSE"; }) ==
        "cipher TLS_NONSENSE is not known; write one of `openssl ciphers`, such as "
        "TLS_AES_128_GCM_SHA256");
  CHECK(sentence([](auto& p) { p.groups = "P-999"; }) ==
        "group P-999 is not known; write X25519, P-256 or P-384");
  // Not a name but a class of ciphers.
  CHECK(sentence([](auto& p) { p.ciphers = "HIGH"; }).starts_with("cipher HIGH is not known"));
  config::TlsPolicy bad;
  bad.mark = {0, 3, 5};
  bad.groups = "P-999";
  const auto problems = check(bad);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].mark.line == 3);
  // All faults at once, each where it stands.
  bad.ciphers = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:NONSENSE";
  bad.ciphers_mark = {0, 4, 7};
  bad.groups = "X25519:P-999:P-998";
  bad.groups_mark = {0, 6, 7};
  const auto all = check(bad);
  REQUIRE(all.size() == 4);
  CHECK(all[0].sentence ==
        "tls: cipher AES128-SHA is not allowed; write ECDHE ciphers with GCM or CHACHA20 only");
  CHECK(all[1].sentence.starts_with("tls: cipher NONSENSE is not known"));
  CHECK(all[1].mark.line == 4);
  CHECK(all[2].sentence.starts_with("tls: group P-999"));
  CHECK(all[3].sentence.starts_with("tls: group P-998"));
  CHECK(all[3].mark.line == 6);
}
