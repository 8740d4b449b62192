// A client's field block (RFC 9113 8) as the same RequestHead that HTTP/1.1 gives.
//
// H2FieldBlock gathers the fields as they are decoded, in one pooled block;
// read_h2_request() judges them and makes views of it. What RFC 9113 8.1.1 calls
// malformed is a Refusal for which is_malformed() holds: the stream is reset.
// Other refusals are answered.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/buffer_pool.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {

class H2FieldBlock {
 public:
  // `most`: RFC 9113 6.5.2 counts 32 bytes beside each field. What is beyond is
  // counted, and not kept.
  void add(net::BufferPool& pool, std::size_t most, std::string_view name, std::string_view value);
  // Cookie crumbs are one field again (8.2.3); then nothing is added any more.
  void close(net::BufferPool& pool);
  void clear();
  bool too_large() const { return too_large_; }
  std::size_t list_size() const { return list_size_; }
  bool empty() const { return used_ == 0; }

  // Calls each(name, value) in order, until it returns false.
  template <typename Each>
  void for_each(Each each) const {
    std::size_t at = 0;
    while (at < used_) {
      const Sizes s = sizes_at(at);
      at += sizeof s;
      const std::string_view name(block_.data() + at, s.name);
      const std::string_view value(block_.data() + at + s.name, s.value);
      at += s.name + s.value;
      if (!each(name, value)) return;
    }
  }
  bool has_crumbs() const { return crumbs_ > 1; }
  std::string_view cookie() const { return {block_.data() + cookie_, cookie_size_}; }

 private:
  struct Sizes {
    std::uint32_t name;
    std::uint32_t value;
  };
  Sizes sizes_at(std::size_t at) const;
  void reserve(net::BufferPool& pool, std::size_t size);

  net::Block block_;
  std::size_t used_ = 0;
  std::size_t list_size_ = 0;
  std::size_t cookie_ = 0;  // of several: joined, behind the fields
  std::size_t cookie_size_ = 0;
  std::uint32_t crumbs_ = 0;
  bool too_large_ = false;
};

struct H2HeadLimits {
  std::uint32_t fields = 100;
  std::uint32_t target = 8000;
};

// Fills `head` with views of `block`. `ends`: no body follows.
Refusal read_h2_request(const H2FieldBlock& block, bool ends, const H2HeadLimits& limits,
                        RequestHead& head);
// Trailers: no pseudo-fields, nothing that frames or routes; what ends at a hop
// and what only Marquee may say is dropped.
Refusal read_h2_trailers(const H2FieldBlock& block, std::uint32_t most, FieldTable& trailers);

bool is_malformed(Refusal r);

// RFC 9218 4: urgency 0 to 7 of a `priority` value; 3 where it has none.
std::uint8_t urgency_of(std::string_view priority);

}  // namespace marquee::proxy::http
