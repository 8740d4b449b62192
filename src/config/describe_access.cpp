// Who may ask: rules, and what counts as a proof.
#include <algorithm>

#include "config/description.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::string path_fault(std::string_view path) {
  if (path.empty() || path.front() != '/')
    return "which is not a path; write one that begins with a slash, such as /api/modules";
  if (path.size() > 1024 || path.find_first_of("?#%\\;") != std::string_view::npos ||
      path.find("//") != std::string_view::npos || path.find("/.") != std::string_view::npos)
    return "which is not a plain path; write it without query, escapes, dots and empty segments";
  return {};
}

std::string host_fault(std::string_view word) {
  if (word == "custom" || word == "site" || word == "app") return {};
  return "which is not a class of hosts; write custom, site or app";
}

std::string method_fault(std::string_view method) {
  const bool upper = std::all_of(method.begin(), method.end(),
                                 [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
  if (!method.empty() && method.size() <= 32 && upper) return {};
  return "which is not a method; write it in capitals, such as POST";
}

constexpr std::string_view kCredentials[] = {"api_key", "jwt", "embed", "consumer"};

constexpr std::string_view kForward = "forward:";

std::string credential_fault(std::string_view word) {
  for (const auto name : kCredentials)
    if (word == name) return {};
  if (word.starts_with(kForward) && word.size() > kForward.size()) return {};
  return "which is not a proof; write api_key, consumer, jwt, embed or forward:NAME";
}

// Servers behind often make an underscore a dash.
bool is_field(std::string_view name, std::string_view lower) {
  std::string folded = lower_case(name);
  std::replace(folded.begin(), folded.end(), '_', '-');
  return folded == lower;
}

// Towards the server that is asked, and back to the client.
std::string asked_field_fault(std::string_view name) {
  if (name == "none") return {};
  for (const auto own : {"x-request-id", "traceparent", "accept-encoding", "cache-control", "date",
                         "via", "proxy-authorization", "proxy-authenticate"})
    if (is_field(name, own)) return "which is Marquee's own to write here; remove it";
  return field_name_fault(name);
}

// Of the answer, to the upstream: names that nobody else has to say.
std::string told_field_fault(std::string_view name) {
  for (const auto own : {"content-type", "content-encoding", "tracestate", "set-cookie"})
    if (is_field(name, own)) return "which belongs to the message, not to who sends it; remove it";
  return asked_field_fault(name);
}

std::string said_field_fault(std::string_view name) {
  return name == "none" ? "which is not the name of a field; leave it out" : told_field_fault(name);
}

std::string target_fault(std::string_view target) {
  const bool plain = std::all_of(target.begin(), target.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '#' && c != '\\' && c != '"';
  });
  if (!target.empty() && target.front() == '/' && target.size() <= 2048 && plain) return {};
  return "which is not a path; write one that begins with a slash, such as /api/verify";
}

std::string part_fault(std::string_view word) {
  for (const auto part : {"method", "path", "query", "client", "none"})
    if (word == part) return {};
  return "which is not a part of a request; write method, path, query or client";
}

std::string word_fault(std::string_view word) {
  const bool printable =
      std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!word.empty() && word.size() <= 256 && printable) return {};
  return "which is not a word of visible ASCII characters";
}

std::string secret_fault(std::string_view secret) {
  if (secret.starts_with("-----BEGIN"))
    return "which is a key in PEM, and public keys are no secrets; write keys_file for it";
  if (secret.size() >= 32 && secret.size() <= 1024) return {};
  return "which is not 32 to 1024 bytes (RFC 7518 3.2); make one with  openssl rand -hex 32";
}

std::string https_fault(std::string_view url) {
  if (url.starts_with("https://") && url.size() > 8 && url.size() <= 2048 &&
      url.find_first_of(" @#\\") == std::string_view::npos)
    return {};
  return "which is not an https URL; write https://HOST/.well-known/jwks.json";
}

