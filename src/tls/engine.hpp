// TLS over a non-blocking socket: SSL with a BIO of our own (design 4).
//
// In:  on readiness ciphertext is read into the worker's shared buffer and fed
//      to OpenSSL; what a partial record leaves is kept in a pooled block.
// Out: a record goes straight from OpenSSL's buffer to send(); above 16 KiB
//      records are collected into a pooled block and sent once. What send()
//      does not take waits in a bounded pooled block, and write() says full.
// OpenSSL is not visible here, so that another library can stand behind it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/buffer_pool.hpp"
#include "net/byte_stream.hpp"

namespace marquee::tls {

class ServerContext;  // tls/context.hpp: one per TLS policy, shared by all workers
class ClientContext;
class Admission;  // tls/admission.hpp: who may have a handshake, with which certificate

enum class Handshake : std::uint8_t {
  done,
  want_io,    // call again after the next readiness event
  suspended,  // a certificate load runs; call again when its waiter is told
  failed,     // error() says why; the alert, if any, was sent
};

// What of the handshake the access log, metrics and policies want to know.
struct SessionInfo {
  std::string sni;           // lower case, no trailing dot; empty when none or not printable
  std::string_view version;  // "TLSv1.3"
  std::string_view cipher;
  std::string_view alpn;  // "http/1.1", "" when none was agreed
  bool resumed = false;
};

// Scratch memory of one worker, shared by its engines; used within one call only.
struct EngineBuffers {
  net::BufferPool& pool;
  net::Block ciphertext;  // large; filled by recv, drained before the call returns
};

class Engine final : public net::ByteStream {
 public:
  // `fd` (non-blocking) stays owned by the caller and outlives the engine, as do
  // context, admission and buffers. `waiter` names the connection to Admission
  // when a load must be awaited ({slot, generation}). An engine whose SSL object
  // could not be made (out of memory) fails in handshake().
  Engine(const ServerContext& context, Admission& admission, std::uint64_t waiter, int fd,
         EngineBuffers& buffers);
  // `server_name` is sent as SNI and verified; an IP address is verified only.
  Engine(const ClientContext& context, std::string_view server_name, int fd,
         EngineBuffers& buffers);
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Bytes that the caller received before the engine (behind a PROXY header).
  // Once, before handshake(); at most a large block. False: too many.
  bool prime(std::span<const char> received);

  Handshake handshake();
  const SessionInfo& info() const;  // valid after `done`; sni also after `failed`
  std::string_view error() const;   // OpenSSL's reason or our own, for the log

  // closed: close_notify came. failed: also when TCP ended without it, since the
  // bytes may have been cut short (RFC 8446 section 6.1).
  net::IoResult read(std::span<char> into) override;
  // {ok, 0} when earlier bytes still wait (see on_writable).
  net::IoResult write(std::span<const iovec> parts) override;
  net::IoResult on_writable() override;
  std::size_t pending_out() const override;
  std::size_t untaken() const override;
  void on_readiness(bool readable, bool writable) override;
  void on_hangup() override;
  bool may_read() const override;
  void shutdown_send() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace marquee::tls
