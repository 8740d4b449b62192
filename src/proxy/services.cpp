#include "proxy/services.hpp"

#include <ctime>

namespace marquee::proxy {

std::string_view Services::date() {
  const std::int64_t second = turn.wall_ms() / 1000;
  if (second != date_second_) {
    date_second_ = second;
    const auto t = static_cast<std::time_t>(second);
    std::tm tm{};
    ::gmtime_r(&t, &tm);
    std::strftime(date_, sizeof date_, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  }
  return {date_, 29};
}

}  // namespace marquee::proxy
