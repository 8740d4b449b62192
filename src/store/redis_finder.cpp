#include "store/redis_finder.hpp"

#include "config/text.hpp"

namespace marquee::store {
namespace {

constexpr std::chrono::milliseconds kSentinelsEach{500};
constexpr std::chrono::milliseconds kClusterEach{2'000};
constexpr std::chrono::milliseconds kAfterFailure{500};
constexpr std::chrono::milliseconds kLeastPause{100};
constexpr std::chrono::milliseconds kQuery{500};
constexpr std::size_t kMostKnown = 8;  // masters of the last table that are asked first

std::string text_of(const RedisFinder::Server& server) {
  return server.host + ":" + std::to_string(server.port);
}

}  // namespace

RedisFinder::RedisFinder(boost::asio::io_context& io, net::Resolver& resolver, Settings settings,
                         Found found, base::Logger& logger)
    : io_(io),
      resolver_(resolver),
      settings_(std::move(settings)),
      found_(std::move(found)),
      logger_(logger),
      timer_(io) {
  look();
}

RedisFinder::~RedisFinder() = default;

void RedisFinder::look_again() {
  if (looking_) {
    again_ = true;
    return;
  }
  ++first_;  // whoever answered last may be behind
  const auto soon = std::max(begun_ + kLeastPause, std::chrono::steady_clock::now());
  if (timer_.expiry() <= soon) return;
  timer_.expires_at(soon);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

void RedisFinder::look() {
  looking_ = true;
  begun_ = std::chrono::steady_clock::now();
  candidates_.clear();
  if (place_.slots) {
    const auto& masters = place_.slots->masters;
    for (std::size_t i = 0; i < std::min(masters.size(), kMostKnown); ++i) {
      const limits::RedisMaster& master = masters[(first_ + i) % masters.size()];
      candidates_.push_back({master.host, master.address.port});
    }
  }
  for (std::size_t i = 0; i < settings_.servers.size(); ++i)
    candidates_.push_back(settings_.servers[(first_ + i) % settings_.servers.size()]);
  at_ = 0;
  next();
}

void RedisFinder::next() {
  if (at_ >= candidates_.size()) return done();
  const Server& server = candidates_[at_];
  resolve(server.host, [this, server](const net::ResolveResult& result) {
    if (result.status != net::ResolveStatus::ok) return failed(server, result.sentence);
    query(server, result.addresses[first_ % result.addresses.size()]);
  });
}

void RedisFinder::resolve(const std::string& host,
                          std::function<void(const net::ResolveResult& result)> then) {
  resolver_.resolve(host, [alive = std::weak_ptr<int>(alive_),
                           then = std::move(then)](const net::ResolveResult& result) {
    if (alive.lock()) then(result);
  });
}

void RedisFinder::query(Server server, base::IpAddress ip) {
  net::RedisQueryRequest request;
  request.address = {{}, ip, server.port};
  request.username = settings_.username;
  request.password = settings_.password;
  request.tls = settings_.tls;
  request.server_name = settings_.server_name.empty() ? server.host : settings_.server_name;
  request.limit = kQuery;
  if (settings_.master.empty())
    request.command = {"CLUSTER", "SLOTS"};
  else
    request.command = {"SENTINEL", "get-master-addr-by-name", settings_.master};
  query_ = std::make_unique<net::RedisQuery>(
      io_, std::move(request), [this, server, ip](const net::RedisQueryResult& result) {
        if (!result.ok) return failed(server, result.sentence);
        if (settings_.master.empty()) return take_slots(server, ip, result.value);
        take_master(server, result.value);
      });
}

void RedisFinder::failed(const Server& server, const std::string& why) {
  why_ = text_of(server) + ": " + why;
  ++at_;
  next();
}

void RedisFinder::take_master(const Server& server, const net::RedisValue& value) {
  const auto port = value.items.size() == 2 ? config::parse_number(value.items[1].text)
                                            : std::optional<std::uint64_t>();
  if (!port || *port == 0 || *port > 65'535 || value.items[0].text.size() > 253)
    return failed(server, "it knows no master " + settings_.master);
  const Server master{value.items[0].text, static_cast<std::uint16_t>(*port)};
  resolve(master.host, [this, master](const net::ResolveResult& result) {
    if (result.status != net::ResolveStatus::ok) return failed(master, result.sentence);
    complained_ = false;
    first_ += at_;
    publish({{{{}, result.addresses.front(), master.port}}, true, nullptr});
  });
}

void RedisFinder::take_slots(const Server& server, base::IpAddress ip,
                             const net::RedisValue& value) {
  const limits::RedisMaster asked{server.host, {{}, ip, server.port}};
  auto table = limits::read_slots(value, asked);
  if (!table) return failed(server, "it tells of no slots");
  complained_ = false;
  reading_ = std::make_shared<limits::SlotTable>(std::move(*table));
  find_names();
}

// One after the other; a master whose name is not found is not asked.
void RedisFinder::find_names() {
  static const base::IpAddress kNone{};
  for (limits::RedisMaster& master : reading_->masters) {
    if (!(master.address.ip == kNone) || master.host.empty()) continue;
    return resolve(master.host, [this, &master](const net::ResolveResult& result) {
      if (result.status == net::ResolveStatus::ok) {
        master.address.ip = result.addresses.front();
      } else {
        logger_.warn("cannot find a master of Redis",
                     {{"name", master.host}, {"reason", result.sentence}});
        master.host.clear();
      }
      find_names();
    });
  }
  RedisPlace place;
  place.slots = std::move(reading_);
  publish(std::move(place));
}

void RedisFinder::publish(RedisPlace place) {
  const bool same = place.addresses == place_.addresses && !place.slots == !place_.slots &&
                    (!place.slots || *place.slots == *place_.slots);
  if (!same) {
    place_ = std::move(place);
    if (place_.slots)
      logger_.info("the slots of Redis are known", {{"masters", place_.slots->masters.size()}});
    else
      logger_.info("the master of Redis is known",
                   {{"address", place_.addresses.front().ip.text() + ":" +
                                    std::to_string(place_.addresses.front().port)}});
    found_(place_);
  }
  done();
}

void RedisFinder::done() {
  looking_ = false;
  const bool known = at_ < candidates_.size();
  if (!known && !std::exchange(complained_, true))
    logger_.warn("nobody says where Redis is", {{"reason", why_}});
  auto pause = !known ? kAfterFailure : settings_.master.empty() ? kClusterEach : kSentinelsEach;
  if (std::exchange(again_, false)) pause = kLeastPause;
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

}  // namespace marquee::store
