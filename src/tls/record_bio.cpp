#include "tls/record_bio.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tls/openssl.hpp"

namespace marquee::tls {
namespace {

net::BlockSize class_for(std::size_t bytes) {
  if (bytes <= net::bytes_of(net::BlockSize::small)) return net::BlockSize::small;
  if (bytes <= net::bytes_of(net::BlockSize::medium)) return net::BlockSize::medium;
  return net::BlockSize::large;
}

bool is_would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

char* Wire::scratch() {
  if (!buffers_.ciphertext) buffers_.ciphertext = buffers_.pool.acquire(net::BlockSize::large);
  return buffers_.ciphertext.data();
}

void Wire::expect(std::size_t bytes) {
  constexpr std::size_t least = 4096;
  const std::size_t most = net::bytes_of(net::BlockSize::large);
  expected_ = static_cast<std::uint32_t>(std::clamp(bytes, least, most));
}

bool Wire::prime(std::span<const char> received) {
  if (kept_ || received.size() > net::bytes_of(net::BlockSize::large)) return false;
  if (received.empty()) return true;
  feed_ = received;
  settle();
  return true;
}

bool Wire::receive() {
  char* const block = scratch();
  for (;;) {
    const ssize_t n = ::recv(fd_, block, expected_, 0);
    if (n > 0) {
      feed_ = {block, static_cast<std::size_t>(n)};
      // Less than asked for means drained: the next edge tells of more. Not so
      // behind a hang-up, whose end of stream would make no further edge.
      readable_ = hangup_ || feed_.size() == expected_;
      return true;
    }
    if (n < 0 && errno == EINTR) continue;
    readable_ = false;
    if (n == 0)
      ended_ = true;
    else if (!is_would_block(errno))
      error_ = errno;
    return false;
  }
}

int Wire::take(char* to, int size) {
  const auto wanted = static_cast<std::size_t>(size);
  if (kept_) {
    const std::size_t n = std::min<std::size_t>(wanted, kept_end_ - kept_begin_);
    std::memcpy(to, kept_.data() + kept_begin_, n);
    kept_begin_ += static_cast<std::uint32_t>(n);
    if (kept_begin_ == kept_end_) kept_.reset();
    return static_cast<int>(n);
  }
  if (feed_.empty() && (ended_ || error_ || !readable_ || !receive())) return ended_ ? 0 : -1;
  const std::size_t n = std::min(wanted, feed_.size());
  std::memcpy(to, feed_.data(), n);
  feed_ = feed_.subspan(n);
  return static_cast<int>(n);
}

void Wire::settle() {
  if (feed_.empty()) return;
  // The feed is only read when nothing is kept, so there is nothing to append to.
  kept_ = buffers_.pool.acquire(class_for(feed_.size()));
  std::memcpy(kept_.data(), feed_.data(), feed_.size());
  kept_begin_ = 0;
  kept_end_ = static_cast<std::uint32_t>(feed_.size());
  feed_ = {};
}

std::size_t Wire::send_now(const char* from, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size && writable_) {
    const ssize_t n = ::send(fd_, from + sent, size - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      writable_ = false;
      if (!is_would_block(errno)) error_ = errno;
      break;
    }
    sent += static_cast<std::size_t>(n);
    // A short send filled the socket; the kernel tells when there is room.
    if (sent < size) writable_ = false;
  }
  return sent;
}

bool Wire::append(const char* from, std::size_t size) {
  const std::size_t waiting = out_bytes();
  if (waiting + size > net::bytes_of(net::BlockSize::large)) {
    overflowed_ = true;
    return false;
  }
  if (!out_) {
    out_ = buffers_.pool.acquire(class_for(size));
    out_begin_ = out_end_ = 0;
  } else if (out_end_ + size > out_.size()) {
    if (waiting + size <= out_.size()) {
      std::memmove(out_.data(), out_.data() + out_begin_, waiting);
    } else {
      net::Block larger = buffers_.pool.acquire(class_for(waiting + size));
      std::memcpy(larger.data(), out_.data() + out_begin_, waiting);
      out_ = std::move(larger);
    }
    out_begin_ = 0;
    out_end_ = static_cast<std::uint32_t>(waiting);
  }
  std::memcpy(out_.data() + out_end_, from, size);
  out_end_ += static_cast<std::uint32_t>(size);
  return true;
}

int Wire::put(const char* from, int size) {
  if (error_) return -1;
  // Only the alert about a truncated stream is written after the peer's end;
  // nobody would read it.
  if (ended_) return size;
  const auto bytes = static_cast<std::size_t>(size);
  const std::size_t sent = (held_ || out_) ? 0 : send_now(from, bytes);
  if (error_) return -1;
  if (sent < bytes && !append(from + sent, bytes - sent)) return -1;
  return size;
}

bool Wire::flush() {
  held_ = false;
  if (!out_) return error_ == 0;
  out_begin_ += static_cast<std::uint32_t>(send_now(out_.data() + out_begin_, out_bytes()));
  if (out_begin_ == out_end_ || error_) {
    out_.reset();
    out_begin_ = out_end_ = 0;
  }
  return error_ == 0;
}

namespace {

int bio_read(BIO* bio, char* to, int size) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const int n = wire.take(to, size);
  if (n < 0 && wire.error() == 0) BIO_set_retry_read(bio);
  return n;
}

int bio_write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  return static_cast<Wire*>(BIO_get_data(bio))->put(from, size);
}

long bio_ctrl(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return static_cast<Wire*>(BIO_get_data(bio))->ended() ? 1 : 0;
    default:
      return 0;
  }
}

const BIO_METHOD* record_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "marquee record");
    if (made) {
      BIO_meth_set_read(made, bio_read);
      BIO_meth_set_write(made, bio_write);
      BIO_meth_set_ctrl(made, bio_ctrl);
    }
    return made;
  }();
  return method;
}

}  // namespace

bio_st* new_record_bio(Wire& wire) {
  const BIO_METHOD* method = record_method();
  BIO* bio = method ? BIO_new(method) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace marquee::tls
