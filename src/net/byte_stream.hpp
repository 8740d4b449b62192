// A non-blocking, connected stream of bytes: a plain socket or a TLS engine on
// one. Drivers see only this, so a protocol is written once for both.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace marquee::net {

enum class IoStatus : std::uint8_t {
  ok,           // `bytes` were moved
  would_block,  // nothing now; call again after the next readiness event
  closed,       // read only: the peer ended its side in order (FIN, close_notify)
  failed,       // reset, protocol error; the stream is dead (errno / TLS error kept by the stream)
};

struct IoResult {
  IoStatus status = IoStatus::would_block;
  std::size_t bytes = 0;
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Reads at most `into.size()` bytes. `ok` always moves at least one byte.
  // After `ok` with fewer bytes than asked the caller may still call again.
  virtual IoResult read(std::span<char> into) = 0;

  // Takes bytes in order from `parts` (at most 4). `ok` with bytes < the sum
  // means the stream is full: call on_writable() on readiness, then go on.
  // Bytes taken are never asked for again.
  virtual IoResult write(std::span<const iovec> parts) = 0;

  // Called on a writability event before writing again. `ok` when all bytes
  // taken earlier have left for the kernel, `would_block` otherwise.
  virtual IoResult on_writable() = 0;

  // Bytes that were taken by write() and have not left for the kernel yet.
  virtual std::size_t pending_out() const = 0;

  // Bytes on their way out that the peer has not acknowledged: with us, and in the
  // kernel. May be a system call; for watching slow readers.
  virtual std::size_t untaken() const { return pending_out(); }

  // Called once per readiness event with what epoll said, so that the stream
  // knows that its socket is worth trying again.
  virtual void on_readiness(bool readable, bool writable) = 0;

  // Called when epoll said RDHUP or HUP. An end of stream that came together
  // with data makes no edge of its own: from now on a read that got less than
  // it asked for does not count as "drained", and read() goes on to the end.
  virtual void on_hangup() {}

  // True when read() may deliver without a further readiness event.
  virtual bool may_read() const = 0;

  // Ends our sending side in order (TLS close_notify, then shutdown(SHUT_WR)).
  virtual void shutdown_send() = 0;
};

}  // namespace marquee::net
