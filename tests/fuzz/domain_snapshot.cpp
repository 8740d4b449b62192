// Contents of a snapshot file in any bytes: refused, or read within their bounds, and
// what was read can be written and read again.
#include "routing/domain_snapshot.hpp"

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee::routing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_snapshot_certificate(bytes);
  const auto read = decode_snapshot(bytes);
  if (!read) return 0;
  SnapshotEncoder encoder(read->directory, read->sites_base, read->written, 64u << 20);
  for (const SnapshotDomain& domain : read->domains) require(encoder.add(domain));
  for (const auto& place : read->certificates) {
    require(place.size <= size && place.offset <= size - place.size);
    if (const auto certificate =
            decode_snapshot_certificate(bytes.substr(place.offset, place.size)))
      require(encoder.add(*certificate));
  }
  const std::string again = encoder.finish();
  const auto second = decode_snapshot(again);
  require(second && second->domains.size() == read->domains.size());
  for (std::size_t i = 0; i < read->domains.size(); ++i) {
    const auto& a = read->domains[i].answer.rows;
    const auto& b = second->domains[i].answer.rows;
    require(a.size() == b.size());
    for (std::size_t j = 0; j < a.size(); ++j) require(*a[j] == *b[j]);
  }
  return 0;
}
