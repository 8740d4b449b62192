#include "app/program.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "app/check.hpp"
#include "app/cli.hpp"
#include "app/server.hpp"

namespace marquee::app {
namespace {

std::uint32_t worker_count(const config::Settings& settings) {
  if (settings.workers != 0) return settings.workers;
  return std::max(1u, std::thread::hardware_concurrency());
}

// As many descriptors as the kernel lets us have: each request needs two.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// For what waits to be recorded, where the database answers.
constexpr std::chrono::milliseconds kLastCalls{2000};

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value ? value : "";
}

}  // namespace

Program::Program(std::string path, config::Settings settings)
    : path_(std::move(path)),
      notifier_(environment("NOTIFY_SOCKET")),
      passed_(take_passed_sockets()),
      access_(
          control_, logger_,
          [this](const AccessService::Issuers& issuers) {
            on_all_workers([issuers](Node& node) { node.front->access().set_issuers(issuers); });
          },
          [this](const std::vector<identity::Digest>& digests, std::function<void()> then) {
            on_all_workers([digests](Node& node) { node.front->access().forget(digests); },
                           std::move(then));
          }),
      upstreams_(control_, logger_,
                 [this](const std::shared_ptr<proxy::EndpointGroup>& group, std::size_t endpoint,
                        std::vector<proxy::SocketAddress> addresses) {
                   on_all_workers([group, endpoint, addresses = std::move(addresses)](Node& node) {
                     node.front->set_addresses(*group, endpoint, addresses);
                   });
                 }),
      snapshot_(std::make_shared<proxy::Snapshot>(std::move(settings), intermediates_)),
      started_(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())) {}

Program::~Program() = default;

int Program::run() {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const config::Log& log = snapshot_->settings().log;
  if (auto failure =
          logger_.open(log.file, base::log_level(log.level).value_or(base::LogLevel::info))) {
    std::cerr << "marquee: " << failure->sentence << "\n";
    return exit_code::failed;
  }
  if (const std::string error = start(); !error.empty()) {
    logger_.error("cannot start", {{"reason", error}});
    stop();
    return exit_code::failed;
  }
  watch_signals();
  state_ = admin::ServerState::serving;
  served_ = true;
  announce();
  notifier_.ready("serving");
  warm_up();
  control_.run();
  stop();
  return exit_code::ok;
}

// Nobody else's to read, if it is made here; one that is there has its owner's mode.
std::string Program::make_state_dir(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code ec;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ec);
  if (!ec && ::mkdir(path.c_str(), 0700) != 0) {
    const int why = errno;
    std::error_code unused;
    if (!std::filesystem::is_directory(path, unused))
      ec = std::error_code(why, std::generic_category());
  }
  return ec ? "cannot make the state directory " + path + ": " + ec.message() : "";
}

std::string Program::start() {
  const config::Settings& settings = snapshot_->settings();
  if (std::string error = make_state_dir(settings.state_dir); !error.empty()) return error;
  const std::size_t workers = worker_count(settings);
  declare_metrics();
  declare_directory_metrics();
  registry_.start(workers);
  if (settings.log.access_format != config::AccessFormat::off) {
    access_log_ = std::make_unique<base::LogWriter>(
        base::LogWriter::Options{settings.log.access_file, settings.log.queue, workers});
    if (auto failure = access_log_->start()) return failure->sentence;
  }
  if (const std::string error = open_tls(); !error.empty()) return error;
  if (const std::string error = open_directory(); !error.empty()) return error;
  if (const std::string error = limits_.open(settings, static_cast<std::uint32_t>(workers));
      !error.empty())
    return error;
  UpstreamGroups::Prepared groups = upstreams_.prepare(settings);
  if (!groups.error.empty()) return groups.error;
  make_nodes();
  lend_directory();
  add_gates();
  watch_resources();
  put_in_force(snapshot_, std::move(groups.groups), context_);
  if (const std::string error = open_context_keys(); !error.empty()) return error;
  if (const std::string error = open_listeners(settings); !error.empty()) return error;
  admin_ = std::make_unique<admin::Server>(
      control_, admin_routes(),
      admin::ServerOptions{admin_socket(settings), settings.admin.address, settings.admin.token});
  if (auto failure = admin_->start()) return failure->sentence;
  for (Node& node : nodes_) {
    node.thread = std::thread([&node] { node.worker->run(); });
    ::pthread_setname_np(node.thread.native_handle(),
                         ("worker-" + std::to_string(node.worker->index())).c_str());
  }
  if (directory_) directory_->start();
  limits_.start([this](const store::RedisPlace& place) {
    on_all_workers([place](Node& node) { node.limits.shared->set_place(place); });
  });
  return {};
}

