#include "routing/domain_record.hpp"

#include <array>

namespace marquee::routing {
namespace {

constexpr std::array<std::string_view, 9> kDomainWords{"pending",      "verifying", "verified",
                                                       "provisioning", "active",    "failed",
                                                       "expired",      "disabled",  "unknown"};
constexpr std::array<std::string_view, 7> kSslWords{"none",    "pending", "provisioning", "active",
                                                    "expired", "failed",  "unknown"};
constexpr std::array<std::string_view, 4> kKindWords{"module_domain", "site_domain",
                                                     "site_subdomain", "redirect"};

template <typename Status, std::size_t size>
Status parse(const std::array<std::string_view, size>& words, std::string_view text) {
  for (std::size_t i = 0; i < size; ++i)
    if (words[i] == text) return static_cast<Status>(i);
  return Status::unknown;
}

}  // namespace

std::string_view name(RecordKind kind) { return kKindWords[static_cast<std::size_t>(kind)]; }
std::string_view name(DomainStatus status) {
  return kDomainWords[static_cast<std::size_t>(status)];
}
std::string_view name(SslStatus status) { return kSslWords[static_cast<std::size_t>(status)]; }
DomainStatus parse_domain_status(std::string_view text) {
  return parse<DomainStatus>(kDomainWords, text);
}
SslStatus parse_ssl_status(std::string_view text) { return parse<SslStatus>(kSslWords, text); }

std::string bounded_state(std::string_view text) {
  constexpr std::size_t most = 32;
  if (text.size() > most) return "invalid";
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ' '))
      return "invalid";
  }
  return out;
}

std::size_t bytes_of(const DomainRecord& r) {
  // Strings that fit into their own object cost nothing more.
  const auto heap = [](std::string_view s) { return s.size() > 15 ? s.size() + 17 : 0; };
  std::size_t sum = sizeof r + 32;
  for (const std::string_view s :
       {r.host.text(), std::string_view(r.row), r.domain_id.text(), r.installation.text(),
        r.module.text(), r.site.text(), r.client.text(), r.agency.text(),
        std::string_view(r.agency_status), std::string_view(r.subscription_status),
        std::string_view(r.agency_plan), std::string_view(r.client_status),
        std::string_view(r.white_label.logo_url), std::string_view(r.white_label.favicon_url),
        std::string_view(r.white_label.brand_name), std::string_view(r.white_label.primary_color),
        std::string_view(r.white_label.secondary_color), std::string_view(r.white_label.custom_css),
        std::string_view(r.certificate.version)})
    sum += heap(s);
  if (r.redirect) sum += heap(r.redirect->host.text());
  for (const auto& [field, value] : r.config.custom_headers)
    sum += sizeof(std::pair<std::string, std::string>) + heap(field) + heap(value);
  for (const std::string& fault : r.faults) sum += sizeof fault + heap(fault);
  return sum;
}

}  // namespace marquee::routing
