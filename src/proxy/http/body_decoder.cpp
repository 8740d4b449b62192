#include "proxy/http/body_decoder.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http/head_parser.hpp"

namespace marquee::proxy::http {
namespace {

// All extensions of a body together: they carry nothing that we forward, and a
// body made of them is a flood.
constexpr std::uint64_t max_extension_total = 64u << 10;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Framing and routing after the body is an attack; other fields that must not
// come there (RFC 9110 6.5.1: authentication, content's form, caching, cookies)
// are left out.
bool is_framing(const Field& f) {
  const FieldClass c = field_class(f.id);
  return c == FieldClass::framing || c == FieldClass::hop_by_hop;
}

}  // namespace

bool is_left_out_of_trailers(const Field& f) {
  if (f.twin || field_class(f.id) != FieldClass::end_to_end) return true;
  constexpr std::string_view names[] = {"authorization",
                                        "cookie",
                                        "set-cookie",
                                        "www-authenticate",
                                        "content-encoding",
                                        "content-type",
                                        "content-range",
                                        "content-location",
                                        "cache-control",
                                        "expires",
                                        "age",
                                        "vary",
                                        "location",
                                        "max-forwards",
                                        "range",
                                        "date",
                                        "retry-after",
                                        "x-api-key",
                                        "authentication-info"};
  for (std::string_view n : names)
    if (iequals(f.name, n)) return true;
  return false;
}

Refusal judge_trailer(Field& field) {
  if (is_framing(field)) return Refusal::forbidden_trailer;
  field.dropped = is_left_out_of_trailers(field);
  return Refusal::none;
}

bool parse_chunk_size(std::string_view line, std::uint64_t& size, std::size_t& digits) {
  size = 0;
  digits = 0;
  for (char c : line) {
    const int d = hex_digit(c);
    if (d < 0) break;
    if (++digits > 15) return false;  // 60 bits: cannot overflow, no body is larger
    size = size * 16 + static_cast<std::uint64_t>(d);
  }
  return digits > 0;
}

void BodyDecoder::begin(const BodyFraming& framing, const BodyLimits& limits) {
  limits_ = limits;
  refusal_ = Refusal::none;
  remaining_ = 0;
  extension_bytes_ = 0;
  line_fault_ = LineFault::none;
  partial_.clear();
  trailers_.reset();
  switch (framing.kind) {
    case BodyKind::none:
      state_ = State::done;
      break;
    case BodyKind::length:
      remaining_ = framing.length;
      state_ = remaining_ ? State::length : State::done;
      break;
    case BodyKind::chunked:
      state_ = State::size_line;
      break;
    case BodyKind::until_close:
      state_ = State::until_close;
      break;
  }
}

FieldTable& BodyDecoder::trailers() {
  if (!trailers_) trailers_ = std::make_unique<Trailers>();
  return trailers_->table;
}

BodyDecoder::Step BodyDecoder::refuse(Refusal r) {
  refusal_ = r;
  return {Step::refused, 0, {}};
}

// One CRLF-ended line, joined in partial_ when it comes in pieces.
bool BodyDecoder::next_line(std::string_view in, std::size_t& at, std::size_t limit,
                            std::string_view& line) {
  const std::string_view rest = in.substr(at);
  const std::size_t lf = rest.find('\n');
  const std::size_t piece = lf == std::string_view::npos ? rest.size() : lf + 1;
  if (partial_.size() + piece > limit + 2) {
    line_fault_ = LineFault::too_long;
    return false;
  }
  at += piece;
  if (lf == std::string_view::npos) {
    partial_.append(rest);
    return false;
  }
  if (partial_.empty()) {
    line = rest.substr(0, piece);
  } else {
    partial_.append(rest.substr(0, piece));
    line = partial_;
  }
  if (line.size() < 2 || line[line.size() - 2] != '\r') {
    line_fault_ = LineFault::bare_line_feed;
    line = {};
    return false;
  }
  line.remove_suffix(2);
  return true;
}

// chunk-size [chunk-ext] (RFC 9112 7.1.1). Extensions are checked for control
// bytes and thrown away.
BodyDecoder::Step BodyDecoder::read_size(std::string_view in, std::size_t& at) {
  std::string_view line;
  if (!next_line(in, at, 16 + limits_.chunk_extension, line)) {
    if (line_fault_ == LineFault::none) return {Step::need_more, at, {}};
    return refuse(line_fault_ == LineFault::too_long ? Refusal::chunk_extension_too_long
                                                     : Refusal::bad_chunk);
  }
  std::size_t digits = 0;
  if (!parse_chunk_size(line, remaining_, digits)) return refuse(Refusal::bad_chunk);
  const std::string_view extension = line.substr(digits);
  if (!extension.empty()) {
    const std::size_t first = extension.find_first_not_of(" \t");
    if (first == std::string_view::npos || extension[first] != ';' || !is_field_value(extension))
      return refuse(Refusal::bad_chunk);
    extension_bytes_ += extension.size();
    if (extension.size() > limits_.chunk_extension || extension_bytes_ > max_extension_total)
      return refuse(Refusal::chunk_extension_too_long);
  }
  partial_.clear();
  state_ = remaining_ ? State::chunk : State::trailer;
  return {Step::data, at, {}};
}

// Keeps a copy: the line's bytes are gone after this read.
bool BodyDecoder::read_trailer_line(std::string_view line) {
  if (!trailers_) trailers_ = std::make_unique<Trailers>();
  std::string& bytes = trailers_->bytes;
  if (bytes.capacity() < limits_.trailers) bytes.reserve(limits_.trailers);
  if (bytes.size() + line.size() > limits_.trailers || trailers_->table.size() >= limits_.fields ||
      trailers_->table.full()) {
    refusal_ = Refusal::trailers_too_large;
    return false;
  }
  const std::size_t begin = bytes.size();
  bytes.append(line);
  Field field;
  refusal_ = parse_field_line(std::string_view(bytes).substr(begin), field);
  if (refusal_ == Refusal::none) refusal_ = judge_trailer(field);
  if (refusal_ != Refusal::none) return false;
  trailers_->table.push(field);
  return true;
}

BodyDecoder::Step BodyDecoder::next(std::string_view in) {
  std::size_t at = 0;
  for (;;) {
    switch (state_) {
      case State::done:
        return {Step::end, at, {}};
      case State::length:
      case State::chunk: {
        const auto n = std::min<std::uint64_t>(remaining_, in.size() - at);
        if (n == 0) return {Step::need_more, at, {}};
        return {Step::data, at, in.substr(at, static_cast<std::size_t>(n))};
      }
      case State::until_close:
        if (at == in.size()) return {Step::need_more, at, {}};
        return {Step::data, at, in.substr(at)};
      case State::size_line: {
        const Step s = read_size(in, at);
        if (s.kind != Step::data) return s;
        break;
      }
      case State::chunk_end: {
        std::string_view line;
        if (!next_line(in, at, 0, line)) {
          if (line_fault_ != LineFault::none) return refuse(Refusal::bad_chunk);
          return {Step::need_more, at, {}};
        }
        partial_.clear();
        state_ = State::size_line;
        break;
      }
      case State::trailer: {
        std::string_view line;
        if (!next_line(in, at, limits_.trailers, line)) {
          if (line_fault_ == LineFault::none) return {Step::need_more, at, {}};
          return refuse(line_fault_ == LineFault::too_long ? Refusal::trailers_too_large
                                                           : Refusal::bare_line_feed);
        }
        if (line.empty()) {
          partial_.clear();
          state_ = State::done;
          return {Step::end, at, {}};
        }
        if (!read_trailer_line(line)) return refuse(refusal_);
        partial_.clear();
        break;
      }
    }
  }
}

void BodyDecoder::took(std::size_t bytes) {
  if (state_ == State::until_close) return;
  remaining_ -= bytes;
  if (remaining_ == 0) state_ = state_ == State::length ? State::done : State::chunk_end;
}

}  // namespace marquee::proxy::http
