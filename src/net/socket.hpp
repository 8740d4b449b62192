// An owned descriptor, and a plain connected socket as a byte stream.
#pragma once
#include <utility>

#include "net/byte_stream.hpp"

namespace marquee::net {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) {
      close();
      fd_ = std::exchange(o.fd_, -1);
    }
    return *this;
  }
  ~Fd() { close(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close();

 private:
  int fd_ = -1;
};

// Bytes sent that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).
std::size_t unacknowledged(int fd);

// `fd` is owned by the caller and outlives the stream.
class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> parts) override;
  IoResult on_writable() override { return {full_ ? IoStatus::would_block : IoStatus::ok, 0}; }
  std::size_t pending_out() const override { return full_ ? 1 : 0; }
  std::size_t untaken() const override { return unacknowledged(fd_); }
  void on_readiness(bool readable, bool writable) override {
    readable_ |= readable;
    if (writable) full_ = false;
  }
  void on_hangup() override { readable_ = hangup_ = true; }
  bool may_read() const override { return readable_; }
  void shutdown_send() override;

 private:
  int fd_;
  bool readable_ = false;
  bool hangup_ = false;
  bool full_ = false;
};

}  // namespace marquee::net
