// TLS towards a service of the operator's own (Redis), as a byte stream: OpenSSL
// straight on a connected, non-blocking socket. For few, long connections; clients
// and upstreams have tls/engine, which this room may not see.
#pragma once
#include <memory>
#include <string>

#include "net/byte_stream.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace marquee::net {

// What its connections share. Immutable; any thread.
class TlsClientContext {
 public:
  // `ca_file`: PEM; empty: the system's authorities. Null with a sentence in `error`.
  static std::shared_ptr<const TlsClientContext> make(const std::string& ca_file,
                                                      std::string& error);
  ~TlsClientContext();
  ssl_ctx_st* get() const { return context_; }

 private:
  explicit TlsClientContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

// `fd` is owned by the caller and outlives the stream.
class TlsClientStream final : public ByteStream {
 public:
  // The certificate must be for `server_name`: a DNS name or an IP address.
  TlsClientStream(std::shared_ptr<const TlsClientContext> context, int fd,
                  const std::string& server_name);
  ~TlsClientStream() override;

  // Before read() and write(): ok when the handshake is done.
  IoStatus handshake();
  // Of a handshake that failed.
  std::string error() const;

  IoResult read(std::span<char> into) override;
  // A part that was refused with bytes < its size has to be offered again first.
  IoResult write(std::span<const iovec> parts) override;
  IoResult on_writable() override { return {full_ ? IoStatus::would_block : IoStatus::ok, 0}; }
  std::size_t pending_out() const override { return full_ ? 1 : 0; }
  void on_readiness(bool readable, bool writable) override;
  bool may_read() const override { return readable_; }
  void shutdown_send() override;

 private:
  IoStatus status_of(int result);

  std::shared_ptr<const TlsClientContext> context_;
  ssl_st* ssl_;
  bool readable_ = true;
  bool full_ = false;
};

}  // namespace marquee::net
