// A client that asks for many names, for `./dev bench --domains`.
//
//   names_client get PORT FIRST COUNT [CONNECTIONS]     HTTP on 127.0.0.1, one request for each of
//       shop-FIRST.example ... in turn, on keep-alive connections; with one connection, the time
//       of each answer is taken
//   names_client tls PORT FIRST COUNT HANDSHAKES THREADS
//       full TLS 1.3 handshakes with names out of these; HANDSHAKES 0: each of them once. The
//       certificate must be the name's own.
//
// Prints JSON. Exit code 1: something else came than 200, or the name's certificate.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "names_client: %s\n", what.c_str());
  std::exit(1);
}

std::string name_of(unsigned long n) { return "shop-" + std::to_string(n) + ".example"; }

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    fail("connect: is the proxy listening?");
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void ask(int fd, const std::string& name) {
  const std::string text = "GET /b/2 HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
  if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    fail("send");
}

// Head and a body of Content-Length bytes.
void read_answer(int fd, const std::string& name) {
  std::string have;
  char buffer[8192];
  for (std::size_t end = std::string::npos;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) fail("the proxy closed before it answered for " + name);
    have.append(buffer, static_cast<std::size_t>(n));
    end = have.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    if (!have.starts_with("HTTP/1.1 200")) fail(name + ": " + have.substr(0, 300));
    const std::size_t field = have.find("ontent-Length: ");
    if (field == std::string::npos || field > end) fail(name + ": no Content-Length");
    if (have.size() >= end + 4 + std::strtoul(have.c_str() + field + 15, nullptr, 10)) return;
  }
}

void get(int port, unsigned long first, unsigned long count, unsigned long connections) {
  std::vector<int> fds;
  for (unsigned long i = 0; i < connections; ++i) fds.push_back(connect_to(port));
  std::vector<double> times;
  for (unsigned long n = 0; n < count; n += connections) {
    const unsigned long round = std::min(connections, count - n);
    const auto begun = Clock::now();
    for (unsigned long i = 0; i < round; ++i) ask(fds[i], name_of(first + n + i));
    for (unsigned long i = 0; i < round; ++i) read_answer(fds[i], name_of(first + n + i));
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n", times[times.size() / 2],
              times[times.size() * 99 / 100], times.back());
}

// False: the handshake failed.
bool handshake(SSL_CTX* context, int port, const std::string& name) {
  const int fd = connect_to(port);
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  std::string sni = name;
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, sni.data());
  if (SSL_connect(ssl) != 1) {
    SSL_free(ssl);
    ::close(fd);
    return false;
  }
  X509* leaf = SSL_get1_peer_certificate(ssl);
  if (X509_check_host(leaf, name.c_str(), name.size(), 0, nullptr) != 1)
    fail("another certificate than that of " + name);
  X509_free(leaf);
  SSL_free(ssl);
  ::close(fd);
  return true;
}

void tls(int port, unsigned long first, unsigned long count, unsigned long handshakes,
         unsigned long threads) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  const bool each = handshakes == 0;
  const unsigned long total = each ? count : handshakes;
  std::atomic<unsigned long> next{0}, failed{0};
  std::vector<std::thread> running;
  const auto begun = Clock::now();
  for (unsigned long t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      std::mt19937_64 random(t + 1);
      for (unsigned long n; (n = next.fetch_add(1)) < total;)
        if (!handshake(context, port, name_of(first + (each ? n : random() % count)))) {
          // Where each name is loaded on a busy machine, one may be late; it is told.
          if (!each) fail("a handshake failed");
          ++failed;
          if (!handshake(context, port, name_of(first + n)))
            fail("handshake for " + name_of(first + n));
        }
    });
  for (std::thread& thread : running) thread.join();
  std::printf("{\"handshakes\": %lu, \"failed\": %lu, \"seconds\": %.3f}\n", total, failed.load(),
              std::chrono::duration<double>(Clock::now() - begun).count());
  SSL_CTX_free(context);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto number = [&](int i, unsigned long otherwise = 0) {
    return i < argc ? std::strtoul(argv[i], nullptr, 10) : otherwise;
  };
  const std::string_view what = argc > 4 ? argv[1] : "";
  const int port = static_cast<int>(number(2));
  if (what == "get")
    get(port, number(3), number(4), number(5, 1));
  else if (what == "tls")
    tls(port, number(3), number(4), number(5), number(6, 1));
  else
    fail("usage: get PORT FIRST COUNT [CONNECTIONS] | tls PORT FIRST COUNT HANDSHAKES THREADS");
  return 0;
}
