// Any Accept and Sec-Fetch-Dest: a choice, a quality within bounds, no crash.
#include "proxy/http/accept.hpp"

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee::proxy;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::string_view accept = all.substr(0, all.find('\n'));
  const MediaMatch m = match_media(accept, "text", "html");
  require(m.quality <= 1000 && (m.level != MatchLevel::none || m.quality == 0));
  (void)choose_error_format(accept, all.substr(accept.size()));
  return 0;
}
