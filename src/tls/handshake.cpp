#include "tls/handshake.hpp"

#include <algorithm>
#include <optional>

#include "tls/certified_key.hpp"
#include "tls/openssl.hpp"
#include "tls/ticket_keys.hpp"

namespace marquee::tls {
namespace {

struct SniField {
  bool well_formed = true;
  std::optional<std::string_view> name;
};

// server_name of RFC 6066 section 3: one list with exactly one host_name.
SniField read_sni(SSL* ssl) {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size)) return {};
  const auto number = [&](std::size_t at) { return std::size_t{data[at]} << 8 | data[at + 1]; };
  constexpr std::size_t head = 5;  // list length, type, name length
  if (size <= head || number(0) != size - 2 || data[2] != TLSEXT_NAMETYPE_host_name ||
      number(3) != size - head)
    return {false, {}};
  return {true, std::string_view(reinterpret_cast<const char*>(data) + head, size - head)};
}

int refuse(ServerHandshake& state, int* alert, int with, const char* why) {
  state.error = why;
  *alert = with;
  return SSL_CLIENT_HELLO_ERROR;
}

// Runs before OpenSSL looks at versions, sessions or tickets, for a resumption
// as well, and again when a HelloRetryRequest brought a second ClientHello.
int on_client_hello(SSL* ssl, int* alert, void*) {
  auto& state = *static_cast<ServerHandshake*>(SSL_get_app_data(ssl));
  const SniField field = read_sni(ssl);
  if (!field.well_formed)
    return refuse(state, alert, SSL_AD_DECODE_ERROR, "the server_name extension is malformed");
  if (state.decided) {
    // The verdict was about the first name; another may not ride on it (RFC 8446
    // section 4.1.2).
    const bool same =
        state.had_sni == field.name.has_value() && (!field.name || *field.name == state.sni);
    if (same) return SSL_CLIENT_HELLO_SUCCESS;
    return refuse(state, alert, SSL_AD_ILLEGAL_PARAMETER,
                  "the second ClientHello names another server");
  }
  state.had_sni = field.name.has_value();
  if (field.name) state.sni = *field.name;
  state.admitted = state.admission.admit(field.name, state.waiter);
  if (state.admitted.verdict == Verdict::pending) return SSL_CLIENT_HELLO_RETRY;
  if (state.admitted.verdict == Verdict::refuse || !state.admitted.source)
    return refuse(state, alert, state.admitted.alert,
                  field.name ? "no such name is served" : "no name was sent");
  state.decided = true;
  // Before a ticket is read: one of another policy or tenant is then a miss.
  const Digest scope = digest_of({"marquee session", bytes_of(state.context.policy_digest()),
                                  bytes_of(state.admitted.scope.hash)});
  if (!SSL_set_session_id_context(ssl, scope.data(), static_cast<unsigned>(scope.size())))
    return refuse(state, alert, SSL_AD_INTERNAL_ERROR, "out of memory");
  return SSL_CLIENT_HELLO_SUCCESS;
}

int on_certificate(SSL* ssl, void*) {
  auto* state = static_cast<ServerHandshake*>(SSL_get_app_data(ssl));
  if (!state || !state->admitted.source) return 0;
  CertificateLookup found =
      state->admitted.source->find(state->admitted.certificate, state->waiter);
  if (found.status == CertificateLookup::Status::loading) return -1;
  if (found.status == CertificateLookup::Status::failed || !found.keys) {
    state->error = "the certificate could not be loaded: " + found.error;
    return 0;
  }
  if (!found.keys->use_in(ssl)) {
    state->error = "the certificate could not be used: " + take_openssl_error();
    return 0;
  }
  return 1;
}

int on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
            const unsigned char* offered, unsigned offered_size, void* argument) {
  const auto& context = *static_cast<const ServerContext*>(argument);
  for (const std::string& ours : context.alpn()) {
    for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
      const unsigned char size = offered[at];
      if (at + 1u + size > offered_size) return SSL_TLSEXT_ERR_ALERT_FATAL;
      if (size != ours.size() ||
          !std::equal(ours.begin(), ours.end(), offered + at + 1,
                      [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; }))
        continue;
      *chosen = offered + at + 1;
      *chosen_size = size;
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  const auto* context =
      static_cast<const ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const TicketKeys* tickets = context->tickets();
  if (!tickets) return 0;
  if (encrypt) return tickets->seal(name, iv, cipher, mac);
  const int opened = tickets->open(name, iv, cipher, mac);
  // A TLS 1.3 ticket is good for one connection (RFC 8446 C.4): without a new one
  // every other handshake would be a full one.
  return opened == 1 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : opened;
}

}  // namespace

void install_handshake_callbacks(SSL_CTX* context) {
  auto* self = SSL_CTX_get_app_data(context);
  SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  SSL_CTX_set_cert_cb(context, on_certificate, nullptr);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, self);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

std::string printable_sni(std::string_view raw) {
  if (raw.ends_with('.')) raw.remove_suffix(1);
  if (raw.size() > 253) return {};
  std::string name(raw);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
      return {};
  }
  return name;
}

}  // namespace marquee::tls
