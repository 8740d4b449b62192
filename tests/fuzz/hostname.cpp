// The normaliser never crashes, its result obeys the grammar, and normalising
// a result gives the same bytes (so that one name has one spelling).
#include "base/hostname.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace marquee::base;

static void require(bool holds) {
  if (!holds) std::abort();
}

static void check_name(std::string_view name) {
  require(!name.empty() && name.size() <= kMaxHostname);
  std::size_t label = 0;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '.') {
      require(label >= 1 && label <= 63);
      require(name[i - 1] != '-' && name[i - label] != '-');
      label = 0;
      continue;
    }
    const char c = name[i];
    require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    ++label;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string in(reinterpret_cast<const char*>(data), size);
  HostBuffer first;
  const NormalisedHost host = normalise_into(in, first);
  require((host.kind == HostKind::invalid) == (host.error != HostError::none));
  require(host.port >= -1 && host.port <= 65535);
  if (host.kind == HostKind::name) check_name(host.text);
  if (host) {
    HostBuffer second;
    const NormalisedHost again = normalise_into(host.text, second);
    require(again.kind == host.kind && again.text == host.text && again.port == -1);
  }
  const HostnameResult parsed = parse_hostname(in);
  require(parsed.kind == host.kind && parsed.error == host.error && !parsed.why().empty());
  if (parsed) {
    require(parsed.name->text() == host.text);
    if (const auto twin = parsed.name->www_twin()) {
      check_name(twin->text());
      require(twin->www_twin() == *parsed.name);
    }
  }
  if (const HostnameResult wild = parse_wildcard(in)) check_name(wild.name->text());
  return 0;
}
