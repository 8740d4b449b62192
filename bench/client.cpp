// A client that sends exactly so many requests, for counting what a proxy does
// per request: keep-alive connections in lockstep. A round sends one request on
// every connection, then reads every answer.
//
//   client [-c CONNECTIONS] [-u TARGET] [-b BODY_BYTES] [-t] PORT REQUESTS
//
// -t speaks TLS 1.3 with SNI localhost (AES-128-GCM, X25519; the certificate is
// not verified). Answers need a Content-Length and status 200. Exit code 1 says
// that something else came. Prints the number of requests answered.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Options {
  std::uint16_t port = 0;
  long requests = 0;
  long connections = 64;
  std::string target = "/b/1024";
  std::size_t body = 0;
  bool tls = false;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "client: %s\n", what);
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

class Connection {
 public:
  Connection(std::uint16_t port, SSL_CTX* tls) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      fail("connect: is the proxy listening?");
    }
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd_);
    // SSL_set_tlsext_host_name, without the old-style cast of the macro.
    char name[] = "localhost";
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name);
    if (SSL_connect(ssl_) != 1) fail("TLS handshake");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    ::close(fd_);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ssl_ == nullptr
                         ? ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                         : SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) fail("the proxy closed while a request was sent");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // Reads one whole answer; its body is thrown away.
  void read_answer() {
    std::string head;
    std::size_t end = std::string::npos;
    while ((end = head.find("\r\n\r\n")) == std::string::npos) {
      head.append(buffer_, receive());
      if (head.size() > 1u << 20) fail("no end of the answer's head");
    }
    const std::size_t have = head.size() - end - 4;
    head.resize(end);
    if (!head.starts_with("HTTP/1.1 200")) fail(head.c_str());
    std::transform(head.begin(), head.end(), head.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
    const std::size_t field = head.find("\r\ncontent-length:");
    if (field == std::string::npos) fail("an answer without Content-Length");
    std::size_t left = std::strtoull(head.c_str() + field + 17, nullptr, 10);
    if (have > left) fail("more bytes than Content-Length says");
    for (left -= have; left > 0;) {
      const std::size_t n = receive();
      if (n > left) fail("more bytes than Content-Length says");
      left -= n;
    }
  }

 private:
  std::size_t receive() {
    const auto n = ssl_ == nullptr ? ::recv(fd_, buffer_, sizeof buffer_, 0)
                                   : SSL_read(ssl_, buffer_, static_cast<int>(sizeof buffer_));
    if (n <= 0) fail("the proxy closed before an answer was complete");
    return static_cast<std::size_t>(n);
  }

  int fd_;
  SSL* ssl_ = nullptr;
  char buffer_[65536];
};

SSL_CTX* tls_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>("\x08http/1.1"), 9);
  return context;
}

std::string request_of(const Options& options) {
  std::string text = (options.body > 0 ? "POST " : "GET ") + options.target +
                     " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\nAccept: */*\r\n"
                     "Accept-Language: en\r\n";
  if (options.body > 0) text += "Content-Length: " + std::to_string(options.body) + "\r\n";
  return text + "\r\n" + std::string(options.body, 'x');
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Options options;
  for (int o; (o = ::getopt(argc, argv, "c:u:b:t")) != -1;) {
    if (o == 'c') options.connections = std::atol(optarg);
    if (o == 'u') options.target = optarg;
    if (o == 'b') options.body = std::strtoull(optarg, nullptr, 10);
    if (o == 't') options.tls = true;
    if (o == '?') return 2;
  }
  if (argc - optind != 2 || options.connections < 1) {
    std::fputs("usage: client [-c CONNECTIONS] [-u TARGET] [-b BODY_BYTES] [-t] PORT REQUESTS\n",
               stderr);
    return 2;
  }
  options.port = static_cast<std::uint16_t>(std::atoi(argv[optind]));
  options.requests = std::atol(argv[optind + 1]);

  SSL_CTX* tls = options.tls ? tls_context() : nullptr;
  std::vector<std::unique_ptr<Connection>> connections;
  for (long i = 0; i < options.connections; ++i) {
    connections.push_back(std::make_unique<Connection>(options.port, tls));
  }
  const std::string request = request_of(options);
  for (long left = options.requests; left > 0;) {
    const long round = std::min(left, options.connections);
    for (long i = 0; i < round; ++i) connections[static_cast<std::size_t>(i)]->send(request);
    for (long i = 0; i < round; ++i) connections[static_cast<std::size_t>(i)]->read_answer();
    left -= round;
  }
  std::printf("%ld\n", options.requests);
  connections.clear();
  SSL_CTX_free(tls);
  return 0;
}
