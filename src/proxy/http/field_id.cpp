#include "proxy/http/field_id.hpp"

#include <array>

namespace marquee::proxy::http {
namespace {

struct Known {
  std::string_view name;
  FieldId id;
};

constexpr Known known[] = {
    {"host", FieldId::host},
    {"content-length", FieldId::content_length},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"proxy-connection", FieldId::proxy_connection},
    {"proxy-authenticate", FieldId::proxy_authenticate},
    {"proxy-authorization", FieldId::proxy_authorization},
    {"te", FieldId::te},
    {"trailer", FieldId::trailer},
    {"upgrade", FieldId::upgrade},
    {"http2-settings", FieldId::http2_settings},
    {"proxy", FieldId::proxy},
    {"expect", FieldId::expect},
    {"max-forwards", FieldId::max_forwards},
    {"forwarded", FieldId::forwarded},
    {"via", FieldId::via},
    {"x-forwarded-for", FieldId::x_forwarded_for},
    {"x-forwarded-host", FieldId::x_forwarded_host},
    {"x-forwarded-port", FieldId::x_forwarded_port},
    {"x-forwarded-proto", FieldId::x_forwarded_proto},
    {"x-real-ip", FieldId::x_real_ip},
    {"x-request-id", FieldId::x_request_id},
    {"traceparent", FieldId::traceparent},
    {"tracestate", FieldId::tracestate},
    {"x-site-id", FieldId::x_site_id},
    {"x-module-id", FieldId::x_module_id},
    {"x-site-module-installation-id", FieldId::x_site_module_installation_id},
    {"x-custom-domain", FieldId::x_custom_domain},
    {"x-domain-id", FieldId::x_domain_id},
    {"x-white-label", FieldId::x_white_label},
    {"x-request-start", FieldId::x_request_start},
    {"accept", FieldId::accept},
    {"referer", FieldId::referer},
    {"user-agent", FieldId::user_agent},
    {"content-type", FieldId::content_type},
    {"date", FieldId::date},
    {"location", FieldId::location},
    {"server", FieldId::server},
};

constexpr unsigned char fold_of(unsigned c) {
  if (c >= 'a' && c <= 'z') return static_cast<unsigned char>(c);
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned char>(c - 'A' + 'a');
  if (c >= '0' && c <= '9') return static_cast<unsigned char>(c);
  if (c == '_') return '-';
  for (char t : std::string_view("!#$%&'*+-.^`|~"))
    if (c == static_cast<unsigned char>(t)) return static_cast<unsigned char>(c);
  return 0;
}

constexpr std::uint32_t hash_of(std::string_view folded) {
  std::uint32_t h = hash_start;
  for (char c : folded) h = hash_step(h, static_cast<unsigned char>(c));
  return h;
}

// Open addressing over 128 slots; 39 names, so that a miss mostly meets an
// empty slot at once.
constexpr std::size_t slots = 128;
constexpr std::size_t slot_of(std::uint32_t h) { return (h ^ (h >> 15)) % slots; }

constexpr auto build_table() {
  std::array<Known, slots> table{};
  for (const Known& k : known) {
    std::size_t i = slot_of(hash_of(k.name));
    while (!table[i].name.empty()) i = (i + 1) % slots;
    table[i] = k;
  }
  return table;
}
constexpr auto table = build_table();

bool equals_folded(std::string_view name, std::string_view folded) {
  for (std::size_t i = 0; i < folded.size(); ++i)
    if (token_fold[static_cast<unsigned char>(name[i])] != static_cast<unsigned char>(folded[i]))
      return false;
  return true;
}

bool starts_folded(std::string_view name, std::string_view folded) {
  return name.size() > folded.size() && equals_folded(name, folded);
}

constexpr std::array<unsigned char, 256> make_fold() {
  std::array<unsigned char, 256> t{};
  for (unsigned c = 0; c < 256; ++c) t[c] = fold_of(c);
  return t;
}

// The twin of a framing or hop-by-hop name is not that field, but it may be
// taken for it behind us: reported, so that it is removed.
FieldId prefixed(std::string_view name) {
  if (name.size() < 10 || token_fold[static_cast<unsigned char>(name[0])] != 'x')
    return FieldId::other;
  if (starts_folded(name, "x-tenant-")) return FieldId::x_tenant;
  if (starts_folded(name, "x-forwarded-")) return FieldId::x_forwarded_other;
  return FieldId::other;
}

}  // namespace

constinit const std::array<unsigned char, 256> token_fold = make_fold();

FieldId identify(std::string_view name, std::uint32_t hash) {
  for (std::size_t i = slot_of(hash); !table[i].name.empty(); i = (i + 1) % slots)
    if (table[i].name.size() == name.size() && equals_folded(name, table[i].name))
      return table[i].id;
  return prefixed(name);
}

FieldId identify(std::string_view name) {
  std::uint32_t h = hash_start;
  for (char c : name) h = hash_step(h, token_fold[static_cast<unsigned char>(c)]);
  return identify(name, h);
}

FieldClass field_class(FieldId id) {
  switch (id) {
    case FieldId::content_length:
    case FieldId::transfer_encoding:
    case FieldId::host:
      return FieldClass::framing;
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::proxy:
    case FieldId::expect:
      return FieldClass::hop_by_hop;
    case FieldId::forwarded:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_port:
    case FieldId::x_forwarded_proto:
    case FieldId::x_forwarded_other:
    case FieldId::x_real_ip:
    case FieldId::x_request_id:
    case FieldId::traceparent:
      return FieldClass::forwarding;
    case FieldId::x_tenant:
    case FieldId::x_site_id:
    case FieldId::x_module_id:
    case FieldId::x_site_module_installation_id:
    case FieldId::x_custom_domain:
    case FieldId::x_domain_id:
    case FieldId::x_white_label:
    case FieldId::x_request_start:
      return FieldClass::context;
    default:
      return FieldClass::end_to_end;
  }
}

bool same_letters(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace marquee::proxy::http
