#include "proxy/coding/codec.hpp"

#include <array>

#include "proxy/coding/codec_parts.hpp"
#include "proxy/http/field_id.hpp"

namespace marquee::proxy {

std::string_view name(Coding coding) {
  constexpr std::array<std::string_view, 5> names{"identity", "gzip", "br", "zstd", "unknown"};
  return names[static_cast<std::size_t>(coding)];
}

Coding parse_coding(std::string_view value) {
  if (value.empty() || http::iequals(value, "identity")) return Coding::identity;
  if (http::iequals(value, "gzip") || http::iequals(value, "x-gzip")) return Coding::gzip;
  if (http::iequals(value, "br")) return Coding::br;
  if (http::iequals(value, "zstd")) return Coding::zstd;
  return Coding::unknown;
}

std::unique_ptr<Codec> make_encoder(Coding coding, unsigned level) {
  switch (coding) {
    case Coding::gzip:
      return make_gzip_encoder(level);
    case Coding::br:
      return make_brotli_encoder(level);
    case Coding::zstd:
      return make_zstd_encoder(level);
    default:
      return nullptr;
  }
}

std::unique_ptr<Codec> make_decoder(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return make_gzip_decoder();
    case Coding::br:
      return make_brotli_decoder();
    case Coding::zstd:
      return make_zstd_decoder();
    default:
      return nullptr;
  }
}

}  // namespace marquee::proxy
