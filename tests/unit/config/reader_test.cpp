#include "config/reader.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/page_files.hpp"
#include "fake_ports.hpp"

using namespace marquee::config;

namespace {

const FixedEnvironment kAgency(std::vector<std::pair<std::string, std::string>>{
    {"AGENCY", "agency-7"}});

std::string said(const Reading& reading) {
  std::string out;
  for (const auto& p : reading.problems) out += show(p, reading.settings.files) + "\n";
  return out;
}

Reading load(const std::string& text,
             const std::vector<std::pair<std::string, std::string>>& variables = {}) {
  return load_settings("m.yaml", FixedEnvironment(variables), MemoryFiles({{"m.yaml", text}}));
}

}  // namespace

TEST_CASE("a file with every section decodes to what it says") {
  const RootedFiles files(std::string(MARQUEE_TESTS_DIR) + "/golden/settings/good");
  const Reading reading = load_settings("everything.yaml", kAgency, files);
  REQUIRE_MESSAGE(reading.ok(), said(reading));
  const Settings& s = reading.settings;
  CHECK(s.files == std::vector<std::string>{"everything.yaml", "conf.d/10-extra.yaml",
                                            "conf.d/20-extra.yaml"});
  CHECK(s.state_dir == "/srv/marquee");
  CHECK(s.workers == 3);
  REQUIRE(s.trusted_proxies.size() == 2);
  CHECK(*s.trusted_proxies[1] == "192.0.2.0/24");

  REQUIRE(s.listeners.size() == 2);
  CHECK(s.listeners[0].address == "0.0.0.0:8443");
  CHECK(s.listeners[0].protocol == ListenerProtocol::https);
  CHECK(s.listeners[0].proxy_protocol == ProxyProtocol::v2);
  CHECK(s.listeners[0].public_port == 443);
  CHECK(*s.listeners[0].fallback == "shop.example.com");
  CHECK(s.listeners[0].backlog == 128);
  CHECK(s.listeners[1].address == "unix:/run/marquee.sock");
  CHECK(s.listeners[1].protocol == ListenerProtocol::http);

  CHECK(s.tls.min_version == "1.3");
  CHECK_FALSE(s.tls.session_tickets);
  CHECK(s.tls.ticket_rotation == std::chrono::minutes(90));
  CHECK(s.tls.failed_handshake_rate == doctest::Approx(0.5));
  CHECK(s.tls.certificate_cache == 64u << 20);

  REQUIRE(s.upstreams.size() == 3);
  const Upstream& app = s.upstreams[0];
  CHECK(app.name == "app");
  REQUIRE(app.endpoints.size() == 2);
  CHECK(*app.endpoints[1] == "unix:/run/app.sock");
  CHECK(app.balance == Balance::round_robin);
  CHECK(app.max_idle == 7);
  CHECK(app.total == std::chrono::hours(1));
  CHECK(app.host_field == "endpoint");
  CHECK(app.ejection.consecutive_failures == 2);
  CHECK(app.ejection.max_percent == 30);
  CHECK(s.upstreams[1].tls.ca_file == "ca.pem");
  CHECK(s.upstreams[1].tls.server_name == "internal.example.com");
  CHECK(s.upstreams[2].name == "extra");
  CHECK(s.upstreams[2].endpoints.size() == 2);

  CHECK(s.hosts.app_hosts.size() == 2);
  CHECK(*s.hosts.sites_base == "sites.example.com");
  CHECK(*s.hosts.sites_path == "/s/{label}{path}");
  CHECK(*s.hosts.custom_path == "/render{path}");

  CHECK(s.limits.head == 16u << 10);
  CHECK(s.limits.fields == 50);
  CHECK(s.limits.request_body == 10ull << 30);
  CHECK(s.limits.target == 8000);
  CHECK(s.timeouts.head == Ms(500));
  CHECK(s.timeouts.drain == Ms(0));
  CHECK(s.forwarding.via);
  CHECK_FALSE(s.forwarding.forwarded);
  CHECK(s.log.access_file == "access.log");
  CHECK(s.log.access_format == AccessFormat::combined);
  CHECK(s.log.file == "stdout");
  CHECK(s.log.level == "warn");
  CHECK(s.log.queue == 1u << 20);
  CHECK(s.admin.address == "127.0.0.1:9180");
  CHECK(s.admin.token == "a-long-enough-token");
}

