#include "net/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>

#include "base/ip.hpp"

namespace marquee::net {
namespace {

std::string openssl_error(const char* otherwise) {
  const unsigned long code = ERR_get_error();
  if (code == 0) return otherwise;
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace

std::shared_ptr<const TlsClientContext> TlsClientContext::make(const std::string& ca_file,
                                                               std::string& error) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (!context) {
    error = openssl_error("no TLS context");
    return nullptr;
  }
  const auto out = std::shared_ptr<const TlsClientContext>(new TlsClientContext(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context)
                         : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    error = "cannot read the authorities in " + ca_file + ": " + openssl_error("no certificate");
    return nullptr;
  }
  return out;
}

TlsClientContext::~TlsClientContext() { SSL_CTX_free(context_); }

TlsClientStream::TlsClientStream(std::shared_ptr<const TlsClientContext> context, int fd,
                                 const std::string& server_name)
    : context_(std::move(context)), ssl_(SSL_new(context_->get())) {
  if (!ssl_) return;
  SSL_set_fd(ssl_, fd);
  SSL_set_connect_state(ssl_);
  if (base::IpAddress::parse(server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), server_name.c_str());
  } else {
    // The macro for it casts in C's way.
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server_name.c_str()));
    SSL_set1_host(ssl_, server_name.c_str());
  }
}

TlsClientStream::~TlsClientStream() { SSL_free(ssl_); }

IoStatus TlsClientStream::status_of(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::closed;
    default:
      return IoStatus::failed;
  }
}

IoStatus TlsClientStream::handshake() {
  if (!ssl_) return IoStatus::failed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? IoStatus::ok : status_of(result);
}

std::string TlsClientStream::error() const {
  const long verified = ssl_ ? SSL_get_verify_result(ssl_) : X509_V_OK;
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  return openssl_error("the peer ended the handshake");
}

IoResult TlsClientStream::read(std::span<char> into) {
  ERR_clear_error();
  const int size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
  const int n = SSL_read(ssl_, into.data(), size);
  if (n > 0) return {IoStatus::ok, static_cast<std::size_t>(n)};
  const IoStatus status = status_of(n);
  readable_ = false;
  return {status, 0};
}

IoResult TlsClientStream::write(std::span<const iovec> parts) {
  std::size_t taken = 0;
  for (const iovec& part : parts) {
    const char* data = static_cast<const char*>(part.iov_base);
    for (std::size_t at = 0; at < part.iov_len;) {
      ERR_clear_error();
      const int size = static_cast<int>(std::min<std::size_t>(part.iov_len - at, INT_MAX));
      const int n = SSL_write(ssl_, data + at, size);
      if (n <= 0) {
        const IoStatus status = status_of(n);
        full_ = status == IoStatus::would_block;
        return {full_ ? IoStatus::ok : IoStatus::failed, taken};
      }
      at += static_cast<std::size_t>(n);
      taken += static_cast<std::size_t>(n);
    }
  }
  full_ = false;
  return {IoStatus::ok, taken};
}

void TlsClientStream::on_readiness(bool readable, bool writable) {
  readable_ |= readable;
  if (writable) full_ = false;
}

void TlsClientStream::shutdown_send() {
  if (ssl_) SSL_shutdown(ssl_);
}

}  // namespace marquee::net
