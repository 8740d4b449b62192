#include "proxy/pages.hpp"

#include <algorithm>
#include <array>

#include "base/json_text.hpp"
#include "brand/pages/page.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::proxy {
namespace {

constexpr std::size_t kMaxShown = 128;  // bytes of a request id

struct Reason {
  unsigned status;
  std::string_view phrase;
};
constexpr std::array kReasons = {
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{417, "Expectation Failed"},
    Reason{421, "Misdirected Request"},
    Reason{426, "Upgrade Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

std::string_view value_named(const http::RequestHead& request, std::string_view name) {
  for (const http::Field& f : request.fields)
    if (http::iequals(f.name, name)) return f.value;
  return {};
}

bool is_uuid(std::string_view s) {
  if (s.size() != 36) return false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = s[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

// For programs: always in English.
std::string problem_body(const ErrorFacts& facts, brand::PageState state) {
  const brand::PageText& text = brand::text_of(brand::Language::en, state, facts.status);
  std::string detail(text.text);
  if (!text.owner.empty()) detail.append(" ").append(text.owner);
  const std::string_view id = facts.request_id.substr(0, kMaxShown);
  std::array<char, 3072> buffer;  // six bytes per byte of the id, and the fixed text
  base::JsonText json(buffer.data(), buffer.size());
  json.raw(R"({"type":"about:blank","title":)");
  json.string(error_reason(facts.status));
  json.raw(R"(,"status":)");
  json.number(static_cast<std::uint64_t>(facts.status));
  json.raw(R"(,"detail":)");
  json.string(detail);
  if (is_uuid(id)) {
    json.raw(R"(,"instance":"urn:uuid:)");
    json.raw(id);
    json.raw("\"");
  }
  if (!id.empty()) {
    json.raw(R"(,"request_id":)");
    json.string(id);
  }
  json.raw("}\n");
  return std::string(json.view());
}

// A picture below the domain itself is not there where the domain does not serve.
std::string_view picture(const std::string& url, bool serves) {
  return serves || !url.starts_with('/') ? std::string_view(url) : std::string_view();
}

brand::PageBrand brand_of(const DomainPlan* plan, bool serves) {
  if (!plan || !plan->brand) return {};
  const DomainBrand& b = *plan->brand;
  return {b.name, picture(b.logo_url, serves), picture(b.icon_url, serves), b.primary};
}

}  // namespace

std::string_view error_reason(unsigned status) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(),
                                  [&](const Reason& r) { return r.status == status; });
  if (found != kReasons.end()) return found->phrase;
  return status >= 400 && status < 500 ? "Client Error" : "Server Error";
}

brand::PageState page_state(RefusalCause cause) {
  switch (cause) {
    case RefusalCause::unknown_host:
      return brand::PageState::not_connected;
    case RefusalCause::agency_suspended:
      return brand::PageState::suspended;
    case RefusalCause::domain_disabled:
    case RefusalCause::installation_disabled:
      return brand::PageState::disabled;
    case RefusalCause::site_unpublished:
      return brand::PageState::unpublished;
    case RefusalCause::maintenance:
      return brand::PageState::maintenance;
    default:
      return brand::PageState::none;
  }
}

ErrorFormat error_format(const http::RequestHead& request) {
  return choose_error_format(value_named(request, "accept"),
                             value_named(request, "sec-fetch-dest"));
}

LocalContent error_answer(const ErrorFacts& facts, const http::RequestHead& request,
                          const brand::PageSet& pages) {
  const brand::PageState state = page_state(facts.cause);
  LocalContent out;
  out.status = facts.status;
  const auto field = [&out](std::string_view name, std::string_view value) {
    out.fields.emplace_back(name, value);
  };
  field("Cache-Control", "no-store");
  if (!facts.retry_after.empty()) field("Retry-After", facts.retry_after);
  if (error_format(request) == ErrorFormat::problem_json) {
    out.content_type = "application/problem+json";
    out.body = problem_body(facts, state);
    field("Vary", "Accept");
    return out;
  }
  brand::PageFacts page;
  page.status = facts.status;
  page.state = state;
  page.language = brand::choose_language(value_named(request, "accept-language"), pages.language());
  page.request_id = facts.request_id;
  page.host = facts.host;
  page.retry_after = facts.retry_after;
  // Of a request that came by another's connection nothing of whose it is.
  if (facts.plan && facts.cause != RefusalCause::misdirected) {
    page.agency = facts.plan->domain->agency.text();
    page.brand = brand_of(facts.plan, state == brand::PageState::none);
  }
  brand::Page made = brand::compose_page(pages, page);
  out.content_type = "text/html; charset=utf-8";
  out.body = std::move(made.html);
  field("Vary", "Accept, Accept-Language");
  if (!made.language.empty()) field("Content-Language", made.language);
  field("Content-Security-Policy", made.policy);
  field("X-Content-Type-Options", "nosniff");
  field("Referrer-Policy", "no-referrer");
  return out;
}

}  // namespace marquee::proxy
