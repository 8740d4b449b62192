#include <doctest/doctest.h>

#include <algorithm>

#include "fixture.hpp"

using namespace marquee::tls;
using namespace marquee::tls::testing;
using marquee::net::IoStatus;

namespace {

struct Connection {
  explicit Connection(int version, int send_buffer = 0)
      : context(make_server()),
        sockets(send_buffer),
        engine(*context, admission, 1, sockets.ours, worker.buffers),
        client(sockets.theirs, {.version = version}) {
    REQUIRE(shake(engine, sockets.ours, client) == Handshake::done);
    IoStatus status;
    read(engine, status);  // sends the ticket that waits for company
    CHECK(status == IoStatus::would_block);
    client.read();
    REQUIRE(client.error == SSL_ERROR_WANT_READ);
  }
  std::size_t lent() const { return worker.pool.lent_bytes() - worker.buffers.ciphertext.size(); }

  std::unique_ptr<ServerContext> context;
  TestAdmission admission;
  Worker worker;
  Sockets sockets;
  Engine engine;
  Client client;
};

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

TEST_CASE("10 MiB both ways at once through tiny socket buffers arrive unchanged") {
  for (const int version : kVersions) {
    for (const std::size_t piece : {std::size_t{700}, std::size_t{16384}, std::size_t{100000}}) {
      CAPTURE(version);
      CAPTURE(piece);
      Connection c(version, 4096);
      const std::string down = noise(10u << 20, 3), up = noise(10u << 20, 5);
      std::string got_down, got_up;
      std::size_t sent_down = 0, sent_up = 0;
      int fulls = 0;
      while (got_down.size() < down.size() || got_up.size() < up.size()) {
        if (sent_up < up.size())
          sent_up += c.client.write(std::string_view(up).substr(sent_up, piece));
        ready(c.engine, c.sockets.ours);
        c.engine.on_writable();
        IoStatus status;
        // Odd sizes, so that records are left over in OpenSSL and in our block.
        got_up += read(c.engine, status, 1 + piece / 3);
        REQUIRE(status != IoStatus::failed);
        if (sent_down < down.size()) {
          const std::string_view rest = std::string_view(down).substr(sent_down, piece);
          const std::size_t head = std::min<std::size_t>(rest.size(), 333);
          const auto result = write(c.engine, {rest.substr(0, head), rest.substr(head), ""});
          REQUIRE(result.status == IoStatus::ok);
          sent_down += result.bytes;
          fulls += result.bytes < rest.size();
        }
        got_down += c.client.read(20000);
        REQUIRE((c.client.error == 0 || c.client.error == SSL_ERROR_WANT_READ));
        REQUIRE(c.lent() <= 2 * marquee::net::bytes_of(marquee::net::BlockSize::large));
      }
      CHECK(got_down == down);
      CHECK(got_up == up);
      if (piece > 700) CHECK(fulls > 0);  // the full path ran
      CHECK(c.engine.on_writable().status == IoStatus::ok);
      CHECK(c.lent() == 0);
    }
  }
}

TEST_CASE("a reader that pauses loses nothing and holds one bounded block") {
  Connection c(TLS1_3_VERSION);
  const std::string sent = noise(60000);
  for (std::size_t at = 0; at < sent.size();)
    at += c.client.write(std::string_view(sent).substr(at));
  ready(c.engine, c.sockets.ours);
  IoStatus status;
  std::string got = read(c.engine, status, 10);
  CHECK(got == sent.substr(0, 10));
  CHECK(c.engine.may_read());
  CHECK(c.lent() > 0);
  while (c.engine.may_read()) got += read(c.engine, status, 5000);
  CHECK(got == sent);
  CHECK(c.lent() == 0);
}

TEST_CASE("records are joined: small parts into one, large writes into full ones") {
  Connection c(TLS1_3_VERSION);
  const std::string body = noise(70000);
  const auto result = write(c.engine, {"head", std::string_view(body)});
  CHECK(result.bytes == 70004);
  // 70,004 bytes are five records, and the first is full although the head is short.
  std::string got;
  std::vector<std::size_t> records;
  while (got.size() < 70004) {
    const std::string record = c.client.read(20000);
    REQUIRE_FALSE(record.empty());
    records.push_back(record.size());
    got += record;
  }
  CHECK(records == std::vector<std::size_t>{16384, 16384, 16384, 16384, 4468});
  CHECK(got == "head" + body);
}

TEST_CASE("write says full until on_writable has drained it") {
  Connection c(TLS1_3_VERSION, 4096);
  const std::string body = noise(200000);
  auto result = write(c.engine, {body});
  CHECK(result.status == IoStatus::ok);
  const std::size_t taken = result.bytes;
  CHECK(taken < body.size());
  CHECK(c.engine.pending_out() > 0);
  CHECK(write(c.engine, {body}).bytes == 0);
  CHECK(c.engine.on_writable().status == IoStatus::would_block);
  std::string got;
  while (got.size() < taken) {
    got += c.client.read();
    ready(c.engine, c.sockets.ours);
    c.engine.on_writable();
  }
  CHECK(got == body.substr(0, taken));
  CHECK(c.engine.on_writable().status == IoStatus::ok);
  CHECK(c.engine.pending_out() == 0);
}

TEST_CASE("close_notify is an orderly end; we may still answer") {
  for (const int version : kVersions) {
    Connection c(version);
    c.client.write("last words");
    SSL_shutdown(c.client.ssl.get());
    ::shutdown(c.sockets.theirs, SHUT_WR);
    ready(c.engine, c.sockets.ours);
    IoStatus status;
    CHECK(read(c.engine, status) == "last words");
    CHECK(c.engine.may_read());
    CHECK(read(c.engine, status).empty());
    CHECK(status == IoStatus::closed);
    CHECK(write(c.engine, {"answer"}).bytes == 6);
    CHECK(c.client.read() == "answer");
    c.engine.shutdown_send();
    CHECK(c.client.read().empty());
    CHECK(c.client.error == SSL_ERROR_ZERO_RETURN);
    char byte;
    CHECK(::recv(c.sockets.theirs, &byte, 1, 0) == 0);  // FIN behind the close_notify
    CHECK(write(c.engine, {"more"}).status == IoStatus::failed);
  }
}

TEST_CASE("a TCP end without close_notify is a failure, also right behind data") {
  for (const int version : kVersions) {
    for (const bool cut_record : {false, true}) {
      Connection c(version);
      c.client.write("half of an ans");
      if (cut_record) {
        // A record of which only the head comes.
        const char head[] = {0x17, 3, 3, 0, 100, 1, 2};
        REQUIRE(::send(c.sockets.theirs, head, sizeof head, 0) == sizeof head);
      }
      c.sockets.close_theirs();
      ready(c.engine, c.sockets.ours);  // one event tells of both, no other follows
      IoStatus status;
      CHECK(read(c.engine, status) == "half of an ans");
      CHECK(c.engine.may_read());
      CHECK(read(c.engine, status).empty());
      CHECK(status == IoStatus::failed);
      CHECK(c.engine.error() == "the connection ended without close_notify");
      CHECK(write(c.engine, {"x"}).status == IoStatus::failed);
      CHECK(c.lent() == 0);
    }
  }
}

TEST_CASE("shutdown_send waits for what is pending") {
  Connection c(TLS1_3_VERSION, 4096);
  const std::string body = noise(60000);
  const std::size_t taken = write(c.engine, {body}).bytes;
  CHECK(taken == body.size());
  CHECK(c.engine.pending_out() > 0);
  c.engine.shutdown_send();
  std::string got;
  for (;;) {
    const std::string piece = c.client.read();
    if (piece.empty() && c.client.error != SSL_ERROR_WANT_READ) break;
    got += piece;
    ready(c.engine, c.sockets.ours);
    c.engine.on_writable();
  }
  CHECK(c.client.error == SSL_ERROR_ZERO_RETURN);
  CHECK(got == body);
}

TEST_CASE("a forged record ends the connection") {
  for (const int version : kVersions) {
    Connection c(version);
    std::string forged("\x17\x03\x03\x00\x40", 5);
    forged += noise(64);
    REQUIRE(::send(c.sockets.theirs, forged.data(), forged.size(), 0) == 69);
    ready(c.engine, c.sockets.ours);
    IoStatus status;
    CHECK(read(c.engine, status).empty());
    CHECK(status == IoStatus::failed);
    CHECK(c.engine.error() == "decryption failed or bad record mac");
    c.client.read();
    CHECK(c.client.error == SSL_ERROR_SSL);  // the alert
  }
}

TEST_CASE("renegotiation is refused and the connection goes on") {
  Connection c(TLS1_2_VERSION);
  SSL_renegotiate(c.client.ssl.get());
  c.client.handshake();  // sends a ClientHello
  ready(c.engine, c.sockets.ours);
  IoStatus status;
  CHECK(read(c.engine, status).empty());
  CHECK(status == IoStatus::would_block);
  CHECK(c.admission.admits == 1);
  CHECK(write(c.engine, {"still here"}).bytes == 10);
  c.client.failed = false;
  CHECK_FALSE(c.client.handshake());
  CHECK(c.client.failed);  // no_renegotiation
}

TEST_CASE("key updates are answered; a peer that never reads the answers is dropped") {
  Connection c(TLS1_3_VERSION, 4096);
  SSL_key_update(c.client.ssl.get(), SSL_KEY_UPDATE_REQUESTED);
  c.client.write("a");
  ready(c.engine, c.sockets.ours);
  IoStatus status;
  CHECK(read(c.engine, status) == "a");
  CHECK(write(c.engine, {"b"}).bytes == 1);
  CHECK(c.client.read() == "b");
  for (int i = 0; i < 100000 && status != IoStatus::failed; ++i) {
    SSL_key_update(c.client.ssl.get(), SSL_KEY_UPDATE_REQUESTED);
    c.client.write("a");
    ready(c.engine, c.sockets.ours);
    read(c.engine, status);
    REQUIRE(c.lent() <= 2 * marquee::net::bytes_of(marquee::net::BlockSize::large));
  }
  CHECK(status == IoStatus::failed);
  CHECK(c.engine.error() == "the peer provokes answers and does not read them");
}

TEST_CASE("a second ClientHello may not name another server") {
  const auto context = make_server();
  const auto hello = [](const char* name) {
    Client client(-1, {.version = TLS1_3_VERSION, .sni = name, .groups = "P-384:P-256"});
    BIO* out = BIO_new(BIO_s_mem());
    SSL_set_bio(client.ssl.get(), BIO_new(BIO_s_mem()), out);
    client.handshake();
    char* data = nullptr;
    const long size = BIO_ctrl(out, BIO_CTRL_INFO, 0, &data);
    return std::string(data, static_cast<std::size_t>(size));
  };
  Worker worker;
  TestAdmission admission;
  Sockets sockets;
  Engine engine(*context, admission, 1, sockets.ours, worker.buffers);
  std::string bytes = hello("bakery.localhost");
  REQUIRE(::send(sockets.theirs, bytes.data(), bytes.size(), 0) > 0);
  REQUIRE(engine.handshake() == Handshake::want_io);  // a HelloRetryRequest is out
  bytes = hello("clinic.localhost");
  REQUIRE(::send(sockets.theirs, bytes.data(), bytes.size(), 0) > 0);
  ready(engine, sockets.ours);
  CHECK(engine.handshake() == Handshake::failed);
  CHECK(engine.error() == "the second ClientHello names another server");
  CHECK(admission.admits == 1);
}

TEST_CASE("a dead socket is a failure, not a signal") {
  Connection c(TLS1_3_VERSION);
  c.sockets.close_theirs();
  CHECK(write(c.engine, {"x"}).status == IoStatus::failed);
  CHECK(c.engine.error() == "Broken pipe");
  CHECK(c.engine.on_writable().status == IoStatus::failed);
  c.engine.shutdown_send();
}
