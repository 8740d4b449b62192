// The field names that Marquee acts upon. Everything else is `other` and passes.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace marquee::proxy::http {

enum class FieldId : std::uint8_t {
  other,
  // Framing and routing (RFC 9112 6, RFC 9110 7.2).
  host,
  content_length,
  transfer_encoding,
  // Hop-by-hop (RFC 9110 7.6.1).
  connection,
  keep_alive,
  proxy_connection,
  proxy_authenticate,
  proxy_authorization,
  te,
  trailer,
  upgrade,
  http2_settings,
  proxy,  // "httpoxy": CGI-like runtimes turn it into HTTP_PROXY
  // Expectations and limits.
  expect,
  max_forwards,
  // Forwarding.
  forwarded,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_port,
  x_forwarded_proto,
  x_forwarded_other,
  x_real_ip,
  x_request_id,
  traceparent,
  tracestate,
  // Tenant context (design 9): only Marquee may say these.
  x_tenant,  // any x-tenant-*
  x_site_id,
  x_module_id,
  x_site_module_installation_id,
  x_custom_domain,
  x_domain_id,
  x_white_label,
  x_request_start,
  // Read for the log and for answers of our own.
  accept,
  referer,
  user_agent,
  // Answers.
  content_type,
  date,
  location,
  server,
  count_,
};

// What becomes of a field between client and upstream.
enum class FieldClass : std::uint8_t {
  end_to_end,
  framing,     // written anew by the codec
  hop_by_hop,  // ends here
  forwarding,  // set by us; kept only from trusted proxies
  context,     // set by us, always
};

FieldClass field_class(FieldId id);

// Identifies a name of token characters, ignoring case. Names with underscores
// are taken as their hyphenated twin: CGI-like upstreams cannot tell the two
// apart. The twin of a name that we own is reported as that name.
FieldId identify(std::string_view name);

// As identify(), with the hash that hash_step() built over the name.
FieldId identify(std::string_view name, std::uint32_t hash);

// 0 for what may not stand in a field name (RFC 9110 5.1), else the lower-case
// character with '_' folded to '-'.
extern const std::array<unsigned char, 256> token_fold;

constexpr std::uint32_t hash_step(std::uint32_t hash, unsigned char folded) {
  return (hash ^ folded) * 0x01000193u;
}
constexpr std::uint32_t hash_start = 0x811c9dc5u;

// Equal, ignoring ASCII case.
bool same_letters(std::string_view a, std::string_view b);  // of one length
inline bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_letters(a, b);  // most differ in length
}

}  // namespace marquee::proxy::http
