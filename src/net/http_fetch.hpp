// One GET over HTTPS, for the control thread: key sets and the like. The server is
// verified (TLS 1.2 or newer, its name included), the answer is bounded in bytes and
// time, and redirects are not followed: what is named in the settings is meant.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace marquee::net {

class Resolver;

struct FetchRequest {
  std::string url;                         // "https://host[:port]/path"
  std::string ca_file;                     // PEM; empty: the system's roots
  std::size_t most = 256u << 10;           // bytes of the body
  std::chrono::milliseconds limit{5'000};  // from the connect to the last byte
};

struct FetchResult {
  bool ok = false;       // a complete answer with status 200
  unsigned status = 0;   // 0: there was none
  std::string body;      // with ok
  std::string sentence;  // not ok: what happened, for a log
};

struct HttpsUrl {
  std::string host;
  std::string port;
  std::string target;
};
// Nothing for anything but https, user names, and bytes that no URL has.
std::optional<HttpsUrl> parse_https_url(std::string_view url);

class HttpFetch {
 public:
  // Begins at once. `done` is called once, from the io_context, never inside this
  // call; not at all if the object is gone by then. `io` and `resolver` outlive it.
  HttpFetch(boost::asio::io_context& io, Resolver& resolver, FetchRequest request,
            std::function<void(FetchResult)> done);
  ~HttpFetch();
  HttpFetch(const HttpFetch&) = delete;
  HttpFetch& operator=(const HttpFetch&) = delete;

 private:
  class Job;
  std::shared_ptr<Job> job_;
};

}  // namespace marquee::net
