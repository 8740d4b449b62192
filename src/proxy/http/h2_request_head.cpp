#include "proxy/http/h2_request_head.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/http/framing.hpp"
#include "proxy/http/h2_field_rules.hpp"
#include "proxy/http/head_parser.hpp"

namespace marquee::proxy::http {

H2FieldBlock::Sizes H2FieldBlock::sizes_at(std::size_t at) const {
  Sizes s;
  std::memcpy(&s, block_.data() + at, sizeof s);
  return s;
}

void H2FieldBlock::reserve(net::BufferPool& pool, std::size_t size) {
  if (block_ && used_ + size <= block_.size()) return;
  net::Block larger = pool.acquire(net::smallest_block(used_ + size));
  if (used_) std::memcpy(larger.data(), block_.data(), used_);
  block_ = std::move(larger);
}

void H2FieldBlock::add(net::BufferPool& pool, std::size_t most, std::string_view name,
                       std::string_view value) {
  list_size_ += name.size() + value.size() + 32;
  // The block's own bound: the largest holds twice what settings allow at most.
  const std::size_t need = sizeof(Sizes) + name.size() + value.size();
  if (list_size_ > most || used_ + need > net::bytes_of(net::BlockSize::large)) too_large_ = true;
  if (too_large_) return;
  reserve(pool, need);
  const Sizes s{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())};
  char* to = block_.data() + used_;
  std::memcpy(to, &s, sizeof s);
  if (!name.empty()) std::memcpy(to + sizeof s, name.data(), name.size());
  if (!value.empty()) std::memcpy(to + sizeof s + name.size(), value.data(), value.size());
  used_ += need;
  if (name == "cookie") {
    ++crumbs_;
    if (!value.empty()) cookie_size_ += value.size() + 2;
  }
}

void H2FieldBlock::close(net::BufferPool& pool) {
  if (crumbs_ < 2 || cookie_size_ == 0 || too_large_) {
    cookie_size_ = 0;
    return;
  }
  if (used_ + cookie_size_ > net::bytes_of(net::BlockSize::large)) {
    too_large_ = true;
    return;
  }
  reserve(pool, cookie_size_);
  cookie_ = used_;
  char* to = block_.data() + used_;
  for_each([&to](std::string_view name, std::string_view value) {
    // An empty one would leave a space at the end, which no value may have.
    if (name != "cookie" || value.empty()) return true;
    std::memcpy(to, value.data(), value.size());
    std::memcpy(to + value.size(), "; ", 2);
    to += value.size() + 2;
    return true;
  });
  cookie_size_ -= 2;
}

void H2FieldBlock::clear() {
  block_.reset();
  used_ = list_size_ = cookie_ = cookie_size_ = 0;
  crumbs_ = 0;
  too_large_ = false;
}

namespace {

// RFC 9113 8.2.2, with what TE may say.
bool is_of_the_connection(const Field& f) {
  return belongs_to_a_connection(f) || (f.id == FieldId::te && !iequals(f.value, "trailers"));
}

class Reader {
 public:
  Reader(const H2FieldBlock& block, bool ends, const H2HeadLimits& limits, RequestHead& head)
      : block_(block), ends_(ends), limits_(limits), head_(head) {}

  Refusal run() {
    head_.h2 = true;
    head_.method = Method::other;
    Refusal fault = Refusal::none;
    block_.for_each([&](std::string_view name, std::string_view value) {
      fault = is_pseudo_field(name) ? pseudo(name, value) : regular(name, value);
      return fault == Refusal::none;
    });
    // For the record, as far as it was read.
    head_.method_name = method_;
    head_.target = path_;
    head_.host = authority_;
    if (fault != Refusal::none) return fault;
    if (const Refusal r = judge_pseudo(); r != Refusal::none) return r;
    if (const Refusal r = judge_host(); r != Refusal::none) return r;
    if (const Refusal r = judge_body(); r != Refusal::none) return r;
    return late_;
  }

 private:
  Refusal pseudo(std::string_view name, std::string_view value) {
    static constexpr std::string_view known[] = {":method", ":scheme", ":authority", ":path",
                                                 ":protocol"};
    std::string_view* const places[] = {&method_, &scheme_, &authority_, &path_, &protocol_};
    for (std::size_t i = 0; i < std::size(known); ++i) {
      if (name != known[i]) continue;
      const unsigned bit = 1u << i;
      if (regular_seen_ || (seen_ & bit)) return Refusal::bad_pseudo_fields;
      if (!is_h2_value(value)) return Refusal::bad_field_value;
      seen_ |= bit;
      *places[i] = value;
      return Refusal::none;
    }
    return Refusal::bad_pseudo_fields;
  }

  Refusal regular(std::string_view name, std::string_view value) {
    regular_seen_ = true;
    Field f;
    if (const Refusal r = read_h2_field(name, value, f); r != Refusal::none) return r;
    const FieldClass what = field_class(f.id);
    f.dropped = f.twin ? what != FieldClass::end_to_end
                       : what == FieldClass::hop_by_hop || what == FieldClass::framing;
    if (f.id == FieldId::other && name == "cookie" && block_.has_crumbs()) {
      if (joined_) return Refusal::none;
      joined_ = true;
      f.value = block_.cookie();
    }
    if (!f.twin && f.id != FieldId::other) {
      if (is_of_the_connection(f)) return Refusal::connection_field;
      if (f.id == FieldId::host && host_) return Refusal::repeated_host;
      if (f.id == FieldId::content_length && length_) return Refusal::repeated_content_length;
    }
    if (head_.fields.size() >= limits_.fields || head_.fields.full()) {
      late_ = Refusal::too_many_fields;
      return Refusal::none;
    }
    const Field& kept = head_.fields.push(f);
    if (f.twin) return Refusal::none;
    if (f.id == FieldId::host) host_ = &kept;
    if (f.id == FieldId::content_length) length_ = &kept;
    if (f.id == FieldId::expect) expect_ = &kept;
    return Refusal::none;
  }

