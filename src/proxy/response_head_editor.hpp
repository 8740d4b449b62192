// What filters see of an answer's head: the slices it came in with their drop
// overlay, and what was added to them. Strings of filters are copied into the
// exchange's arena. Pure.
#pragma once
#include "proxy/arena.hpp"
#include "proxy/filter/response_filter.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

class ResponseHeadEditor final : public ResponseHeadEdit {
 public:
  ResponseHeadEditor(http::ResponseHead& head, Additions& additions, Arena& arena)
      : head_(head), additions_(additions), arena_(arena) {}

  void begin() { refused_ = false; }
  // Something could not be written: a table is full, a name or value is none, or
  // it is the codec's to write (framing, connection). The head is not fit to send.
  bool refused() const { return refused_; }
  // The views of the head move into the arena: it outlives the bytes it came in.
  void keep();

  unsigned status() const override { return head_.status; }
  std::string_view field(std::string_view name) const override;
  void set(std::string_view name, std::string_view value) override;
  void remove(std::string_view name) override;
  std::optional<std::uint64_t> content_length() const override;
  void set_content_length(std::optional<std::uint64_t> length) override;

 private:
  http::ResponseHead& head_;
  Additions& additions_;
  Arena& arena_;
  bool refused_ = false;
};

}  // namespace marquee::proxy
