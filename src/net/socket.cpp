#include "net/socket.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace marquee::net {

void Fd::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::size_t unacknowledged(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

IoResult PlainStream::read(std::span<char> into) {
  for (;;) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    if (n > 0) {
      // Edge-triggered: a short read has drained the socket, and what comes
      // later brings an event of its own; but for an end that came with data.
      if (static_cast<std::size_t>(n) < into.size()) readable_ = hangup_;
      return {IoStatus::ok, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {IoStatus::closed, 0};
    if (errno == EINTR) continue;
    readable_ = false;
    if (errno == EAGAIN) return {IoStatus::would_block, 0};
    return {IoStatus::failed, 0};
  }
}

IoResult PlainStream::write(std::span<const iovec> parts) {
  if (full_) return {IoStatus::ok, 0};
  std::size_t sum = 0;
  for (const iovec& p : parts) sum += p.iov_len;
  for (;;) {
    ssize_t n;
    if (parts.size() == 1) {
      n = ::send(fd_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr m{};
      m.msg_iov = const_cast<iovec*>(parts.data());
      m.msg_iovlen = parts.size();
      n = ::sendmsg(fd_, &m, MSG_NOSIGNAL);
    }
    if (n >= 0) {
      full_ = static_cast<std::size_t>(n) < sum;
      return {IoStatus::ok, static_cast<std::size_t>(n)};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      full_ = true;
      return {IoStatus::ok, 0};
    }
    return {IoStatus::failed, 0};
  }
}

void PlainStream::shutdown_send() { ::shutdown(fd_, SHUT_WR); }

}  // namespace marquee::net