std::string cookie_fault(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
  if (name.size() <= 128 && name.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "which is not the name of a cookie";
}

Texts list(std::vector<std::string>& field, Rule rule) {
  return {[&field](std::string v, Mark) { field.push_back(std::move(v)); }, rule};
}

Texts replacing(std::vector<std::string>& field, Rule rule) {
  Texts out = prefixes(field);
  out.rule = rule;
  return out;
}

Section describe(AccessRule& r) {
  const auto accept = [&r](std::string v, Mark at) {
    if (v.starts_with(kForward)) r.forward = {v.substr(kForward.size()), at};
    for (std::size_t i = 0; i < std::size(kCredentials); ++i)
      if (v == kCredentials[i]) r.accept.push_back(static_cast<Credential>(i));
  };
  return {
      {
          {"paths", list(r.paths, path_fault),
           "Prefixes of paths, by whole segments: /api is /api and /api/x, not /apis.", "", "",
           "/api/modules", true},
          {"hosts", list(r.hosts, host_fault),
           "Classes of hosts: custom, site, app. Without it all.", "", "", "custom"},
          {"methods", list(r.methods, method_fault),
           "Methods, in capitals; requests are compared in any case, and GET is HEAD, too. Without "
           "it all.",
           "", "", "[POST, PUT]"},
          {"open", list(r.open, path_fault),
           "Prefixes below these paths that need no proof. A path that is not written plainly "
           "(escapes, dots, empty segments) is never open.",
           "", "", "/api/modules/health"},
          {"accept", Texts{accept, credential_fault},
           "Proofs, of which one is enough: api_key, consumer, jwt, embed. forward:NAME asks the "
           "server of "
           "access.forward.NAME where none of the others is there.",
           "", "", "[api_key, jwt]", true},
          {"optional", Flag{&r.optional},
           "Lets requests pass without a proof. One that is wrong is refused all the same."},
          {"scopes", list(r.scopes, word_fault), "Scopes that the proof must have, all of them.",
           "", "", "read"},
          {"tenant", Flag{&r.tenant},
           "On custom and site hosts, refuses tokens that name neither an agency nor a site. What "
           "a token names must be the domain's in any case."},
      },
      &r.mark};
}

Section describe(TokenIssuer& i) {
  Text secret = text(i.secret, secret_fault, &i.secret_mark);
  secret.secret = true;
  const auto store = secret.store;
  const Section claims{{
      {"user", text(i.user_claim, word_fault), "Who it is; a token without it is refused."},
      {"role", text(i.role_claim, word_fault),
       "The role; app_metadata.role is one inside another."},
      {"agency", text(i.agency_claim, word_fault), "The agency; it must be the domain's."},
      {"site", text(i.site_claim, word_fault), "The site; likewise."},
      {"module", text(i.module_claim, word_fault), "The module; likewise."},
      {"scope", text(i.scope_claim, word_fault), "Scopes, with spaces between, or a list."},
  }};
  return {
      {
          {"secret", secret, "HS256: the shared secret, 32 bytes or more.", "", "",
           "${JWT_SECRET}"},
          {"secret_file", SecretFile{store, "secret", secret_fault, &i.secret_mark},
           "File that holds the secret; one newline at its end is cut.", "", "",
           "/run/secrets/jwt-secret"},
          {"keys_file", path(i.keys_file, &i.keys_file_mark),
           "File of public keys: a JWKS, or one key in PEM. RS256, ES256 and EdDSA, as the key is. "
           "Read at start and at each reload.",
           "", "", "/etc/marquee/issuer.json"},
          {"jwks_url", text(i.jwks_url, https_fault, &i.jwks_url_mark),
           "Where the issuer publishes its keys. The last good set stays in use while it cannot be "
           "fetched.",
           "", "", "https://id.example.com/.well-known/jwks.json"},
          {"ca_file", path(i.ca_file, &i.ca_mark),
           "Certificates that the server of jwks_url is checked by; without it the system's roots.",
           "", "", "/etc/marquee/id-ca.pem"},
          {"issuer", text(i.issuer, word_fault), "What iss must be; without it anything.", "", "",
           "https://id.example.com"},
          {"audience", list(i.audience, word_fault),
           "Names of ours, of which one must stand in aud. Without it tokens with an aud are "
           "refused (RFC 7519 4.1.3).",
           "", "", "authenticated"},
          {"leeway", Duration{&i.leeway, Ms(0), minutes(5)},
           "How far the issuer's clock may be from ours."},
          {"longest", Duration{&i.longest, seconds(1), hours(24 * 366), true},
           "Longest life of a token, from iat to exp; 0 is any."},
          {"claims", claims, "Names of the claims that are read."},
      },
      &i.mark};
}

Section describe(Tokens& t) {
  const auto find = [&t](const std::string& name) -> const Mark* {
    for (const TokenIssuer& i : t.issuers)
      if (i.name == name) return &i.mark;
    return nullptr;
  };
  const auto add = [&t](const std::string& name, Mark at) {
    TokenIssuer& i = t.issuers.emplace_back();
    i.name = name;
    i.mark = at;
    return describe(i);
  };
  return {{
      {"cookie", text(t.cookie, cookie_fault),
       "Cookie that may hold the token where there is no Authorization; without it none. Cookies "
       "come with requests that other sites cause: think of SameSite.",
       "", "", "access_token"},
      {"refresh", Duration{&t.refresh, seconds(10), hours(24)},
       "How often key sets of a jwks_url are fetched."},
      {"refetch", Duration{&t.refetch, seconds(1), hours(1)},
       "How soon after the last fetch a token with an unknown key may cause another.", "",
       "per process"},
      {"fetch_timeout", Duration{&t.fetch_timeout, Ms(100), minutes(1)}, "Longest fetch."},
      {"issuers", Named{find, add, "NAME"}, "Who signs tokens, by a name for the logs."},
  }};
}

Section describe(EmbedTokens& e) {
  Text secret = text(e.secret, secret_fault);
  secret.secret = true;
  const auto store = secret.store;
  return {{
      {"secret", secret, "Secret of the signed form, 32 bytes or more; without it none is taken.",
       "", "", "${EMBED_TOKEN_SECRET}"},
      {"secret_file", SecretFile{store, "secret", secret_fault},
       "File that holds the secret; one newline at its end is cut.", "", "",
       "/run/secrets/embed-secret"},
      {"legacy", Flag{&e.legacy},
       "Takes the platform's unsigned form, too, if the directory has its hash, and it is neither "
       "revoked nor expired."},
  }};
}

Section describe(ForwardAuth& f) {
  return {
      {
          {"upstream", text(f.upstream), "Name of a pool under upstreams.", "", "", "sso", true},
          {"path", text(f.path, target_fault), "What it is asked for, always by GET.", "", "",
           "/api/verify"},
          {"request_fields", replacing(f.request_fields, asked_field_fault),
           "Fields of the client that it gets; without it Authorization and Cookie. none is "
           "nothing. It gets X-Forwarded-Method, -Proto, -Host, -Uri and -For and the tenant "
           "context in any case, and never the body.",
           "", "", "[Authorization, Cookie]"},
          {"copy_to_upstream", replacing(f.copy_to_upstream, told_field_fault),
           "Fields of its answer that the request gets when it passes. Clients' own of these "
           "names never reach an upstream, on any path; those of Authorization and Cookie do not "
           "where it was asked.",
           "", "", "[Remote-User, Remote-Groups]"},
          {"copy_to_client", replacing(f.copy_to_client, asked_field_fault),
           "Fields of its answer that the client gets with a refusal; without it Location, "
           "Set-Cookie and WWW-Authenticate. Set-Cookie also when the request passes.",
           "", "", "[Location, Set-Cookie]"},
          {"user_field", text(f.user_field, said_field_fault),
           "Field of its answer that says who it is: the request's user, as of a token.", "", "",
           "Remote-User"},
          {"role_field", text(f.role_field, said_field_fault),
           "Field of its answer that says the user's role.", "", "", "Remote-Role"},
          {"timeout", Duration{&f.timeout, Ms(50), seconds(30)},
           "Longest wait for its whole answer; then 503."},
          {"body", size(f.body, 0, 1u << 20),
           "Longest body of a refusal that the client gets; of a longer one nothing.", "",
           "per request"},
          {"ttl", Duration{&f.ttl, Ms(0), seconds(60)},
           "How long it is remembered that a request passes; 0 asks for each. Refusals are never "
           "remembered, and Cache-Control of the answer may shorten it."},
          {"key", replacing(f.key, part_fault),
           "Parts of the request that what is remembered depends on, beside its host, its tenant "
           "and all that was sent of request_fields; without it all: method, path, query, client.",
           "", "", "[method, path, query, client]"},
          {"requests", number(f.requests, 1, 100'000),
           "Asked and not answered; one client network may have a quarter of them. More: 503.",
           "requests", "per worker"},
      },
      &f.mark};
}

}  // namespace

Section describe(Access& a) {
  const auto find = [&a](const std::string& name) -> const Mark* {
    for (const ForwardAuth& f : a.forward)
      if (f.name == name) return &f.mark;
    return nullptr;
  };
  const auto forward = [&a](const std::string& name, Mark at) {
    ForwardAuth& f = a.forward.emplace_back();
    f.name = name;
    f.mark = at;
    return describe(f);
  };
  const auto rule = [&a] { return describe(a.rules.emplace_back()); };
  return {
      {
          {"rules", Items{rule},
           "Requests that must prove who sends them. The first rule that fits decides; without a "
           "rule nothing is asked."},
          {"tokens", describe(a.tokens), "JSON Web Tokens (RFC 7519, RFC 8725)."},
          {"embed", describe(a.embed), "Tokens of embedded modules."},
          {"forward", Named{find, forward, "NAME"},
           "Servers that are asked about requests, as by ForwardAuth of Traefik or auth_request of "
           "nginx."},
          {"cache", number(a.cache, 16, 1'000'000), "Proofs remembered after they were checked.",
           "proofs", "per worker"},
          {"ttl", Duration{&a.ttl, Ms(0), seconds(60)},
           "How long. A revocation that the directory reports ends it at once."},
          {"negative_ttl", Duration{&a.negative_ttl, Ms(0), seconds(30)},
           "How long a wrong one is remembered."},
          {"wrong_burst", number(a.wrong_burst, 1, 1'000'000),
           "Wrong proofs that one client network (/24 or /64) may show at once. More: 429, without "
           "a look at them; what is remembered as good passes.",
           "proofs", "per worker"},
          {"wrong_rate", Decimal{&a.wrong_rate, 0.01, 100'000},
           "Wrong proofs that one client network earns back.", "per second", "per worker"},
      },
      &a.mark};
}

}  // namespace marquee::config
