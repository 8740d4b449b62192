// The running program: everything that `marquee run` builds, and the order in
// which it starts, reloads and stops. Lives on the control thread.
//
//   program.cpp         start, signals, stop
//   program_reload.cpp  from one settings to the next
//   program_directory.cpp  the directory of domains, where there is one
//   program_status.cpp  what the admin listener is told
//   program_admin.cpp   what else the admin listener serves
//   program_overload.cpp  memory and descriptors, watched for the workers
#pragma once
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "admin/access_resource.hpp"
#include "admin/domain_book.hpp"
#include "admin/ports.hpp"
#include "admin/server.hpp"
#include "app/access_service.hpp"
#include "app/call_service.hpp"
#include "app/certificate_service.hpp"
#include "app/context_keys.hpp"
#include "app/directory_service.hpp"
#include "app/limit_inspection.hpp"
#include "app/limit_service.hpp"
#include "app/listen_sockets.hpp"
#include "app/systemd.hpp"
#include "app/upstream_groups.hpp"
#include "app/warm_up.hpp"
#include "base/log.hpp"
#include "base/log_writer.hpp"
#include "base/metrics.hpp"
#include "config/change.hpp"
#include "identity/password_checker.hpp"
#include "proxy/front.hpp"
#include "store/adapter_status.hpp"
#include "tls/certificate_cache.hpp"
#include "tls/internal_ca.hpp"
#include "tls/ticket_keys.hpp"

namespace marquee::app {

class Program final : public admin::StatusSource {
 public:
  Program(std::string path, config::Settings settings);
  ~Program() override;

  // Serves until told to stop. Returns the exit code.
  int run();

  // StatusSource
  admin::Status status() override;
  std::vector<base::MetricSnapshot> metrics() override { return registry_.scrape(); }
  bool ready() override { return state_ == admin::ServerState::serving; }
  std::string overload() override;
  std::string remark() override;
  std::string key_set() override { return context_keys_ ? context_keys_->ring().document() : ""; }
  void reload(std::function<void(admin::ReloadResult)> done) override;

 private:
  // One worker and its thread. The front is made and destroyed on the worker's
  // thread of control: before it starts, and after it was joined.
  struct Node {
    std::unique_ptr<net::Worker> worker;
    LimitService::Part limits;
    std::unique_ptr<proxy::Front> front;
    std::thread thread;
  };
  struct OpenListener {
    config::Listener settings;
    std::shared_ptr<const proxy::ListenerFacts> facts;
    std::uint16_t port = 0;  // as bound
  };
  using Added = std::vector<std::pair<std::size_t, BoundListener>>;  // index into the settings

  std::string start();  // a sentence when it cannot
  std::string open_tls();
  static std::string make_state_dir(std::string path);
  void warn_of_readers(const config::Settings& settings);
  std::string open_directory();
  std::vector<admin::Route> admin_routes();
  admin::AccessParts access_parts();
  std::shared_ptr<routing::DomainDirectory> settings_domains();
  void lend_directory();
  void add_gates();
  std::string open_context_keys();
  void declare_directory_metrics();
  void declare_snapshot_metrics();
  admin::DirectoryStatus directory_status() const;
  void warm_up();
  std::string open_listeners(const config::Settings& settings);
  void make_nodes();
  void announce();
  void watch_signals();
  void on_signal(int signal);
  void begin_drain();
  void check_drained();
  void end_connections();
  void stop();
  void rotate_tickets();

  // Runs `work` on every worker, and `then` on the control thread after all did.
  void on_all_workers(std::function<void(Node&)> work, std::function<void()> then = {});

  admin::ReloadResult apply(config::Settings next);
  std::string redirect_logs(const config::Log& old, const config::Log& next);
  void change_listeners(const config::ListenerChange& change, const config::Settings& settings,
                        Added added);
  void keep_listener(OpenListener& open, const config::Listener& settings);
  OpenListener add_listener(const config::Listener& settings, BoundListener bound);
  void remove_listener(const OpenListener& open);
  void put_in_force(std::shared_ptr<const proxy::Snapshot> snapshot, UpstreamGroups::Groups groups,
                    std::shared_ptr<const tls::ServerContext> context);
  unsigned https_port() const;
  void declare_metrics();
  std::uint32_t snapshots_alive();
  void watch_resources();
  void sample_descriptors();
  void sample_memory();
  void give_back_after_a_peak();
  std::uint64_t memory_limit() const;
  admin::OverloadStatus overload_status() const;

  std::string path_;
  boost::asio::io_context control_{1};
  // Two, so that a key is read while the other one waits for the disk.
  boost::asio::thread_pool blocking_{2};
  boost::asio::signal_set signals_{control_};
  boost::asio::steady_timer drain_timer_{control_};
  boost::asio::steady_timer ticket_timer_{control_};
  boost::asio::steady_timer sample_timer_{control_};
  ServiceNotifier notifier_;
  std::vector<PassedSocket> passed_;
  base::Logger logger_;
  base::Registry registry_;
  proxy::ProxyMetrics proxy_metrics_{registry_};
  std::unique_ptr<base::LogWriter> access_log_;
  proxy::SharedCounts shared_;
  proxy::MemoryMark memory_;
  std::uint64_t memory_available_ = 0;
  std::uint64_t resident_ = 0;
  std::uint64_t descriptor_limit_ = 0;
  std::uint32_t peak_connections_ = 0;  // since memory was last given back
  unsigned samples_ = 0;
  unsigned samples_short_ = 0;  // since memory became short
  std::shared_ptr<const tls::InternalCa> internal_ca_;
  std::shared_ptr<tls::TicketKeys> tickets_;
  std::unique_ptr<tls::CertificateCache> certificates_;
  AccessService access_;  // the directory tells it what changes
  std::array<std::uint64_t, static_cast<std::size_t>(admin::ForgetResult::count_)> forgets_{};
  std::unique_ptr<store::AdapterStatus> adapter_;
  std::unique_ptr<identity::PasswordChecker> passwords_;
  std::unique_ptr<DirectoryService> directory_;    // null: the settings are the only one
  identity::KeyDirectory* stored_keys_ = nullptr;  // a side of the directory
  std::shared_ptr<WarmUp> warm_up_;
  std::unique_ptr<CertificateService> certificate_service_;
  std::unique_ptr<admin::DomainBook> book_;  // null: likewise
  std::shared_ptr<routing::DomainDirectory> settings_domains_;
  std::weak_ptr<const proxy::Snapshot> settings_domains_of_;
  std::unique_ptr<ContextKeys> context_keys_;
  tls::IntermediateSet intermediates_;
  LimitService limits_{control_, registry_, logger_};
  CallService calls_{control_, registry_, logger_};
  LimitInspection limit_inspection_{control_, limits_};
  UpstreamGroups upstreams_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  std::vector<std::weak_ptr<const proxy::Snapshot>> old_snapshots_;
  std::shared_ptr<const tls::ServerContext> context_;
  std::vector<OpenListener> listeners_;  // in the order of the settings in force
  std::uint32_t next_listener_ = 0;
  std::vector<Node> nodes_;
  std::unique_ptr<admin::Server> admin_;
  admin::ServerState state_ = admin::ServerState::starting;
  bool served_ = false;  // it got as far as that
  admin::WallTime started_{};
  admin::ReloadStatus last_reload_;
  std::uint64_t reloads_good_ = 0;
  std::uint64_t reloads_bad_ = 0;
  std::chrono::steady_clock::time_point drain_end_{};
};

}  // namespace marquee::app
