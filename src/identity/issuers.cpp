#include "identity/issuers.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/suggest.hpp"
#include "identity/access_policy.hpp"

namespace marquee::identity {
namespace {

using config::Credential;

// Nothing where the file cannot be read, or is larger than any key set.
std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(jose::kMostJwkSet + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

std::int64_t seconds(config::Ms ms) {
  return std::chrono::duration_cast<std::chrono::seconds>(ms).count();
}

class Checker {
 public:
  explicit Checker(const config::Settings& settings) : settings_(settings) {}

  std::vector<config::Problem> run() {
    for (std::size_t i = 0; i < access().rules.size(); ++i)
      rule(access().rules[i], "access.rules[" + std::to_string(i) + "]");
    for (const config::ForwardAuth& f : access().forward) forward(f, "access.forward." + f.name);
    for (const config::TokenIssuer& i : access().tokens.issuers)
      issuer(i, "access.tokens.issuers." + i.name);
    return std::move(problems_);
  }

 private:
  const config::Access& access() const { return settings_.access; }
  void fault(config::Mark at, std::string sentence) {
    problems_.push_back({at, std::move(sentence)});
  }

  void rule(const config::AccessRule& r, const std::string& where) {
    for (const Credential c : r.accept) {
      if (c == Credential::jwt && access().tokens.issuers.empty())
        fault(r.mark, where +
                          " accepts jwt, but nobody signs tokens; write access.tokens.issuers: { "
                          "platform: { secret: ${JWT_SECRET} } }");
      if (c == Credential::embed && access().embed.secret.empty() && !access().embed.legacy)
        fault(r.mark, where +
                          " accepts embed, but neither form of it is taken; write access.embed: { "
                          "secret: ${EMBED_TOKEN_SECRET} }");
      const bool stored = c == Credential::api_key || c == Credential::consumer ||
                          (c == Credential::embed && access().embed.legacy);
      if (stored && settings_.directory.kind == config::DirectoryKind::yaml)
        fault(r.mark,
              where +
                  " accepts proofs that stand in a directory (api_key, consumer, or embed with "
                  "legacy), but there is none; write directory: { "
                  "kind: sqlite } or postgres");
    }
    if (!(*r.forward).empty()) forwards(r, where);
    for (const std::string& open : r.open) {
      const bool below = std::any_of(r.paths.begin(), r.paths.end(),
                                     [&open](const auto& path) { return covers(path, open); });
      if (!below)
        fault(r.mark, where + ".open is " + open +
                          ", which is below none of its paths; remove it, or write such a path");
    }
  }

  void forwards(const config::AccessRule& r, const std::string& where) {
    std::vector<std::string_view> known;
    for (const config::ForwardAuth& f : access().forward) known.push_back(f.name);
    if (std::find(known.begin(), known.end(), *r.forward) == known.end())
      fault(r.forward.mark, where + " accepts forward:" + *r.forward +
                                ", but there is no access.forward." + *r.forward +
                                (known.empty() ? "; write access.forward: { " + *r.forward +
                                                     ": { upstream: POOL, path: /verify } }"
                                               : base::suggestion(*r.forward, known)));
    if (r.optional)
      fault(r.mark, where + " is optional and accepts forward:" + *r.forward +
                        ", which is asked about every request; remove optional, and let that "
                        "server answer 200 to whom it does not know");
    if (!r.scopes.empty())
      fault(r.mark, where + " has scopes and accepts forward:" + *r.forward +
                        ", whose answer speaks of none; write a rule for each");
  }

  // One that no rule asks would not keep clients from saying what it says.
  void forward(const config::ForwardAuth& f, const std::string& where) {
    const auto& rules = access().rules;
    if (std::none_of(rules.begin(), rules.end(),
                     [&f](const auto& r) { return *r.forward == f.name; }))
      fault(f.mark, where + " is asked by no rule; write accept: forward:" + f.name +
                        " in one of access.rules, or remove it");
    std::vector<std::string_view> pools;
    for (const config::Upstream& u : settings_.upstreams) pools.push_back(u.name);
    if (std::find(pools.begin(), pools.end(), *f.upstream) == pools.end())
      fault(f.upstream.mark, where + ".upstream is " + *f.upstream +
                                 ", which is no pool of upstreams; write the name of one" +
                                 base::suggestion(*f.upstream, pools));
    if (!f.role_field.empty() && f.user_field.empty())
      fault(f.mark, where + " has role_field, but no user_field; write whose role it is");
  }

  void issuer(const config::TokenIssuer& i, const std::string& where) {
    const bool file = !i.keys_file.empty();
    const bool url = !i.jwks_url.empty();
    const bool secret = !i.secret.empty();
    if (!file && !url && !secret && i.secret_mark.line == 0)
      fault(i.mark, where + " has no keys; write secret, keys_file or jwks_url");
    // One key, one algorithm, one issuer: never a choice that a token could make.
    if (static_cast<int>(file) + static_cast<int>(url) + static_cast<int>(secret) > 1)
      fault(i.mark, where +
                        " has several of secret, keys_file and jwks_url; write one issuer for "
                        "each");
    if (!i.ca_file.empty() && !url)
      fault(i.ca_mark, where + ".ca_file is given, but no jwks_url; remove it");
    if (!file) return;
    const std::string text = content_of(i.keys_file);
    if (text.empty())
      return fault(i.keys_file_mark, where + ".keys_file names " + i.keys_file +
                                         ", which cannot be read or is empty; write the path of a "
                                         "JWKS or of a public key in PEM");
    if (const ReadKeySet set = read_key_file(text); !set.why.empty())
      fault(i.keys_file_mark, where + ".keys_file names " + i.keys_file + ", which " + set.why);
  }

  const config::Settings& settings_;
  std::vector<config::Problem> problems_;
};

}  // namespace

Issuers make_issuers(const config::Tokens& settings) {
  Issuers out;
  for (const config::TokenIssuer& row : settings.issuers) {
    TokenIssuer issuer;
    issuer.name = row.name;
    KeySet keys;
    if (!row.secret.empty()) {
      if (const jose::KeyPtr key = jose::Key::from_secret(row.secret).key)
        keys.push_back({{}, key});
    } else if (!row.keys_file.empty()) {
      keys = read_key_file(content_of(row.keys_file)).keys;
    }
    issuer.keys = std::make_shared<const KeySet>(std::move(keys));
    issuer.issuer = row.issuer;
    issuer.audience = row.audience;
    issuer.leeway = seconds(row.leeway);
    issuer.longest = seconds(row.longest);
    issuer.claims = {row.user_claim, row.role_claim,   row.agency_claim,
                     row.site_claim, row.module_claim, row.scope_claim};
    out.push_back(std::move(issuer));
  }
  return out;
}

std::vector<config::Problem> warn_access(const config::Settings& settings) {
  std::vector<config::Problem> out;
  if (!settings.tenants.module_apis || settings.tenants.membership ||
      settings.hosts.app_hosts.empty())
    return out;
  const auto& rules = settings.access.rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& r = rules[i];
    const bool on_app =
        r.hosts.empty() || std::find(r.hosts.begin(), r.hosts.end(), "app") != r.hosts.end();
    if (!on_app || std::find(r.accept.begin(), r.accept.end(), Credential::jwt) == r.accept.end())
      continue;
    out.push_back(
        {r.mark, "access.rules[" + std::to_string(i) +
                     "] accepts jwt on app hosts, where tenants.module_apis is on and "
                     "tenants.membership is not: a token without a site or agency of its own opens "
                     "the modules of every site; write tenants: { membership: true }, or have "
                     "tokens say site_id or agency_id"});
  }
  return out;
}

std::vector<config::Problem> check_access(const config::Settings& settings) {
  return Checker(settings).run();
}

}  // namespace marquee::identity
