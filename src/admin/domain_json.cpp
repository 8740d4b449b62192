#include "admin/domain_json.hpp"

#include <boost/json.hpp>
#include <chrono>

#include "admin/status_json.hpp"

namespace marquee::admin {
namespace {

namespace json = boost::json;
using routing::DomainRecord;
using routing::RecordKind;

constexpr std::pair<RecordKind, std::string_view> kPrefixes[] = {
    {RecordKind::site_domain, "site:"},
    {RecordKind::site_subdomain, "subdomain:"},
    {RecordKind::redirect, "redirect:"},
};
constexpr std::string_view kSettings = "settings:";

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(json::string(text.data(), text.size()));
}
json::string text(std::string_view from) { return json::string(from.data(), from.size()); }

json::object config_json(const routing::DomainConfig& config) {
  json::object fields;
  for (const auto& [name, value] : config.custom_headers) fields[name] = value;
  json::object out{{"redirect_to_https", config.redirect_to_https},
                   {"force_www", nullptr},
                   {"custom_headers", std::move(fields)},
                   {"cache_ttl", nullptr},
                   {"enable_cdn", config.enable_cdn},
                   {"maintenance", config.maintenance}};
  if (config.force_www != config::WwwRule::either)
    out["force_www"] = config.force_www == config::WwwRule::www;
  if (config.cache_ttl) out["cache_ttl"] = config.cache_ttl->count();
  return out;
}

json::object white_label_json(const routing::WhiteLabel& white) {
  return {{"logo_url", text_or_null(white.logo_url)},
          {"favicon_url", text_or_null(white.favicon_url)},
          {"brand_name", text_or_null(white.brand_name)},
          {"brand_colors", json::object{{"primary", text_or_null(white.primary_color)},
                                        {"secondary", text_or_null(white.secondary_color)}}},
          {"hide_powered_by", white.hide_powered_by},
          {"custom_css", text_or_null(white.custom_css)}};
}

json::object certificate_json(const routing::CertificateReference& certificate) {
  json::object out{{"present", certificate.present}, {"expires_at", nullptr}};
  if (certificate.expires_at)
    out["expires_at"] =
        rfc3339(std::chrono::time_point_cast<std::chrono::milliseconds>(*certificate.expires_at));
  return out;
}

json::value redirect_json(const std::optional<routing::RedirectTo>& redirect) {
  if (!redirect) return nullptr;
  const int status = redirect->type == routing::RedirectType::found_302       ? 302
                     : redirect->type == routing::RedirectType::permanent_308 ? 308
                                                                              : 301;
  return json::object{{"to", redirect->host.string()},
                      {"status", status},
                      {"preserve_path", redirect->preserve_path}};
}

}  // namespace

std::string domain_id(const DomainRecord& record, DomainSource source) {
  if (source == DomainSource::settings) return std::string(kSettings) + record.row;
  for (const auto& [kind, prefix] : kPrefixes)
    if (record.kind == kind) return std::string(prefix) + record.row;
  return record.row;
}

std::optional<DomainKey> parse_domain_id(std::string_view id) {
  DomainKey out;
  const auto take = [&id](std::string_view prefix) {
    const bool has = id.starts_with(prefix);
    if (has) id.remove_prefix(prefix.size());
    return has;
  };
  if (take(kSettings)) {
    out.source = DomainSource::settings;
  } else {
    for (const auto& [kind, prefix] : kPrefixes) {
      if (!take(prefix)) continue;
      out.kind = kind;
      break;
    }
  }
  // A name of the settings may be longer than an id.
  const bool fits = out.source == DomainSource::settings
                        ? !id.empty() && id.size() <= base::kMaxHostname + 2
                        : base::DomainId::parse(id).has_value();
  if (!fits) return std::nullopt;
  out.row = id;
  return out;
}

std::string shown_host(const DomainRecord& record) {
  return (record.wildcard ? "*." : "") + record.host.string();
}

std::string domain_json(const DomainRecord& record, DomainSource source,
                        const routing::StatePolicy& policy) {
  json::array faults;
  for (const std::string& fault : record.faults) faults.emplace_back(fault);
  const bool live = record.status == routing::DomainStatus::active &&
                    (source == DomainSource::settings || is_live(record, policy));
  std::string_view state = live ? name(state_of(record, policy))
                           : record.status == routing::DomainStatus::disabled ? "disabled"
                                                                              : "not_live";
  if (live && record.kind == RecordKind::redirect) state = "redirecting";
  if (live && source == DomainSource::settings) state = "serving";
  return json::serialize(json::object{
      {"id", domain_id(record, source)},
      {"host", shown_host(record)},
      {"source", text(name(source))},
      {"kind", text(name(record.kind))},
      {"state", text(state)},
      {"status", text(name(record.status))},
      {"proven", record.proven},
      {"ssl_status", text(name(record.ssl_status))},
      {"installation", text_or_null(record.installation.text())},
      {"module", text_or_null(record.module.text())},
      {"site", text_or_null(record.site.text())},
      {"client", text_or_null(record.client.text())},
      {"agency", text_or_null(record.agency.text())},
      {"config", config_json(record.config)},
      {"white_label", white_label_json(record.white_label)},
      {"certificate", certificate_json(record.certificate)},
      {"redirect", redirect_json(record.redirect)},
      {"faults", std::move(faults)},
  });
}

std::string domain_page_json(const std::vector<std::string>& domains, std::string_view next) {
  std::string out = "{\"domains\":[";
  for (std::size_t i = 0; i < domains.size(); ++i) out += (i == 0 ? "" : ",") + domains[i];
  return out + "],\"next\":" + json::serialize(text_or_null(next)) + "}";
}

}  // namespace marquee::admin