TEST_CASE("domains decode to what they say") {
  const RootedFiles files(std::string(MARQUEE_TESTS_DIR) + "/golden/settings/good");
  const Reading reading = load_settings("everything.yaml", kAgency, files);
  const Settings& s = reading.settings;
  REQUIRE(s.domains.size() == 3);
  const Domain& shop = s.domains[0];
  CHECK(*shop.host == "shop.example.com");
  CHECK(s.files[shop.host.mark.file] == "everything.yaml");
  CHECK(shop.host.mark.line == 33);
  CHECK(shop.host.mark.column == 11);
  CHECK(shop.pair);
  CHECK(shop.module == "12");
  CHECK(shop.agency == "agency-7");
  REQUIRE(shop.certificates.size() == 2);
  CHECK(shop.certificates[1].key_file == "rsa.key");
  CHECK(shop.force_www == WwwRule::www);
  CHECK_FALSE(shop.redirect_to_https);
  REQUIRE(shop.path.has_value());
  CHECK(**shop.path == "/module-render/{installation_id}{path}");
  CHECK(shop.request_fields.set == Fields{{"X-Api-Version", "2"}, {"X-Literal", "${path}"}});
  CHECK(shop.request_fields.add ==
        Fields{{"Link", "</a.css>; rel=preload"}, {"Link", "</b.css>; rel=preload"}});
  CHECK(shop.request_fields.remove == std::vector<std::string>{"Cookie"});
  CHECK(shop.response_fields.set == shop.request_fields.set);
  CHECK(s.domains[1].certificates.size() == 1);
  CHECK(s.domains[1].force_www == WwwRule::either);
  CHECK(s.files[s.domains[2].mark.file] == "conf.d/20-extra.yaml");
  CHECK(s.domains[2].certificates.empty());
  CHECK_FALSE(s.domains[2].enabled);
}

TEST_CASE("the directory is read") {
  const RootedFiles files(std::string(MARQUEE_TESTS_DIR) + "/golden/settings/good");
  const Reading reading = load_settings("everything.yaml", kAgency, files);
  REQUIRE(reading.ok());
  const Directory& d = reading.settings.directory;
  CHECK(d.kind == DirectoryKind::sqlite);
  CHECK(d.path == "domains.sqlite");
  CHECK(d.trust_status == Trust::no);
  CHECK(d.encryption_key.size() == 64);
  CHECK(*d.modules.upstream == "app");
  CHECK(*d.modules.path == "/m/{installation_id}{path}");
  CHECK(*d.sites.path == "/site/{host}{path}");
  CHECK(d.refused_agencies == std::vector<std::string>{"suspended", "paused"});
  CHECK(d.refused_subscriptions.empty());
  CHECK(d.cache.ttl == Ms(5000));
  CHECK(d.cache.domains == 1u << 30);
  CHECK(d.cache.unknown_rate == 12.5);
  CHECK(Directory().refused_agencies == std::vector<std::string>{"suspended", "cancelled"});
}

TEST_CASE("paths belong to the folder of the file they stand in") {
  const MemoryFiles files(
      {{"/etc/marquee/m.yaml",
        "include: parts/log.yaml\nlisteners: [{ address: '127.0.0.1:0' }]\n"
        "state_dir: ../../srv/m\n"},
       {"/etc/marquee/parts/log.yaml", "log: { access: { file: a.log }, file: stderr }\n"}});
  const Reading reading = load_settings("/etc/marquee/m.yaml", FixedEnvironment(), files);
  REQUIRE_MESSAGE(reading.ok(), said(reading));
  CHECK(reading.settings.state_dir == "/srv/m");
  CHECK(reading.settings.log.access_file == "/etc/marquee/parts/a.log");
  CHECK(reading.settings.log.file == "stderr");
}

TEST_CASE("sections and lists without content say nothing") {
  const Reading reading = load(
      "listeners: [{ address: '127.0.0.1:0' }]\nlimits:\n  # head: 1KiB\ndomains:\nlog:\n  "
      "access:\n");
  CHECK_MESSAGE(reading.ok(), said(reading));
  CHECK(reading.settings.limits.head == 32u << 10);
}

TEST_CASE("a variable cannot add keys, and its number counts as a number also in quotes") {
  const std::string listener = "listeners: [{ address: '127.0.0.1:0' }]\n";
  Reading reading = load(listener + "limits: { fields: \"${N}\" }\n", {{"N", "77"}});
  REQUIRE_MESSAGE(reading.ok(), said(reading));
  CHECK(reading.settings.limits.fields == 77);
  reading = load(listener + "state_dir: ${D}\n", {{"D", "/x: [workers, 9]"}});
  REQUIRE_MESSAGE(reading.ok(), said(reading));
  CHECK(reading.settings.state_dir == "/x: [workers, 9]");
  CHECK(reading.settings.workers == 0);
}

TEST_CASE("secrets are never shown") {
  const Reading reading = load(
      "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:9', token: hunter2 "
      "}\n");
  CHECK_FALSE(reading.ok());
  CHECK(said(reading).find("hunter2") == std::string::npos);
}