// The internal CA is made only if a domain needs it; a process without TLS
// listeners makes neither cache nor tickets.
std::string Program::open_tls() {
  const config::Settings& settings = snapshot_->settings();
  bool tls = false;
  for (const config::Listener& l : settings.listeners)
    tls |= l.protocol == config::ListenerProtocol::https;
  if (!tls) return {};
  auto ca = tls::InternalCa::open(settings.state_dir, std::time(nullptr));
  if (!ca.value) return ca.error;
  internal_ca_ = std::move(ca.value);
  tickets_ = std::make_shared<tls::TicketKeys>(settings.tls.ticket_rotation,
                                               std::chrono::steady_clock::now());
  certificates_ = std::make_unique<tls::CertificateCache>(
      settings.tls.certificate_cache,
      [this](std::function<void()> job) {
        boost::asio::post(blocking_, std::move(job));
        return true;
      },
      tls::certificate_loader(internal_ca_), [] { return std::time(nullptr); });
  auto context = tls::ServerContext::make(settings.tls, tickets_, alpn_of(settings));
  if (!context.value) return context.error;
  context_ = std::move(context.value);
  rotate_tickets();
  return {};
}

void Program::rotate_tickets() {
  ticket_timer_.expires_at(tickets_->next_rotation());
  ticket_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    tickets_->rotate_if_due(std::chrono::steady_clock::now());
    rotate_tickets();
  });
}

void Program::make_nodes() {
  const config::Settings& settings = snapshot_->settings();
  const std::size_t count = worker_count(settings);
  base::Random random = base::Random::from_kernel();
  for (std::size_t i = 0; i < count; ++i) {
    Node node;
    node.worker = std::make_unique<net::Worker>(static_cast<std::uint32_t>(i));
    proxy::TlsFront::Parts tls;
    tls.cache = certificates_.get();
    tls.certificate_budget = settings.tls.certificate_cache / count;
    tls.failed_burst = settings.tls.failed_handshake_burst;
    tls.failed_rate = settings.tls.failed_handshake_rate;
    tls.seed = random.next();
    node.front = std::make_unique<proxy::Front>(
        *node.worker, proxy_metrics_, registry_.cells(i), shared_, logger_,
        access_log_ ? &access_log_->worker(i) : nullptr, tls);
    node.front->access().on_key_missing([this](std::size_t issuer) {
      boost::asio::post(control_, [this, issuer] { access_.key_missing(issuer); });
    });
    if (auto hand_over = calls_.hand_over()) node.front->use_calls(std::move(hand_over));
    node.limits = limits_.make_part(*node.worker, registry_.cells(i));
    nodes_.push_back(std::move(node));
  }
}

std::string Program::open_listeners(const config::Settings& settings) {
  Added all;
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const config::Listener& listener = settings.listeners[i];
    BoundListener bound = bind_listener(listener.address, listener.backlog, nodes_.size(), passed_);
    if (!bound.error.empty()) return bound.error;
    all.emplace_back(i, std::move(bound));
  }
  config::ListenerChange change;
  for (const auto& [i, bound] : all) change.added.push_back(i);
  change_listeners(change, settings, std::move(all));
  const unsigned port = https_port();
  on_all_workers([port](Node& node) { node.front->set_https_port(port); });
  return {};
}

unsigned Program::https_port() const {
  for (const OpenListener& l : listeners_)
    if (l.facts->secure()) return l.facts->public_port;
  return 0;
}

