// What /v1/limits tells and does, of a running process. Counters of the common store
// are read through a worker's connection, by the same question that requests ask:
// neither the control thread nor a worker waits.
#pragma once
#include <boost/asio/io_context.hpp>
#include <list>
#include <memory>

#include "admin/limit_port.hpp"
#include "app/limit_service.hpp"

namespace marquee::app {

// On the control thread; destroyed when no worker runs any more.
class LimitInspection final : public admin::LimitPort {
 public:
  LimitInspection(boost::asio::io_context& control, LimitService& limits);
  ~LimitInspection() override;

  // admin::LimitPort
  admin::LimitsStatus limits() override;
  void look(admin::LimitKey key, std::function<void(admin::LimitKeyState)> done) override;
  void reset(admin::LimitKey key, std::function<void(admin::LimitKeyState)> done) override;

 private:
  class Inquiry;
  using Done = std::function<void(admin::LimitKeyState)>;
  void begin(const admin::LimitKey& key, bool forget, Done done);
  void finished(Inquiry& inquiry);

  boost::asio::io_context& control_;
  LimitService& limits_;
  std::list<std::unique_ptr<Inquiry>> under_way_;
};

}  // namespace marquee::app
