// One listening socket of one worker, and what all connections of it know.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/hostname.hpp"
#include "base/ip.hpp"
#include "config/settings.hpp"
#include "net/socket.hpp"
#include "net/worker.hpp"
#include "proxy/overload.hpp"

namespace marquee::proxy {

struct ListenerFacts {
  std::uint32_t id = 0;  // its identity over reloads: addresses with port 0 may repeat
  std::string address;   // as bound
  config::ListenerProtocol protocol = config::ListenerProtocol::http;
  config::ProxyProtocol proxy_protocol = config::ProxyProtocol::off;
  std::uint16_t public_port = 0;
  std::string fallback;  // normalised; empty: none
  bool h2c = false;      // HTTP/2 by prior knowledge is taken too
  bool secure() const { return protocol == config::ListenerProtocol::https; }
  // Its peers have no address; they are ours.
  bool local() const { return address.starts_with("unix:"); }
};

class Listener final : public net::Watched, public net::Expiring {
 public:
  using Accepted = std::function<void(net::Fd fd, const base::IpAddress& peer, std::uint16_t port,
                                      const std::shared_ptr<const ListenerFacts>& listener)>;
  // `on_pause` is told when descriptors are short.
  Listener(net::Worker& worker, net::Fd fd, std::shared_ptr<const ListenerFacts> facts,
           SharedCounts& shared, Accepted accepted, std::function<void()> on_pause);
  ~Listener() override;

  bool start();
  // Goes on at once if it waits for descriptors and some are free.
  void resume();
  // Accepts what already stands in the queue; then the socket may be closed.
  void accept_rest();
  void set_facts(std::shared_ptr<const ListenerFacts> facts) { facts_ = std::move(facts); }
  const ListenerFacts& facts() const { return *facts_; }
  void on_ready(Ready) override;
  void on_deadline(net::Deadline&) override;

 private:
  bool accept_one();
  void pause();
  void set_paused(bool paused);
  bool descriptors_free() const;

  net::Worker& worker_;
  net::Fd fd_;
  std::shared_ptr<const ListenerFacts> facts_;
  SharedCounts& shared_;
  Accepted accepted_;
  std::function<void()> on_pause_;
  net::Deadline retry_;
  bool paused_ = false;
};

}  // namespace marquee::proxy