TEST_CASE("a file that is not there is one problem with a place") {
  const Reading reading = load_settings("absent.yaml", FixedEnvironment(), MemoryFiles({}));
  CHECK(said(reading) ==
        "absent.yaml:1:1: the file cannot be read: No such file or directory; write the path of a "
        "settings file\n");
}

TEST_CASE("problems are bounded") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  const Reading reading = load(text);
  CHECK(reading.problems.size() == kMaxProblems + 1);
  CHECK(reading.problems.back().sentence == "more problems follow; mend these first");
}

TEST_CASE("ten thousand domains are read") {
  std::string text =
      "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { a: 'http://127.0.0.1:1' }\ndomains:\n";
  for (int i = 0; i < 10'000; ++i)
    text += "  - { host: d" + std::to_string(i) + ".example.com, upstream: a }\n";
  const Reading reading = load(text);
  REQUIRE_MESSAGE(reading.ok(), said(reading));
  CHECK(reading.settings.domains.size() == 10'000);
  CHECK(reading.settings.domains.back().mark.line == 10'003);
}

TEST_CASE("the disk: what cannot be read is said in words") {
  const SystemFiles disk;
  const std::string folder = std::string(MARQUEE_TESTS_DIR) + "/golden/settings/good";
  const std::string token = folder + "/token";
  CHECK(*disk.read(token, 100).bytes == "a-long-enough-token\n");
  CHECK_FALSE(disk.read(token, 5).bytes);
  CHECK(disk.read(token, 5).why == "it is larger than 5 bytes");
  CHECK(disk.read(folder, 100).why == "it is a directory");
  CHECK(disk.read("/dev/null", 100).why == "it is not a regular file");
  CHECK(disk.unreadable(token).empty());
  CHECK(disk.unreadable(folder + "/absent") == "No such file or directory");
  CHECK(disk.identity(folder + "/conf.d/../token") == disk.identity(token));
  CHECK(disk.match(folder + "/conf.d/*.yaml", 10).size() == 2);
  CHECK(disk.match(folder + "/conf.d/*.yaml", 1).size() == 1);
  CHECK(disk.match(folder + "/conf.d/*.none", 10).empty());
}

namespace {
// Pages in memory: whatever is asked for, all of them are there.
struct PagesInMemory final : Files {
  std::vector<std::string> paths;
  std::size_t size = 10;
  FileContent read(const std::string&, std::size_t most) const override {
    if (size > most) return {std::nullopt, "it is too large"};
    return {std::string(size, 'x'), {}};
  }
  std::string unreadable(const std::string&) const override { return {}; }
  std::vector<std::string> match(const std::string& pattern, std::size_t most) const override {
    CHECK(pattern == "/a\\[b\\]/*/*.html");
    return {paths.begin(), paths.begin() + static_cast<long>(std::min(most, paths.size()))};
  }
  std::string identity(const std::string& path) const override { return path; }
};
}  // namespace

TEST_CASE("pages of an operator are read within their bounds") {
  Pages pages;
  PagesInMemory files;
  CHECK(read_page_files(pages, files).empty());  // no folder was named
  pages.directory = {"/a[b]", {0, 3, 4}};
  for (std::size_t i = 0; i <= kMaxPageFiles; ++i)
    files.paths.push_back("/a[b]/agency-" + std::to_string(i) + "/503.html");
  auto problems = read_page_files(pages, files);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].sentence.find("more than 2000 pages") != std::string::npos);
  CHECK(problems[0].mark.line == 3);
  files.paths.pop_back();
  CHECK(read_page_files(pages, files).empty());
  REQUIRE(pages.files.size() == kMaxPageFiles);
  CHECK(pages.files[7].scope == "agency-7");
  CHECK(pages.files[7].name == "503");
  CHECK(pages.files[7].text->size() == 10);
  files.size = kMaxPageFile;
  problems = read_page_files(pages, files);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].sentence.find("more than 16 MiB") != std::string::npos);
  files.size = kMaxPageFile + 1;
  files.paths.resize(1);
  problems = read_page_files(pages, files);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].sentence.find("agency-0/503.html\", which cannot be read: it is too large") !=
        std::string::npos);
}

// The keys that Marquee writes into Redis for itself are named @nodes and @probe.
TEST_CASE("no rate limit has an @ in its name") {
  const std::string listener = "listeners: [{ address: '127.0.0.1:0' }]\n";
  const auto named = [&](const std::string& name) {
    return said(load(listener + "rate_limits: { rules: [{ name: '" + name + "', rate: 1/s }] }\n"));
  };
  CHECK(named("@nodes").find("which is not a name") != std::string::npos);
  CHECK(named("nodes@").find("which is not a name") != std::string::npos);
  CHECK(named("nodes").find("which is not a name") == std::string::npos);
}
