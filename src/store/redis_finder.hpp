// Where Redis is when something else knows: sentinels, which name the master, or the
// nodes of a cluster, which tell who has which slots. Asks them in turn, again and
// again, and says what is new. Lives on the control thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "net/redis_query.hpp"
#include "net/resolver.hpp"
#include "store/redis_counters.hpp"

namespace marquee::store {

class RedisFinder {
 public:
  struct Server {
    std::string host;
    std::uint16_t port = 0;
  };
  struct Settings {
    std::vector<Server> servers;  // sentinels, or nodes of the cluster; at least one
    std::string master;           // what sentinels call it; empty: a cluster
    std::string username;         // of `servers`
    std::string password;
    std::shared_ptr<const net::TlsClientContext> tls;
    std::string server_name;  // empty: each one's host
  };
  using Found = std::function<void(const RedisPlace&)>;

  // `io`, `resolver` and `logger` outlive it. `found`: the first answer, and each one
  // that differs from the one before.
  RedisFinder(boost::asio::io_context& io, net::Resolver& resolver, Settings settings, Found found,
              base::Logger& logger);
  ~RedisFinder();
  RedisFinder(const RedisFinder&) = delete;
  RedisFinder& operator=(const RedisFinder&) = delete;

  // Somebody found that things are not as they were: looks soon.
  void look_again();

 private:
  void look();
  void next();
  void query(Server server, base::IpAddress ip);
  void failed(const Server& server, const std::string& why);
  void take_master(const Server& server, const net::RedisValue& value);
  void take_slots(const Server& server, base::IpAddress ip, const net::RedisValue& value);
  void find_names();
  void publish(RedisPlace place);
  void done();
  void resolve(const std::string& host, std::function<void(const net::ResolveResult& result)> then);

  boost::asio::io_context& io_;
  net::Resolver& resolver_;
  Settings settings_;
  Found found_;
  base::Logger& logger_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point begun_{};
  bool looking_ = false;
  bool again_ = false;       // as soon as this look is over
  bool complained_ = false;  // of the present outage
  std::string why_;          // the last failure
  std::size_t first_ = 0;    // whom to ask first: the one that answered last
  std::vector<Server> candidates_;
  std::size_t at_ = 0;  // in candidates_
  std::unique_ptr<net::RedisQuery> query_;
  std::shared_ptr<limits::SlotTable> reading_;  // of which names are looked up
  RedisPlace place_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // for the resolver's answers
};

}  // namespace marquee::store
