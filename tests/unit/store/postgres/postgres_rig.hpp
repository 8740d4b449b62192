// A PostgreSQL directory with the control thread that it needs.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>

#include "../directory_rig.hpp"
#include "cluster.hpp"
#include "store/postgres/postgres_directory.hpp"

namespace marquee::store {

class PostgresRig {
 public:
  explicit PostgresRig(const std::string& url,
                       std::chrono::milliseconds poll = std::chrono::milliseconds(50),
                       std::chrono::milliseconds timeout = std::chrono::milliseconds(1000),
                       std::function<void(std::function<void()>)> work = {}) {
    PostgresOptions options;
    options.url = url;
    options.sites_base = "sites.example.com";
    options.key = sample_key();
    options.poll_interval = poll;
    options.timeout = timeout;
    options.work = std::move(work);
    options.recheck = std::chrono::milliseconds(200);
    std::string why;
    directory_ = make_postgres_directory(io_, options, status, why);
    REQUIRE_MESSAGE(directory_, why);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~PostgresRig() {
    close();
    work_.reset();
    io_.stop();
    thread_.join();
  }
  // On the control thread, as the contract of make_postgres_directory wants.
  void close() {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      directory_.reset();
      done.set_value();
    });
    done.get_future().wait();
  }
  routing::DomainDirectory& operator*() { return *directory_; }
  routing::DomainDirectory* operator->() { return directory_.get(); }

  // Asks until the answer is of this status.
  bool becomes(std::string_view host, routing::DirectoryAnswer::Status wanted) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    do {
      if (ask(*directory_, host).status == wanted) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }
  bool says(std::string_view words) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    do {
      if (status.words().find(words) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } while (std::chrono::steady_clock::now() < end);
    MESSAGE("it says: " << status.words());
    return false;
  }

  base::Logger logger;
  AdapterStatus status{logger};

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(io_)};
  std::unique_ptr<routing::DomainDirectory> directory_;
  std::thread thread_;
};

}  // namespace marquee::store
