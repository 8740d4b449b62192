// A borrowed run of body bytes, valid during the call that carries it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace marquee::proxy {

struct BodySlice {
  const char* data = nullptr;
  std::size_t size = 0;
  // Bytes before `data` that the receiver may overwrite (they are the producer's,
  // and writable): room for a head
  // written right-aligned in front of the body, so that both leave in one
  // record without a copy of the body.
  std::size_t headroom = 0;
  bool flush = false;     // nothing more is at hand now
  bool end = false;       // the last slice; trailers follow apart
  bool bare_end = false;  // with `end`: no trailers will follow
};

}  // namespace marquee::proxy
