#include "proxy/policy/policies.hpp"

#include <array>
#include <optional>

#include "proxy/http/redirects.hpp"
#include "routing/resolution.hpp"

namespace marquee::proxy::policy {
namespace {

struct Answer {
  LocalContent& content;
  RefusalCause& cause;
};
using Policy = bool (*)(const Input&, const Answer&);

// As forwarding fields tell it upstream; nothing: a Unix socket.
std::optional<base::IpAddress> client_address(const Input& in) {
  if (auto named = base::IpAddress::parse(in.client_text)) return named;
  if (in.facts.client_known) return in.facts.client;
  return std::nullopt;
}

bool domain_state(const Input& in, const Answer& out) {
  const routing::Domain& domain = *in.plan.domain;
  if (domain.enabled && domain.state == routing::DomainState::serving) return false;
  out.content.status = 503;
  switch (domain.state) {
    case routing::DomainState::agency_suspended:
      out.cause = RefusalCause::agency_suspended;
      break;
    case routing::DomainState::installation_disabled:
      out.cause = RefusalCause::installation_disabled;
      break;
    case routing::DomainState::site_unpublished:
      out.cause = RefusalCause::site_unpublished;
      out.content.status = 404;  // it may never have been there
      break;
    case routing::DomainState::maintenance:
      out.cause = domain.enabled ? RefusalCause::maintenance : RefusalCause::domain_disabled;
      break;
    default:
      out.cause = RefusalCause::domain_disabled;
  }
  return true;
}

void redirect(const Input& in, std::string_view host, bool secure, const Answer& out) {
  RedirectTarget to;
  to.https = secure;
  to.host = host;
  to.port = static_cast<std::uint16_t>(secure ? in.https_port : in.facts.public_port);
  to.target = in.request.path;
  std::string location(location_size(to), '\0');
  location.resize(write_location(to, location).size());
  out.content.status = location.empty() ? 400 : redirect_status(in.request.method_name);
  if (!location.empty()) out.content.fields.emplace_back("Location", std::move(location));
}

bool https(const Input& in, const Answer& out) {
  if (in.facts.secure || !in.plan.domain->redirect_to_https || in.https_port == 0) return false;
  const std::string_view www = routing::www_redirect(*in.plan.domain, in.host);
  redirect(in, www.empty() ? in.host : www, true, out);
  return true;
}

bool www(const Input& in, const Answer& out) {
  const std::string_view host = routing::www_redirect(*in.plan.domain, in.host);
  if (host.empty()) return false;
  redirect(in, host, in.facts.secure, out);
  return true;
}

// To where the directory says, by https if we have it: one hop, not two.
bool moved(const Input& in, const Answer& out) {
  const auto& to = in.plan.domain->redirect;
  if (!to) return false;
  RedirectTarget target;
  target.https = in.https_port != 0;
  target.host = to->host.text();
  target.port = static_cast<std::uint16_t>(target.https ? in.https_port : in.facts.public_port);
  const std::string_view path = in.request.path;
  std::string bare = "/";
  if (const auto query = path.find('?'); query != path.npos) bare += path.substr(query);
  target.target = to->preserve_path ? path : std::string_view(bare);
  std::string location(location_size(target), '\0');
  location.resize(write_location(target, location).size());
  out.content.status =
      location.empty() ? 400 : routing::redirect_status(to->type, in.request.method_name);
  if (!location.empty()) out.content.fields.emplace_back("Location", std::move(location));
  return true;
}

bool refused_path(const Input& in, const Answer& out) {
  if (in.paths.empty()) return false;
  std::string buffer;
  const ReadPath path = read_path(in.request.path, buffer);
  const routing::Domain& domain = *in.plan.domain;
  switch (in.paths.judge(path)) {
    case PathVerdict::ambiguous:
      out.content.status = 400;
      break;
    case PathVerdict::refused:
      out.content.status = 404;  // nothing says that it is there on another host
      break;
    case PathVerdict::served:
      // An app host is everybody's.
      if (in.plan.route == RouteClass::app || !in.paths.has_lists()) return false;
      switch (owner_of(path, in.request.path, {domain.module.text(), domain.site.text()})) {
        case PathOf::own:
          return false;
        case PathOf::another:
          out.content.status = 404;
          break;
        case PathOf::unclear:
          out.content.status = 400;
      }
  }
  out.cause = RefusalCause::path_refused;
  return true;
}

bool visitor(const Input& in, const Answer& out) {
  if (!in.plan.visitors || in.plan.visitors->admits(client_address(in))) return false;
  out.cause = RefusalCause::client_refused;
  out.content.status = 403;
  return true;
}

bool body_size(const Input& in, const Answer& out) {
  const std::uint64_t limit = in.settings.limits.request_body;
  if (limit == 0 || in.request.body.kind != http::BodyKind::length ||
      in.request.body.length <= limit)
    return false;
  out.cause = RefusalCause::body_too_large;
  out.content.status = 413;
  return true;
}

// The order is the contract of design 2, step 4. Rate limits and access rules have
// their places between these.
constexpr std::array<Policy, 7> order = {
    domain_state,  // a domain that is off says nothing else, not even where it would be
    moved,         // a name that was left has no page that https or www could lead to
    https,         // before anything that reads a cookie or a token in the clear
    www,           // one name per site, before caches and limits count by name
    visitor,       // who may not visit does not learn what is here
    refused_path,  // before anything that costs a look-up
    body_size,     // last: who may not come in need not know how much would fit
};

}  // namespace

bool run(const Input& input, LocalContent& content, RefusalCause& cause) {
  for (Policy policy : order)
    if (policy(input, {content, cause})) return true;
  return false;
}

}  // namespace marquee::proxy::policy
