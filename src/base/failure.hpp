// What went wrong, whose fault it was, and whether trying again may help.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::base {

enum class FailureSource : std::uint8_t { client, upstream, dependency, self };

struct Failure {
  FailureSource source = FailureSource::self;
  bool retryable = false;
  std::string sentence;  // for a human; never sent to a client
};

constexpr std::string_view name(FailureSource s) {
  switch (s) {
    case FailureSource::client:
      return "client";
    case FailureSource::upstream:
      return "upstream";
    case FailureSource::dependency:
      return "dependency";
    case FailureSource::self:
      return "self";
  }
  return "self";
}

}  // namespace marquee::base
