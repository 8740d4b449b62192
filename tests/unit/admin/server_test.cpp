#include "admin/server.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "admin/client.hpp"
#include "admin/status_resource.hpp"

using namespace marquee::admin;
using namespace std::chrono_literals;
namespace base = marquee::base;

namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    char name[] = "/tmp/marquee-admin-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

struct Source final : StatusSource {
  Status status() override {
    Status s;
    s.version = "9.9.9";
    return s;
  }
  std::vector<base::MetricSnapshot> metrics() override {
    return {{"marquee_requests_total",
             "Requests answered.",
             base::MetricKind::counter,
             {"class"},
             {},
             {{{"2\"xx\n"}, 12, {}, 0}}},
            {"marquee_request_seconds",
             "Time of a request.",
             base::MetricKind::histogram,
             {},
             {0.1, 1},
             {{{}, 0, {3, 5, 6}, 2.5}}}};
  }
  bool ready() override { return is_ready; }
  std::string overload() override { return is_overloaded ? "memory" : ""; }
  void reload(std::function<void(ReloadResult)> done) override {
    if (hold) {
      held = std::move(done);
    } else {
      done(result);
    }
  }
  std::atomic<bool> is_ready{false};
  std::atomic<bool> is_overloaded{false};
  std::atomic<bool> hold{false};
  ReloadResult result{true, 3ms, {}};
  std::function<void(ReloadResult)> held;
};

// The control thread of a test.
struct Control {
  explicit Control(ServerOptions options) : server(io, status_routes(source), std::move(options)) {
    failure = server.start();
    thread = std::thread([this] { io.run(); });
  }
  ~Control() {
    boost::asio::post(io, [this] { server.stop(); });
    work.reset();
    thread.join();
  }
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  Source source;
  Server server;
  std::optional<base::Failure> failure;
  std::thread thread;
};

Reply get(const std::string& socket, std::string_view path, std::string_view method = "GET") {
  auto answer = ask(socket, {std::string(method), std::string(path), {}, {}}, 10s);
  if (auto* const f = std::get_if<base::Failure>(&answer)) FAIL(f->sentence);
  return std::get<Reply>(answer);
}

// Sends raw bytes over TCP or the socket and reads until the end.
std::string raw(int fd, std::string_view bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  std::string out;
  char chunk[4096];
  for (ssize_t n; (n = ::recv(fd, chunk, sizeof chunk, 0)) > 0;)
    out.append(chunk, static_cast<std::size_t>(n));
  ::close(fd);
  return out;
}

int connect_tcp(unsigned short port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  return fd;
}

int connect_unix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  path.copy(a.sun_path, sizeof a.sun_path - 1);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  return fd;
}

}  // namespace

