// The admin HTTP server, on the control thread's io_context.
//
//   GET  /healthz     200 while the process runs
//   GET  /readyz      200 while it serves, 503 before, while it drains, and
//                     while new connections are refused
//   GET  /metrics     Prometheus text format
//   GET  /v1/status   JSON
//   /v1/certificates  certificates_api.hpp
//   POST /v1/reload   200 {"ok":true,...} or 422 {"ok":false,"problems":[...]}
//
// Errors are application/problem+json (RFC 9457). On a Unix socket the file's
// mode (0660) is the access control; on TCP every request needs the token
// (RFC 6750). Sizes, times and connections are bounded.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "admin/ports.hpp"
#include "base/failure.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::admin {

struct ServerOptions {
  std::string socket;   // path; empty: none
  std::string address;  // "127.0.0.1:9901" or "[::1]:9901"; empty: none
  std::string token;    // needed for `address`
  std::size_t max_connections = 32;
  std::chrono::milliseconds timeout{10'000};  // for one request, its answer, or idleness
};

class Server {
 public:
  // Both outlive the server and every handler the io_context still holds.
  Server(boost::asio::io_context& control, StatusSource& source, ServerOptions options);
  ~Server();  // as stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds and begins to accept. A socket file that nobody serves is replaced;
  // one that another process serves, or another kind of file, is an error.
  std::optional<base::Failure> start();
  // Closes everything and removes the socket file if it is still ours.
  void stop();
  // Asked for from the next request on; in the control thread.
  void set_token(std::string token);
  // The TCP port that was bound; 0: none.
  unsigned short port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace marquee::admin
