#include "proxy/message_writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace marquee::proxy {
namespace {

// Chunks gathered at most: what fits one TLS record.
constexpr std::size_t kMostGathered = 16384;
constexpr std::size_t kMostChunkLine = 18;

// "1a2b\r\n" into `out` (18 bytes); returns its length.
std::size_t chunk_line(std::uint64_t size, char* out) {
  constexpr char digits[] = "0123456789abcdef";
  std::array<char, 16> reversed;
  std::size_t n = 0;
  do {
    reversed[n++] = digits[size & 15];
    size >>= 4;
  } while (size);
  for (std::size_t i = 0; i < n; ++i) out[i] = reversed[n - 1 - i];
  out[n] = '\r';
  out[n + 1] = '\n';
  return n + 2;
}

iovec part(std::string_view s) { return {const_cast<char*>(s.data()), s.size()}; }

}  // namespace

void MessageWriter::reset() {
  head_ = {};
  framing_ = {};
  remaining_ = written_ = 0;
  kept_.clear();
  gathered_ = {};
  failed_ = full_ = gathers_ = ended_ = false;
}

void MessageWriter::begin(std::string_view head, const http::BodyFraming& framing, bool gathers) {
  head_ = head;
  framing_ = framing;
  gathers_ = gathers;
  ended_ = false;
  remaining_ = framing.kind == http::BodyKind::length ? framing.length : 0;
  written_ = 0;
}

std::size_t MessageWriter::send(net::ByteStream& stream, std::string_view own,
                                std::string_view borrowed, std::string_view tail) {
  if (failed_) return 0;
  std::size_t taken = 0;
  if (kept_.empty()) {
    std::array<iovec, 3> parts;
    std::size_t count = 0;
    for (std::string_view s : {own, borrowed, tail})
      if (!s.empty()) parts[count++] = part(s);
    if (count == 0) return 0;
    const net::IoResult r = stream.write({parts.data(), count});
    if (r.status == net::IoStatus::failed) {
      failed_ = true;
      return 0;
    }
    taken = r.bytes;
    written_ += taken;
  }
  full_ = taken < own.size() + borrowed.size() + tail.size();
  if (taken < own.size()) {
    kept_.append(own.substr(taken));
    written_ += own.size() - taken;
    return 0;
  }
  taken -= own.size();
  if (taken < borrowed.size()) return taken;
  const std::size_t tail_taken = taken - borrowed.size();
  if (tail_taken < tail.size()) {
    kept_.append(tail.substr(tail_taken));
    written_ += tail.size() - tail_taken;
  }
  return borrowed.size();
}

// Moves `head` in front of the slice when there is room: one contiguous run.
std::size_t MessageWriter::body(net::ByteStream& stream, const BodySlice& slice) {
  if (framing_.kind == http::BodyKind::chunked) return body_in_chunks(stream, slice);
  std::string_view data(slice.data, slice.size);
  if (framing_.kind == http::BodyKind::length) data = data.substr(0, remaining_);
  std::size_t taken = 0;
  if (!head_.empty() && kept_.empty() && slice.headroom >= head_.size() && !data.empty()) {
    const std::size_t head = head_.size();
    char* const begin = const_cast<char*>(slice.data) - head;
    std::memcpy(begin, head_.data(), head);
    head_ = {};
    const std::size_t n = send(stream, {}, {begin, head + data.size()}, {});
    if (n < head && !failed_) {
      kept_.append(begin + n, head - n);
      written_ += head - n;
    }
    taken = n > head ? n - head : 0;
  } else {
    const std::string_view head = head_;
    head_ = {};
    taken = send(stream, head, data, {});
  }
  if (framing_.kind == http::BodyKind::length) remaining_ -= taken;
  return taken;
}

// One chunk per slice. A slice taken in part leaves its chunk open: the next
// bytes belong to it, and its CRLF comes with the last of them.
std::size_t MessageWriter::body_in_chunks(net::ByteStream& stream, const BodySlice& slice) {
  if (slice.size == 0) {
    flush(stream);
    return 0;
  }
  if (gather(stream, slice)) return slice.size;
  std::string own = take_gathered();  // empty after the first slice: no allocation
  if (remaining_ == 0) {
    std::array<char, kMostChunkLine> line;
    own.append(line.data(), chunk_line(slice.size, line.data()));
    remaining_ = slice.size;
  }
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(slice.size, remaining_));
  const bool closes = n == remaining_;
  const bool ends = closes && n == slice.size && slice.end && slice.bare_end;
  const std::size_t taken = send(stream, own, {slice.data, n},
                                 ends     ? "\r\n0\r\n\r\n"
                                 : closes ? "\r\n"
                                          : "");
  remaining_ -= taken;
  ended_ = ends && taken == n;
  if (taken < n || n == slice.size || full(stream) || failed_) return taken;
  // An open chunk was finished; the rest of the slice is a chunk of its own.
  BodySlice rest = slice;
  rest.data += n;
  rest.size -= n;
  return n + body_in_chunks(stream, rest);
}

// A chunk that more follows in the same event waits for it: copying it is cheaper
// than a write of its own.
bool MessageWriter::gather(const net::ByteStream& stream, const BodySlice& slice) {
  const std::size_t size = gathered_.size() + head_.size() + slice.size + kMostChunkLine + 2;
  if (!gathers_ || slice.flush || slice.end || size > kMostGathered || remaining_ != 0 ||
      full(stream) || failed_)
    return false;
  if (gathered_.capacity() < kMostGathered) gathered_.reserve(kMostGathered);
  std::array<char, kMostChunkLine> line;
  gathered_.append(std::exchange(head_, {}));
  gathered_.append(line.data(), chunk_line(slice.size, line.data()));
  gathered_.append(slice.data, slice.size).append("\r\n");
  return true;
}

// What stands in front of the next bytes.
std::string MessageWriter::take_gathered() {
  std::string own = std::exchange(gathered_, {});
  own.append(std::exchange(head_, {}));
  return own;
}

void MessageWriter::end(net::ByteStream& stream, const http::FieldTable* trailers) {
  if (framing_.kind != http::BodyKind::chunked || ended_) return flush(stream);
  std::string own = take_gathered();
  own.append("0\r\n");
  if (trailers)
    for (const http::Field& f : *trailers)
      if (!f.dropped) own.append(f.name).append(": ").append(f.value).append("\r\n");
  own.append("\r\n");
  send(stream, own, {}, {});
}

void MessageWriter::flush(net::ByteStream& stream) {
  if (!gathered_.empty()) send(stream, take_gathered(), {}, {});
  const std::string_view head = std::exchange(head_, {});
  if (!head.empty()) send(stream, head, {}, {});
}

void MessageWriter::raw(net::ByteStream& stream, std::string_view bytes) {
  send(stream, bytes, {}, {});
}

bool MessageWriter::on_writable(net::ByteStream& stream) {
  const net::IoResult r = stream.on_writable();
  if (r.status == net::IoStatus::failed) {
    failed_ = true;
    return false;
  }
  if (r.status == net::IoStatus::would_block) return false;
  if (kept_.empty()) {
    full_ = false;
    return true;
  }
  const iovec iov = part(kept_);
  const net::IoResult w = stream.write({&iov, 1});
  if (w.status == net::IoStatus::failed) {
    failed_ = true;
    return false;
  }
  kept_.erase(0, w.bytes);
  if (!kept_.empty()) return false;
  if (kept_.capacity() > 4096) kept_.shrink_to_fit();
  full_ = stream.pending_out() > 0;
  return !full_;
}

}  // namespace marquee::proxy
