// The socket's side of an engine: ciphertext in from recv(), records out to
// send(), and the BIO through which OpenSSL reaches both (design 4).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/buffer_pool.hpp"
#include "tls/engine.hpp"

struct bio_st;

namespace marquee::tls {

class Wire {
 public:
  Wire(int fd, EngineBuffers& buffers) : fd_(fd), buffers_(buffers) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // --- in ---
  // What one recv() may bring until the next call of settle().
  void expect(std::size_t bytes);
  // Puts bytes in front that came before the engine was made.
  bool prime(std::span<const char> received);
  // For the BIO: > 0 bytes, 0 at the end of the stream, -1 for "not now" (the
  // BIO's retry flag is to be set) or, with failed(), for a dead socket.
  int take(char* to, int size);
  // Moves what is left in the worker's shared block to a block of our own; call
  // before returning to the caller.
  void settle();
  bool may_take() const { return kept_ || !feed_.empty() || (readable_ && !ended_ && !error_); }
  // The peer's TCP end was seen. While SSL still reads, this is a truncation.
  bool ended() const { return ended_; }

  // --- out ---
  // For the BIO: takes all of `from`, or nothing (-1) when the socket is dead or
  // the peer makes us answer without reading the answers.
  int put(const char* from, int size);
  // Holds records back until flush(), so that they leave in one send().
  void hold() { held_ = true; }
  bool held() const { return held_; }
  // False: the socket is dead. Ends a hold.
  bool flush();
  bool out_empty() const { return !out_; }
  std::size_t out_bytes() const { return out_end_ - out_begin_; }
  // Room for a record of `plaintext` bytes with all that TLS adds to it.
  bool has_room(std::size_t plaintext) const {
    return out_bytes() + plaintext + kRecordOverhead <= net::bytes_of(net::BlockSize::large);
  }

  void on_readiness(bool readable, bool writable) {
    readable_ |= readable;
    writable_ |= writable;
  }
  void on_hangup() { readable_ = hangup_ = true; }
  int error() const { return error_; }  // errno of the socket; 0: none
  bool overflowed() const { return overflowed_; }
  int fd() const { return fd_; }
  EngineBuffers& buffers() { return buffers_; }
  char* scratch();  // the worker's shared block; free outside of reads

  static constexpr std::size_t kRecordOverhead = 256;

 private:
  bool receive();
  bool append(const char* from, std::size_t size);
  std::size_t send_now(const char* from, std::size_t size);

  int fd_;
  EngineBuffers& buffers_;
  std::span<const char> feed_;  // in the shared block; empty between calls
  net::Block kept_;             // ciphertext that OpenSSL has not asked for
  net::Block out_;              // records that have not left
  std::uint32_t kept_begin_ = 0, kept_end_ = 0;
  std::uint32_t out_begin_ = 0, out_end_ = 0;
  std::uint32_t expected_ = 0;
  int error_ = 0;
  // A new socket may be ready already; the first try finds out.
  bool readable_ = true;
  bool writable_ = true;
  bool hangup_ = false;
  bool ended_ = false;
  bool held_ = false;
  bool overflowed_ = false;
};

// A BIO on `wire`, which must outlive it; nullptr when out of memory.
bio_st* new_record_bio(Wire& wire);

}  // namespace marquee::tls
