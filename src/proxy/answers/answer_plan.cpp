#include "proxy/answers/answer_plan.hpp"

#include <algorithm>
#include <array>

#include "config/address.hpp"
#include "proxy/http/field_id.hpp"

namespace marquee::proxy {
namespace {

using http::iequals;

constexpr std::string_view kHsts = "strict-transport-security";
constexpr std::array<std::string_view, 4> kPlaces{"content-location", "refresh", "link",
                                                  "set-cookie"};
constexpr std::array<std::string_view, 3> kCaching{"cache-control", "cdn-cache-control",
                                                   "surrogate-control"};

template <std::size_t N>
bool in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view n) { return iequals(n, name); });
}

bool is_place(const http::Field& f) {
  return f.id == http::FieldId::location || in(kPlaces, f.name);
}

bool named(const http::FieldTable& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const http::Field& f) { return !f.dropped && iequals(f.name, name); });
}

bool edited(const config::FieldEdits& edits, std::string_view name) {
  const auto is = [&](const auto& field) { return iequals(field.first, name); };
  return std::any_of(edits.set.begin(), edits.set.end(), is) ||
         std::any_of(edits.remove.begin(), edits.remove.end(),
                     [&](const std::string& n) { return iequals(n, name); });
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

// All by which the upstream may know the platform, or itself.
std::vector<std::string> hosts_of(const routing::Domain& domain, const config::Settings& s) {
  std::vector<std::string> out = s.answers.platform_hosts;
  for (const auto& host : s.hosts.app_hosts) out.push_back(lower(*host));
  if (!s.hosts.sites_base->empty()) out.push_back("*." + lower(*s.hosts.sites_base));
  if (domain.upstream_index >= s.upstreams.size()) return out;
  const config::Upstream& upstream = s.upstreams[domain.upstream_index];
  if (!upstream.host_field.empty() && upstream.host_field != "endpoint")
    out.push_back(lower(upstream.host_field.substr(0, upstream.host_field.find(':'))));
  if (upstream.host_field != "endpoint") return out;
  for (const auto& endpoint : upstream.endpoints) {
    std::string why;
    if (const auto parsed = config::parse_endpoint(*endpoint, why); parsed && !parsed->host.empty())
      out.push_back(lower(parsed->host));
  }
  return out;
}

bool matches(std::string_view name, const std::string& pattern) {
  if (!pattern.ends_with('*')) return iequals(name, pattern);
  const std::size_t size = pattern.size() - 1;
  return name.size() >= size && iequals(name.substr(0, size), pattern.substr(0, size));
}

}  // namespace

std::shared_ptr<const AnswerPlan> AnswerPlan::make(const routing::Domain& domain,
                                                   const config::Settings& settings) {
  const config::Answers& a = settings.answers;
  const bool ours = domain.record || a.domains == config::AnswerScope::all;
  if (a.domains == config::AnswerScope::none || !ours || domain.redirect ||
      domain.host_class == routing::HostClass::app)
    return nullptr;
  auto plan = std::make_shared<AnswerPlan>();
  plan->removed_ = a.removed_fields;
  plan->removed_.emplace_back(kHsts);
  plan->server_ = a.server;
  if (!a.server.empty()) plan->removed_.emplace_back("Server");
  if (a.security_fields) {
    plan->security_ = {{"X-Content-Type-Options", "nosniff"},
                       {"Referrer-Policy", "strict-origin-when-cross-origin"}};
    std::erase_if(plan->security_,
                  [&](const auto& field) { return edited(domain.response_fields, field.first); });
  }
  if (edited(domain.response_fields, "server")) plan->server_.clear();
  // Not before https has been good: nobody trusts the internal CA by itself, and
  // without the redirect http is wanted.
  if (a.hsts.count() > 0 && domain.redirect_to_https &&
      domain.certificate_source != routing::CertificateSource::internal &&
      !edited(domain.response_fields, kHsts)) {
    plan->hsts_ = "max-age=" + std::to_string(a.hsts.count() / 1000);
    if (a.hsts_subdomains) plan->hsts_ += "; includeSubDomains";
  }
  if (a.rewrite != config::HostRewrite::off)
    plan->rewriter_.emplace(hosts_of(domain, settings),
                            a.rewrite == config::HostRewrite::own_paths);
  if (domain.record && !edited(domain.response_fields, "cache-control")) {
    plan->cache_ = {domain.record->config.cache_ttl, domain.record->config.enable_cdn};
    if (plan->cache_.ttl) {
      plan->cdn_ = "max-age=" + std::to_string(plan->cache_.ttl->count());
      plan->shared_ = "public, " + plan->cdn_;
    }
  }
  return plan;
}

bool AnswerPlan::names_places(const http::ResponseHead& response) const {
  return rewriter_ && std::any_of(response.fields.begin(), response.fields.end(),
                                  [](const http::Field& f) { return is_place(f); });
}

void AnswerPlan::drop(http::FieldTable& fields) const {
  for (http::Field& f : fields)
    for (const std::string& name : removed_)
      if (iequals(f.name, name)) f.dropped = true;
}

void AnswerPlan::rewrite(http::FieldTable& fields, const Context& context) const {
  std::string origin;
  for (http::Field& f : fields) {
    if (f.dropped || !is_place(f)) continue;
    if (origin.empty())
      origin.append(context.secure ? "https://" : "http://").append(context.request.host);
    const Visitor visitor{origin, context.prefix};
    const auto value = iequals(f.name, "refresh")      ? rewriter_->refresh(f.value, visitor)
                       : iequals(f.name, "link")       ? rewriter_->link(f.value, visitor)
                       : iequals(f.name, "set-cookie") ? rewriter_->set_cookie(f.value, visitor)
                                                       : rewriter_->url(f.value, visitor);
    if (value) f.value = context.arena.copy(*value);
  }
}

void AnswerPlan::cache(http::ResponseHead& response, const Context& context,
                       Additions& additions) const {
  const Caching caching = caching_of(cache_, context.request, response, context.audience);
  if (caching == Caching::untouched) return;
  for (http::Field& f : response.fields) f.dropped |= in(kCaching, f.name);
  if (caching == Caching::none) return additions.add("Cache-Control", "no-store");
  additions.add("Cache-Control", shared_);
  if (!cache_.cdn) return;
  additions.add("CDN-Cache-Control", cdn_);
  additions.add("Surrogate-Control", cdn_);
}

void AnswerPlan::apply(http::ResponseHead& response, const Context& context,
                       Additions& additions) const {
  drop(response.fields);
  if (rewriter_) rewrite(response.fields, context);
  if (response.status < 200) return;
  for (const auto& [name, value] : security_)
    if (!named(response.fields, name)) additions.add(name, value);
  if (context.secure && !hsts_.empty()) additions.add("Strict-Transport-Security", hsts_);
  if (!server_.empty()) additions.add("Server", server_);
  if (!context.of_api_route) cache(response, context, additions);
}

config::Fields allowed_fields(const config::Fields& wanted, const config::Answers& settings) {
  const auto in_list = [](std::string_view name, const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& p) { return matches(name, p); });
  };
  config::Fields out;
  for (const auto& field : wanted) {
    if (!settings.allowed_fields.empty() && !in_list(field.first, settings.allowed_fields))
      continue;
    if (!in_list(field.first, settings.denied_fields)) out.push_back(field);
  }
  return out;
}

}  // namespace marquee::proxy
