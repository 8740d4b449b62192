#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "app/cli.hpp"
#include "app/demo_page.hpp"
#include "app/explain.hpp"
#include "app/systemd.hpp"

using namespace marquee::app;
namespace config = marquee::config;

namespace {

std::variant<CommandLine, Said> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "marquee");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

config::Settings settings() {
  config::Settings s;
  config::Listener https, http;
  https.address = "0.0.0.0:8443";
  http.address = "0.0.0.0:8080";
  http.protocol = config::ListenerProtocol::http;
  s.listeners = {https, http};
  config::Upstream pool;
  pool.name = "demo";
  pool.endpoints = {{"http://127.0.0.1:9100", {}}};
  s.upstreams = {pool};
  config::Domain d;
  d.host.value = "bakery.localhost";
  d.installation = "inst1";
  d.upstream.value = "demo";
  d.force_www = config::WwwRule::bare;
  d.path = config::Marked<std::string>{"/render/{installation_id}{path}", {}};
  s.domains = {d};
  d.host.value = "closed.example.com";
  d.enabled = false;
  s.domains.push_back(d);
  return s;
}

std::string last(std::string_view url, std::string_view method = "GET") {
  const Explanation e = explain(settings(), method, url);
  REQUIRE(!e.steps.empty());
  return e.steps.back().name + ": " + e.steps.back().result;
}

}  // namespace

TEST_CASE("the command line: what is asked for, help and mistakes") {
  auto line = parse({"status", "--json", "-c", "x.yaml", "--timeout", "5"});
  REQUIRE(std::holds_alternative<CommandLine>(line));
  CHECK(std::get<CommandLine>(line).command == Command::status);
  CHECK(std::get<CommandLine>(line).json);
  CHECK(std::get<CommandLine>(line).config == "x.yaml");
  CHECK(std::get<CommandLine>(line).timeout == std::chrono::seconds(5));

  ::setenv("MARQUEE_CONFIG", "/from/environment.yaml", 1);
  CHECK(std::get<CommandLine>(parse({"run"})).config == "/from/environment.yaml");
  CHECK(std::get<CommandLine>(parse({"run", "-c", "y"})).config == "y");
  ::unsetenv("MARQUEE_CONFIG");
  CHECK(std::get<CommandLine>(parse({"run"})).config == "/etc/marquee/marquee.yaml");

  const auto help = parse({"--help"});
  REQUIRE(std::holds_alternative<Said>(help));
  CHECK(std::get<Said>(help).exit_code == 0);
  CHECK(std::get<Said>(help).out.find("marquee explain https://") != std::string::npos);
  for (const std::vector<const char*>& words :
       std::vector<std::vector<const char*>>{{},
                                             {"bogus"},
                                             {"explain"},
                                             {"status", "--timeout", "0"},
                                             {"run", "--json"},
                                             {"check", "--print-schema", "--print-reference"}}) {
    const auto wrong = parse(words);
    REQUIRE(std::holds_alternative<Said>(wrong));
    CHECK(std::get<Said>(wrong).exit_code == exit_code::usage);
    CHECK(!std::get<Said>(wrong).err.empty());
  }
}

TEST_CASE("explain follows a request to its end") {
  CHECK(last("https://bakery.localhost:8443/menu?a=1") ==
        "path: /menu?a=1 becomes /render/inst1/menu?a=1");
  CHECK(last("https://BAKERY.localhost.:8443") == "path: / becomes /render/inst1/");
  CHECK(last("http://bakery.localhost:8080/m") ==
        "policy: 301 to https://bakery.localhost:8443/m (redirect_to_https)");
  CHECK(last("http://www.bakery.localhost:8080/m", "POST") ==
        "policy: 308 to https://bakery.localhost:8443/m (redirect_to_https, force_www)");
  CHECK(last("https://www.bakery.localhost:8443/?q") ==
        "policy: 301 to https://bakery.localhost:8443/?q (force_www)");
  CHECK(last("https://closed.example.com:8443/").starts_with("policy: the domain is disabled"));
  CHECK(last("https://nobody.example:8443/") ==
        "host: nobody.example is not known: the TLS handshake is refused with unrecognized_name");
  CHECK(last("http://nobody.example:8080/").starts_with("host: nobody.example is not known"));
  CHECK(last("http://bakery.localhost:8443/")
            .starts_with("listener: 0.0.0.0:8443 does not speak http"));
  CHECK(last("https://bakery.localhost:8443/../x").starts_with("path: the path climbs"));
  CHECK(last("https://a..b/") == "host: the host has an empty label: the request gets 400");
  CHECK(last("bakery.localhost").starts_with("url: `bakery.localhost` is not a URL"));
  CHECK(explain(settings(), "GET", "https://bakery.localhost:8443/").reaches_upstream);
  CHECK(!explain(settings(), "GET", "http://bakery.localhost:8080/").reaches_upstream);
}

