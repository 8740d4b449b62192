#include "app/access_service.hpp"

namespace marquee::app {

AccessService::AccessService(boost::asio::io_context& control, base::Logger& logger,
                             Publish publish)
    : control_(control), logger_(logger), publish_(std::move(publish)) {}

AccessService::~AccessService() = default;

AccessService::Issuers AccessService::apply(const config::Settings& settings) {
  issuers_ =
      std::make_shared<const identity::Issuers>(identity::make_issuers(settings.access.tokens));
  return issuers_;
}

void AccessService::key_missing(std::size_t) {}

}  // namespace marquee::app
