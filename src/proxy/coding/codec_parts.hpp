// The codings, one file each: their libraries' headers stay there.
#pragma once
#include <memory>

#include "proxy/coding/codec.hpp"

namespace marquee::proxy {

std::unique_ptr<Codec> make_gzip_encoder(unsigned level);
std::unique_ptr<Codec> make_gzip_decoder();
std::unique_ptr<Codec> make_brotli_encoder(unsigned level);
std::unique_ptr<Codec> make_brotli_decoder();
std::unique_ptr<Codec> make_zstd_encoder(unsigned level);
std::unique_ptr<Codec> make_zstd_decoder();

}  // namespace marquee::proxy