void Program::on_all_workers(std::function<void(Node&)> work, std::function<void()> then) {
  auto left = std::make_shared<std::atomic<std::size_t>>(nodes_.size());
  for (Node& node : nodes_)
    node.worker->post([this, &node, work, then, left] {
      work(node);
      if (left->fetch_sub(1) == 1 && then) boost::asio::post(control_, then);
    });
}

void Program::put_in_force(std::shared_ptr<const proxy::Snapshot> snapshot,
                           UpstreamGroups::Groups groups,
                           std::shared_ptr<const tls::ServerContext> context) {
  on_all_workers([snapshot, groups, context, issuers = access_.apply(snapshot->settings()),
                  limits = limits_.plan(snapshot->settings())](Node& node) {
    node.front->install(snapshot, groups, context);
    node.front->access().set_issuers(issuers);
    node.limits.gate->install(limits);
  });
  upstreams_.put_in_force(std::move(groups), snapshot->settings());
}

void Program::announce() {
  logger_.info("serving", {{"version", MARQUEE_VERSION},
                           {"workers", nodes_.size()},
                           {"domains", snapshot_->settings().domains.size()},
                           {"settings", path_},
                           {"admin", admin_socket(snapshot_->settings())}});
}

void Program::watch_signals() {
  for (int s : {SIGHUP, SIGTERM, SIGINT, SIGUSR1}) signals_.add(s);
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    on_signal(signal);
    watch_signals();
  });
}

void Program::on_signal(int signal) {
  switch (signal) {
    case SIGHUP:
      return reload([](const admin::ReloadResult&) {});
    case SIGUSR1:
      if (access_log_) access_log_->reopen();
      logger_.reopen();
      return;
    default:
      break;
  }
  // The first asks for an orderly end, the second does not ask.
  if (state_ == admin::ServerState::draining) {
    logger_.warn("told to stop again: ending at once");
    return control_.stop();
  }
  begin_drain();
}

void Program::begin_drain() {
  state_ = admin::ServerState::draining;
  notifier_.stopping();
  const auto limit = snapshot_->settings().timeouts.drain;
  drain_end_ = std::chrono::steady_clock::now() + limit;
  logger_.info("draining", {{"connections", shared_.connections.load()}, {"deadline", limit}});
  on_all_workers([](Node& node) { node.front->drain(); }, [this] { check_drained(); });
}

void Program::check_drained() {
  if (shared_.connections.load() == 0) return end_connections();
  if (std::chrono::steady_clock::now() >= drain_end_) {
    logger_.warn("drain deadline met", {{"connections", shared_.connections.load()}});
    return end_connections();
  }
  drain_timer_.expires_after(std::chrono::milliseconds(20));
  drain_timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) check_drained();
  });
}

// Calls that end with their connection are recorded, too.
void Program::end_connections() {
  on_all_workers(
      [](Node& node) {
        node.front->close_all();
        node.front->flush_calls();
      },
      [this] { calls_.finish(kLastCalls, [this] { control_.stop(); }); });
}

void Program::stop() {
  state_ = admin::ServerState::draining;
  if (admin_) admin_->stop();
  for (Node& node : nodes_) {
    if (!node.thread.joinable()) continue;
    node.worker->post([&node] { node.front->close_all(); });
    node.worker->stop();
  }
  for (Node& node : nodes_)
    if (node.thread.joinable()) node.thread.join();
  passwords_.reset();
  if (warm_up_) warm_up_->stop();
  certificate_service_.reset();
  if (directory_ && served_) directory_->save();
  book_.reset();
  calls_.stop();
  limits_.stop();
  context_keys_.reset();
  directory_.reset();  // answers what is open, to workers that are still there
  blocking_.join();
  nodes_.clear();
  if (access_log_) access_log_->stop(std::chrono::seconds(2));
  logger_.info("stopped");
}

int run_server(const RunOptions& options) {
  Loaded loaded = load_and_check(options.config);
  if (!loaded.ok()) {
    for (const std::string& problem : loaded.problems) std::cerr << problem << "\n";
    return exit_code::bad_config;
  }
  for (const std::string& warning : loaded.warnings) std::cerr << warning << "\n";
  Program program(options.config, std::move(loaded.settings));
  return program.run();
}

}  // namespace marquee::app
