// A head on its way out: the slices it came in, the overlay of what is dropped,
// and what is added. Each protocol's codec writes it in its own form.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/head.hpp"

namespace marquee::proxy {

struct AddedField {
  std::string_view name;
  std::string_view value;
};

// Fields that are the same for many messages (a domain's tenant fields), with
// their HTTP/1.1 form and their lower-case names (HTTP/2) made once.
class FieldBlock {
 public:
  void add(std::string_view name, std::string_view value);
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
  std::string_view h1() const { return h1_; }
  const std::vector<std::pair<std::string, std::string>>& lower() const { return lower_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
  std::vector<std::pair<std::string, std::string>> lower_;  // names in lower case
  std::string h1_;
};

// What one message gets beside its own fields. The views outlive the message.
class Additions {
 public:
  static constexpr std::size_t capacity = 24;
  void clear() { count_ = blocks_ = 0; }
  void add(std::string_view name, std::string_view value) {
    if (count_ < capacity) added_[count_++] = {name, value};
  }
  void add(const FieldBlock& block) {
    if (blocks_ < block_.size()) block_[blocks_++] = &block;
  }
  // All of that name. A block that holds it is taken apart: false if there is no
  // room for what is left of it.
  bool remove(std::string_view name);
  std::span<const AddedField> fields() const { return {added_.data(), count_}; }
  std::span<const FieldBlock* const> blocks() const { return {block_.data(), blocks_}; }

 private:
  std::size_t count_ = 0;
  std::size_t blocks_ = 0;
  std::array<AddedField, capacity> added_;
  std::array<const FieldBlock*, 6> block_;
};

struct OutgoingRequest {
  std::string_view method;
  std::string_view target;
  std::string_view host;
  const http::FieldTable* fields = nullptr;
  const Additions* additions = nullptr;
  http::BodyFraming body;
  std::string_view upgrade_to;  // empty: no tunnel is asked for
};

struct OutgoingResponse {
  unsigned status = 200;
  std::string_view reason;
  const http::FieldTable* fields = nullptr;
  const Additions* additions = nullptr;
  http::BodyFraming body;       // until_close: length unknown, the codec chooses
  bool bodiless = false;        // HEAD, 1xx, 204, 304: no framing field is added
  std::string_view upgrade_to;  // of a 101
};

}  // namespace marquee::proxy