TEST_CASE("the routes") {
  const TemporaryDirectory directory;
  const std::string socket = directory.path + "/admin.sock";
  Control control({socket, "", ""});
  REQUIRE(!control.failure);
  struct stat s {};
  REQUIRE(::stat(socket.c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 0660);

  CHECK(get(socket, "/healthz").status == 200);
  CHECK(get(socket, "/readyz").status == 503);
  control.source.is_ready = true;
  CHECK(get(socket, "/readyz?x").status == 200);
  control.source.is_overloaded = true;
  const auto overloaded = get(socket, "/readyz");
  CHECK(overloaded.status == 503);
  CHECK(overloaded.body == "not ready: memory\n");
  CHECK(get(socket, "/healthz").status == 200);
  control.source.is_overloaded = false;
  CHECK(get(socket, "/v1/status").body.find("\"version\":\"9.9.9\"") != std::string::npos);

  const std::string metrics = get(socket, "/metrics").body;
  CHECK(metrics.find("# TYPE marquee_requests_total counter\n"
                     "marquee_requests_total{class=\"2\\\"xx\\n\"} 12\n") != std::string::npos);
  CHECK(metrics.find("marquee_request_seconds_bucket{le=\"0.1\"} 3\n") != std::string::npos);
  CHECK(metrics.find("marquee_request_seconds_bucket{le=\"+Inf\"} 6\n") != std::string::npos);
  CHECK(metrics.find("marquee_request_seconds_count 6\n") != std::string::npos);

  const Reply missing = get(socket, "/nothing");
  CHECK(missing.status == 404);
  CHECK(missing.body.find("\"title\":\"Not Found\"") != std::string::npos);
  CHECK(get(socket, "/metrics", "POST").status == 405);
  CHECK(get(socket, "/v1/reload").status == 405);
}

TEST_CASE("reload answers with its result, also when it takes a while") {
  const TemporaryDirectory directory;
  const std::string socket = directory.path + "/admin.sock";
  Control control({socket, "", ""});
  const Reply good = get(socket, "/v1/reload", "POST");
  CHECK(good.status == 200);
  CHECK(good.body == R"({"ok":true,"duration_ms":3,"problems":[]})");

  control.source.hold = true;
  auto answer = std::async(std::launch::async, [&] { return get(socket, "/v1/reload", "POST"); });
  // Others are served meanwhile. The callback arrives on the control thread.
  for (bool given = false; !given;) {
    CHECK(get(socket, "/healthz").status == 200);
    std::promise<bool> done;
    boost::asio::post(control.io, [&] {
      if (control.source.held) {
        std::exchange(control.source.held, nullptr)({false, 1ms, {"marquee.yaml:1:1: broken"}});
        given = true;
      }
      done.set_value(given);
    });
    given = done.get_future().get();
  }
  const Reply bad = answer.get();
  CHECK(bad.status == 422);
  CHECK(bad.body == R"({"ok":false,"duration_ms":1,"problems":["marquee.yaml:1:1: broken"]})");
}

TEST_CASE("TCP answers nothing without the token") {
  Control control({"", "127.0.0.1:0", "secret"});
  REQUIRE(!control.failure);
  const auto with = [&](std::string_view fields) {
    return raw(connect_tcp(control.server.port()),
               "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + std::string(fields) +
                   "\r\n")
        .substr(9, 3);
  };
  CHECK(with("") == "401");
  CHECK(with("Authorization: Bearer secre\r\n") == "401");
  CHECK(with("Authorization: Bearer secrets\r\n") == "401");
  CHECK(with("Authorization: Bearer \r\n") == "401");
  CHECK(with("Authorization: Basic secret\r\n") == "401");
  CHECK(with("Authorization: bearer secret\r\n") == "200");

  std::promise<void> changed;
  boost::asio::post(control.io, [&] {
    control.server.set_token("other");
    changed.set_value();
  });
  changed.get_future().wait();
  CHECK(with("Authorization: Bearer secret\r\n") == "401");
  CHECK(with("Authorization: Bearer other\r\n") == "200");
}

TEST_CASE("TCP without a token is refused at the start") {
  Control control({"", "127.0.0.1:0", ""});
  REQUIRE(control.failure);
  CHECK(control.failure->sentence ==
        "admin address 127.0.0.1:0: needs a token; set admin.token or admin.token_file");
}

TEST_CASE("bounds: heads, bodies, connections, silence") {
  const TemporaryDirectory directory;
  const std::string socket = directory.path + "/admin.sock";
  ServerOptions options{socket, "", ""};
  options.max_connections = 3;
  options.timeout = 300ms;
  Control control(options);
  const auto status = [&](const std::string& bytes) {
    return raw(connect_unix(socket), bytes).substr(0, 12);
  };
  CHECK(status("GET / HTTP/1.1\r\nX: " + std::string(9000, 'x')) == "HTTP/1.1 431");
  CHECK(status("POST /v1/reload HTTP/1.1\r\nContent-Length: 70000\r\n\r\n") == "HTTP/1.1 413");
  CHECK(status("nonsense\r\n\r\n") == "HTTP/1.1 400");
  CHECK(raw(connect_unix(socket), "GET /healthz HT") == "");  // silence is not waited for
  const std::string head =
      raw(connect_unix(socket), "HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(head.find("Content-Length: 3\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));

  // Idle connections beyond the bound are closed, and leave when their time is over.
  std::vector<int> idle;
  for (int i = 0; i < 8; ++i) idle.push_back(connect_unix(socket));
  for (const int fd : idle) {
    char c = 0;
    CHECK(::recv(fd, &c, 1, 0) == 0);
    ::close(fd);
  }
  CHECK(get(socket, "/healthz").status == 200);
}

TEST_CASE("a stale socket file is replaced, a served one and other files are not") {
  const TemporaryDirectory directory;
  const std::string socket = directory.path + "/admin.sock";
  {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    socket.copy(a.sun_path, sizeof a.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    ::close(fd);  // the file stays
  }
  {
    Control first({socket, "", ""});
    REQUIRE(!first.failure);
    CHECK(get(socket, "/healthz").status == 200);
    {
      Control second({socket, "", ""});
      REQUIRE(second.failure);
      CHECK(second.failure->sentence.find("another process serves it") != std::string::npos);
    }
    CHECK(get(socket, "/healthz").status == 200);
  }
  CHECK(!std::filesystem::exists(socket));  // removed at the stop

  std::ofstream(socket) << "precious";
  {
    Control third({socket, "", ""});
    REQUIRE(third.failure);
    CHECK(third.failure->sentence.find("not a socket") != std::string::npos);
  }
  CHECK(std::filesystem::is_regular_file(socket));
}

TEST_CASE("the client says why nobody answered") {
  const auto answer = ask("/nonexistent/admin.sock", {"GET", "/v1/status", {}, {}}, 1s);
  REQUIRE(std::holds_alternative<base::Failure>(answer));
  CHECK(std::get<base::Failure>(answer).sentence ==
        "no Marquee answers on /nonexistent/admin.sock; is it running with these settings?");
}
