// Domains, upstream pools and host classes: where a request goes.
#include <algorithm>
#include <iterator>

#include "config/description.hpp"
#include "config/field_rules.hpp"

namespace marquee::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

// Ids go into header fields and logs.
std::string id_fault(std::string_view id) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
  if (id.size() <= 128 && id.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "which is not an id; write at most 128 letters, digits and - _ . :, such as a UUID";
}

std::string host_field_fault(std::string_view value) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";
  if (value.size() <= 253 && value.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "which is not a host; write endpoint, or a hostname";
}

std::string server_name_fault(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
  if (name.size() <= 253 && name.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "which is not a hostname; write for example app.example.com";
}

Section describe(FieldEdits& e, FieldTarget target) {
  const auto remove = [&e](std::string name, Mark) { e.remove.push_back(std::move(name)); };
  const auto removable = [](std::string_view name) { return field_name_fault(name); };
  return {{
      {"set", FieldMap{&e.set, false, target}, "Fields that replace every field of that name.", "",
       "", "{ X-Frame-Options: DENY }"},
      {"add", FieldMap{&e.add, true, target},
       "Fields added beside those of that name; a list adds several.", "", "",
       "{ Link: </style.css>; rel=preload }"},
      {"remove", Texts{remove, removable}, "Names of fields to take away.", "", "",
       "[Server, X-Powered-By]"},
  }};
}

constexpr std::string_view kNoneRefused =
    "Paths that these hosts never serve, with all below them, however they are spelled. They "
    "get 404.";
constexpr std::string_view kPlatformRefused =
    "Paths that these hosts never serve, with all below them, however they are spelled; without it "
    "/api/cron and /api/admin, and none is an empty list. They get 404.";
Key refused_paths(PathLists& p, std::string_view doc) {
  return {"refused_paths", prefixes(p.refused), doc, "", "", "[/api/cron, /api/admin]"};
}

Key allowed_paths(PathLists& p) {
  return {"allowed_paths",
          prefixes(p.allowed),
          "The only paths that these hosts serve, with all below them; without it all that are not "
          "refused.",
          "",
          "",
          "[/api, /assets]"};
}

// Schemes of crypt(3) that cost an attacker something; DES and MD5 do not.
std::string password_fault(std::string_view entry) {
  const auto colon = entry.find(':');
  const std::string_view hash =
      colon == std::string_view::npos ? std::string_view() : entry.substr(colon + 1);
  const bool named = colon > 0 && colon <= 128 && entry.size() <= 600;
  constexpr std::string_view kSchemes[] = {"$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$7$"};
  const bool known = std::any_of(std::begin(kSchemes), std::end(kSchemes),
                                 [hash](std::string_view s) { return hash.starts_with(s); });
  if (named && known) {
    const bool bcrypt = hash.starts_with("$2");
    if (!bcrypt || (hash.size() == 60 && hash.substr(4, 2) >= "04" && hash.substr(4, 2) <= "14"))
      return {};
    return "which is not a bcrypt hash of cost 4 to 14; write the line that  htpasswd -nBC 10 NAME "
           " prints";
  }
  return "which is not NAME:HASH with a hash of bcrypt, SHA-256, SHA-512, yescrypt or scrypt; "
         "write "
         "the line that  htpasswd -nB NAME  prints";
}

std::string realm_fault(std::string_view realm) {
  const bool fits = std::all_of(realm.begin(), realm.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (fits && realm.size() <= 128) return {};
  return "which is not a realm; write at most 128 characters of ASCII, without quotes";
}

Section describe(CertificateFiles& c) {
  return {{
              {"cert_file", path(c.cert_file, &c.cert_mark),
               "PEM file: the certificate, then its intermediates.", "", "",
               "/etc/marquee/shop.crt", true},
              {"key_file", path(c.key_file, &c.key_mark),
               "PEM file of the private key, unencrypted.", "", "", "/etc/marquee/shop.key", true},
          },
          &c.mark};
}

Choice www_rule(Domain& d) {
  static constexpr WwwRule kRules[] = {WwwRule::www, WwwRule::bare, WwwRule::either};
  const auto now = static_cast<std::size_t>(
      std::find(std::begin(kRules), std::end(kRules), d.force_www) - kRules);
  return {{"true", "false", "either"}, now, [&d](std::size_t i, Mark at) {
            d.force_www = kRules[i];
            d.force_www_mark = at;
          }};
}

Section describe(Ejection& e) {
  return {{
      {"consecutive_failures", number(e.consecutive_failures, 0, 1000),
       "Failures in a row after which an endpoint is left out; 0 is never.", "failures",
       "per worker"},
      {"duration", Duration{&e.duration, Ms(100), hours(1)},
       "How long the first time; it doubles up to ten times."},
      {"max_percent", number(e.max_percent, 0, 100),
       "Share of a pool that may be left out; one endpoint always stays.", "percent"},
  }};
}

Section describe(UpstreamTls& t) {
  return {{
              {"ca_file", path(t.ca_file, &t.ca_mark),
               "PEM file of the authorities to trust; without it those of the system.", "", "",
               "/etc/marquee/upstream-ca.crt"},
              {"server_name", text(t.server_name, server_name_fault),
               "Name sent as SNI and expected in the certificate; without it the endpoint's host.",
               "", "", "app.example.com"},
              {"verify", Flag{&t.verify},
               "Checks the certificate. false lets anyone in between read and change requests."},
          },
          &t.mark};
}

Section describe(UpstreamHttp2& h) {
  return {{
      {"max_connections", number(h.max_connections, 1, 10'000),
       "Connections open at once; another is opened when the others have no stream left.",
       "connections", "per worker and endpoint"},
      {"max_streams", number(h.max_streams, 1, 100'000),
       "Requests at once; fewer where the server allows fewer.", "requests", "per connection"},
      {"tenant_share", number(h.tenant_share, 1, 100),
       "Part of a connection's streams that one agency may hold.", "percent", "per connection"},
      {"stream_window", size(h.stream_window, 65'535, 16u << 20),
       "Bytes of an answer that its client has not taken yet.", "", "per request"},
      {"ping_timeout", Duration{&h.ping_timeout, Ms(100), minutes(2)},
       "A server that was silent and does not answer a PING is dead."},
  }};
}

}  // namespace

Section describe(Domain& d) {
  const auto set_path = [&d](std::string v, Mark at) {
    d.path = Marked<std::string>{std::move(v), at};
  };
  const auto certificate = [&d] { return describe(d.certificates.emplace_back()); };
  return {
      {
          {"host", text(d.host),
           "Hostname, or a wildcard for one label such as *.sites.example.com.", "", "",
           "shop.example.com", true},
          {"pair", Flag{&d.pair}, "www.HOST is the same domain (never for a wildcard)."},
          {"installation", text(d.installation, id_fault), "Id of the module installation.", "", "",
           "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01"},
          {"module", text(d.module, id_fault), "Id of the module."},
          {"site", text(d.site, id_fault), "Id of the site."},
          {"client", text(d.client, id_fault), "Id of the agency's client."},
          {"agency", text(d.agency, id_fault),
           "Id of the agency: the tenant. Connections never cross agencies."},
          {"domain_id", text(d.domain_id, id_fault), "Id of this domain in the platform."},
          {"upstream", text(d.upstream), "Name of a pool under upstreams.", "", "", "app", true},
          {"certificate", Items{certificate, "certificate files", "internal"},
           "internal (a certificate of Marquee's own CA), a pair of files, or a list of pairs, one "
           "for each key type."},
          {"force_www", www_rule(d),
           "true leads the bare name to www, false the other way, either leaves both."},
          {"redirect_to_https", Flag{&d.redirect_to_https}, "Leads http requests to https."},
          {"enabled", Flag{&d.enabled}, "false refuses the name as if it were unknown."},
          {"maintenance", Flag{&d.maintenance},
           "true answers every visitor with the page of maintenance."},
          {"path", Text{"", set_path},
           "Template of the path sent to the upstream; without it that of the host class.", "", "",
           "/module-render/{installation_id}{path}"},
          {"request_fields", describe(d.request_fields, FieldTarget::upstream),
           "Changes to the fields sent to the upstream. x-tenant-* names that Marquee does not set "
           "itself may be set and added."},
          {"response_fields", describe(d.response_fields, FieldTarget::any),
           "Changes to the fields sent to the client."},
          {"visitors", describe(d.visitors), "Who may visit; without it that of the host class."},
          {"brand", describe(d.brand),
           "White label: what visitors see of the agency. Rows of a directory have their own."},
      },
      &d.mark};
}

Section describe(Visitors& v) {
  const auto allow = [&v](std::string s, Mark at) { v.allow.push_back({std::move(s), at}); };
  const auto deny = [&v](std::string s, Mark at) { v.deny.push_back({std::move(s), at}); };
  const auto user = [&v](std::string s, Mark at) { v.passwords.push_back({std::move(s), at}); };
  return {{
      {"allow", Texts{allow},
       "Networks (CIDR) that may visit, nobody else; without it everybody. Others: 403.", "", "",
       "203.0.113.0/24"},
      {"deny", Texts{deny}, "Networks that may not, allowed or not.", "", "", "198.51.100.7"},
      {"passwords", Texts{user, password_fault, true},
       "HTTP basic authentication: NAME:HASH, where the hash is one of crypt(3), as printed by "
       "htpasswd -nB NAME or mkpasswd. Others: 401.",
       "", "", "preview:$2b$10$..."},
      {"realm", text(v.realm, realm_fault), "What browsers show when they ask for the password."},
  }};
}

Section describe(Upstream& u) {
  const auto endpoint = [&u](std::string v, Mark at) { u.endpoints.push_back({std::move(v), at}); };
  return {{
              {"endpoints", Texts{endpoint},
               "Servers: http://host:port, https://host:port or unix:/path; over HTTP/2 "
               "h2://host:port (TLS) or h2c://host:port.",
               "", "", "http://127.0.0.1:9000", true},
              {"balance", choice(u.balance, {"least_loaded", "round_robin"}),
               "least_loaded takes the less busy of two chosen at random."},
              {"max_idle", number(u.max_idle, 0, 100'000), "Idle connections kept for reuse.",
               "connections", "per worker and endpoint"},
              {"max_connections", number(u.max_connections, 1, 1'000'000),
               "Connections open at once.", "connections", "per worker and endpoint"},
              {"idle", Duration{&u.idle, Ms(100), hours(1)},
               "Age at which an idle connection is closed."},
              {"connect", Duration{&u.connect, Ms(10), minutes(2)},
               "Connecting, with the TLS handshake. Then: 504."},
              {"first_byte", Duration{&u.first_byte, Ms(10), hours(1)},
               "From the end of the request to the first byte of the answer. Then: 504."},
              {"read_idle", Duration{&u.read_idle, Ms(10), hours(24)},
               "Between two reads or writes of a body; while both directions are open, either of "
               "them."},
              {"total", Duration{&u.total, Ms(100), hours(24), true},
               "The whole exchange; 0 is no limit."},
              {"resolve", Duration{&u.resolve, Ms(100), hours(1)},
               "How often the DNS names of endpoints are asked again."},
              {"host_field", text(u.host_field, host_field_fault),
               "Host sent upstream: empty is the client's, endpoint is the endpoint's own, else "
               "this value.",
               "", "", "endpoint"},
              {"tls", describe(u.tls), "TLS towards https and h2 endpoints."},
              {"http2", describe(u.http2), "Connections to h2 and h2c endpoints."},
              {"ejection", describe(u.ejection), "Leaves out endpoints that keep failing."},
          },
          nullptr,
          "endpoints"};
}

Section describe(HostClasses& h) {
  const auto host = [&h](std::string v, Mark at) { h.app_hosts.push_back({std::move(v), at}); };
  const Section app{{
      {"hosts", Texts{host}, "Hostnames of the platform's own application.", "", "",
       "app.example.com"},
      {"upstream", text(h.app_upstream), "Name of its pool.", "", "", "app"},
      refused_paths(h.app_paths, kNoneRefused),
      allowed_paths(h.app_paths),
      {"visitors", describe(h.app_visitors), "Who may visit."},
  }};
  const Section sites{{
      {"base", text(h.sites_base), "LABEL.base is a client's site.", "", "", "sites.example.com"},
      {"upstream", text(h.sites_upstream), "Name of the pool that renders sites.", "", "", "app"},
      {"path", text(h.sites_path), "Template of the path sent upstream."},
      refused_paths(h.sites_paths, kPlatformRefused),
      allowed_paths(h.sites_paths),
      {"visitors", describe(h.sites_visitors), "Who may visit."},
  }};
  const Section custom{{
      {"path", text(h.custom_path),
       "Template of the path for domains that have none of their own."},
      refused_paths(h.custom_paths, kPlatformRefused),
      allowed_paths(h.custom_paths),
      {"visitors", describe(h.custom_visitors), "Who may visit domains that do not say so."},
  }};
  return {{
              {"app", app, "The platform's application."},
              {"sites", sites, "Sites under one base name."},
              {"custom", custom,
               "Customers' own domains, those under domains and those of the directory."},
          },
          &h.mark};
}

}  // namespace marquee::config