TEST_CASE("the demo's pictures hold nothing but letters and colours") {
  const std::string good = demo_mark("RB", "8b1e3f");
  CHECK(good.find("fill=\"#8b1e3f\"") != std::string::npos);
  CHECK(good.find(">RB</text>") != std::string::npos);
  for (const char* text : {"", "<x>", "long", "\"a"})
    for (const char* colour : {"", "red", "8b1e3g", "8b1e3f\""})
      CHECK(demo_mark(text, colour) == demo_mark("?", "78716c"));
}

TEST_CASE("the demo page escapes everything that it shows") {
  const std::string page = demo_page({"GET",
                                      "/<script>alert",
                                      {{"Host", "a\"b"},
                                       {"X-Tenant-Agency-Id", "<img src=x onerror='1'>"},
                                       {"X-\"Evil", "\xff&"}}});
  CHECK(page.find("<script>alert") == std::string::npos);
  CHECK(page.find("<img src=x") == std::string::npos);
  CHECK(page.find("&lt;img src=x onerror=&#39;1&#39;&gt;") != std::string::npos);
  CHECK(page.find("X-&quot;Evil") != std::string::npos);
  CHECK(page.find("\xEF\xBF\xBD&amp;") != std::string::npos);
  CHECK(page.find("This is <em>a&quot;b</em>") != std::string::npos);
}

TEST_CASE("systemd hears of every state, on a path and on an abstract socket") {
  const std::string unique = "marquee-notify-" + std::to_string(::getpid());
  for (const std::string& name : {"/tmp/" + unique, "@" + unique}) {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::memcpy(a.sun_path, name.data(), name.size());
    if (name.front() == '@') a.sun_path[0] = '\0';
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&a),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
    const auto next = [&] {
      char text[256];
      const ssize_t n = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
      return std::string(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    };
    const ServiceNotifier notifier(name);
    notifier.ready("serving\n2 listeners");
    CHECK(next() == "READY=1\nSTATUS=serving 2 listeners");
    notifier.reloading(std::chrono::microseconds(12345));
    CHECK(next() == "RELOADING=1\nMONOTONIC_USEC=12345");
    notifier.stopping();
    CHECK(next() == "STOPPING=1");
    ::close(fd);
    if (name.front() == '/') ::unlink(name.c_str());
  }
  ServiceNotifier("").ready("nobody listens");
  ServiceNotifier("relative/path").ready("nobody listens");
}

TEST_CASE("sockets passed to another process are not ours") {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "2", 1);
  CHECK(take_passed_sockets().empty());
  CHECK(std::getenv("LISTEN_FDS") == nullptr);
  ::setenv("LISTEN_PID", "nonsense", 1);
  CHECK(take_passed_sockets().empty());
  CHECK(std::getenv("LISTEN_PID") == nullptr);
}

TEST_CASE("sockets passed to this process are taken with their names") {
  // Descriptor 3 may be in use by the test's own run; it is put back.
  const int kept = ::fcntl(3, F_DUPFD_CLOEXEC, 10);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd != 3) {
    REQUIRE(::dup2(fd, 3) == 3);
    ::close(fd);
  }
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_FDNAMES", "https", 1);
  const auto sockets = take_passed_sockets();
  REQUIRE(sockets.size() == 1);
  CHECK(sockets[0].fd == 3);
  CHECK(sockets[0].name == "https");
  CHECK((::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((::fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
  if (kept >= 0) {
    ::dup2(kept, 3);
    ::close(kept);
  } else {
    ::close(3);
  }
}
