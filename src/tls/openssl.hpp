// Owners for OpenSSL's objects, and its errors as text. For the .cpp files of
// this room only.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace marquee::tls {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;

// The newest error of this thread's queue that says something, in OpenSSL's
// words; empties the queue. OpenSSL 3.2 and later put a "record layer failure"
// behind the cause.
inline std::string take_openssl_error() {
  unsigned long code = 0;
  while (const unsigned long next = ERR_get_error()) {
#ifdef SSL_R_RECORD_LAYER_FAILURE
    if (code != 0 && ERR_GET_LIB(next) == ERR_LIB_SSL &&
        ERR_GET_REASON(next) == SSL_R_RECORD_LAYER_FAILURE) {
      continue;
    }
#endif
    code = next;
  }
  if (code == 0) return "unknown error";
  const char* reason = ERR_reason_error_string(code);
  std::string text;
  if (reason) {
    text = reason;
  } else {
    char buffer[128];
    ERR_error_string_n(code, buffer, sizeof buffer);
    text = buffer;
  }
  return text;
}

// SSL_get_error is only right when the queue was empty before the call.
inline void empty_error_queue() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace marquee::tls