  bool has(std::size_t i) const { return (seen_ & 1u << i) != 0; }

  Refusal judge_pseudo() {
    if (!has(0) || method_.size() > 32 || !is_token(method_)) return Refusal::bad_method;
    head_.method = method_of(method_);
    const bool extended = has(4);
    if (extended && head_.method != Method::connect) return Refusal::bad_pseudo_fields;
    if (head_.method == Method::connect && !extended) {
      // RFC 9113 8.5: an authority alone.
      if (has(1) || has(3) || authority_.empty()) return Refusal::bad_pseudo_fields;
      late_ = Refusal::unsupported_method;
      return Refusal::none;
    }
    if (!has(1) || !has(3) || path_.empty()) return Refusal::bad_pseudo_fields;
    if (!iequals(scheme_, "https") && !iequals(scheme_, "http")) return Refusal::bad_pseudo_fields;
    if (path_.size() > limits_.target) {
      late_ = Refusal::target_too_long;
      return Refusal::none;
    }
    if (!is_target(path_)) return Refusal::bad_target;
    head_.form = TargetForm::origin;
    head_.path = path_;
    if (path_ == "*" && head_.method == Method::options)
      head_.form = TargetForm::asterisk;
    else if (path_.front() != '/')
      return Refusal::bad_pseudo_fields;
    if (head_.method == Method::trace) late_ = Refusal::unsupported_method;
    if (extended) as_upgrade();
    return Refusal::none;
  }

  // RFC 8441 5: what upstreams know as a GET with Upgrade.
  void as_upgrade() {
    if (!iequals(protocol_, "websocket")) {
      late_ = Refusal::unsupported_method;
      return;
    }
    head_.method = Method::get;
    head_.method_name = "GET";
    head_.upgrade = true;
    head_.upgrade_to = "websocket";
  }

  Refusal judge_host() {
    if (has(2) && (authority_.empty() || authority_.find('@') != std::string_view::npos))
      return Refusal::bad_pseudo_fields;
    if (host_ && has(2) && !iequals(host_->value, authority_)) return Refusal::host_mismatch;
    head_.host = has(2) ? authority_ : host_ ? host_->value : std::string_view{};
    return head_.host.empty() ? Refusal::missing_host : Refusal::none;
  }

  Refusal judge_body() {
    if (length_ && !parse_content_length(length_->value, head_.body.length))
      return Refusal::bad_content_length;
    if (head_.upgrade) {
      if (length_) return Refusal::bad_content_length;
    } else if (ends_) {
      if (length_ && head_.body.length != 0) return Refusal::length_mismatch;
    } else {
      head_.body.kind = length_ ? BodyKind::length : BodyKind::chunked;
    }
    if (expect_) {
      if (!iequals(expect_->value, "100-continue")) late_ = Refusal::bad_expect;
      head_.expects_continue = head_.body.kind != BodyKind::none;
    }
    return Refusal::none;
  }

  const H2FieldBlock& block_;
  bool ends_;
  H2HeadLimits limits_;
  RequestHead& head_;
  std::string_view method_, scheme_, authority_, path_, protocol_;
  unsigned seen_ = 0;
  bool regular_seen_ = false;
  bool joined_ = false;
  const Field* host_ = nullptr;
  const Field* length_ = nullptr;
  const Field* expect_ = nullptr;
  Refusal late_ = Refusal::none;  // answered, if nothing is malformed
};

}  // namespace

Refusal read_h2_request(const H2FieldBlock& block, bool ends, const H2HeadLimits& limits,
                        RequestHead& head) {
  const Refusal r = Reader(block, ends, limits, head).run();
  if (r == Refusal::none && block.too_large()) return Refusal::head_too_large;
  return is_malformed(r) && block.too_large() ? Refusal::head_too_large : r;
}

Refusal read_h2_trailers(const H2FieldBlock& block, std::uint32_t most, FieldTable& trailers) {
  if (block.too_large()) return Refusal::trailers_too_large;
  Refusal fault = Refusal::none;
  block.for_each([&](std::string_view name, std::string_view value) {
    Field f;
    fault = trailers.size() >= most || trailers.full() ? Refusal::trailers_too_large
                                                       : read_h2_trailer(name, value, f);
    if (fault == Refusal::none) trailers.push(f);
    return fault == Refusal::none;
  });
  return fault;
}

bool is_malformed(Refusal r) {
  switch (r) {
    case Refusal::bad_method:
    case Refusal::bad_target:
    case Refusal::bad_field_name:
    case Refusal::bad_field_value:
    case Refusal::missing_host:
    case Refusal::repeated_host:
    case Refusal::host_mismatch:
    case Refusal::bad_content_length:
    case Refusal::repeated_content_length:
    case Refusal::forbidden_trailer:
    case Refusal::bad_pseudo_fields:
    case Refusal::connection_field:
    case Refusal::length_mismatch:
      return true;
    default:
      return false;
  }
}

std::uint8_t urgency_of(std::string_view priority) {
  std::uint8_t urgency = 3;
  for_each_member(priority, [&urgency](std::string_view m) {
    if (m.size() >= 3 && m[0] == 'u' && m[1] == '=' && m[2] >= '0' && m[2] <= '7' &&
        (m.size() == 3 || m[3] == ';'))
      urgency = static_cast<std::uint8_t>(m[2] - '0');
    return true;
  });
  return urgency;
}

}  // namespace marquee::proxy::http
