#include "proxy/access_gate.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "proxy/exchange.hpp"
#include "proxy/policy/module_path.hpp"

namespace marquee::proxy {
namespace {

using config::Credential;
using identity::AccessResult;
using identity::AccessRule;
using identity::Digest;
using identity::Proof;

// The value of the only field of that name. Two of them could be read in two ways:
// `twice` is set.
std::string_view only(const http::RequestHead& request, std::string_view name, bool& twice) {
  std::string_view value;
  bool found = false;
  for (const http::Field& f : request.fields) {
    if (f.name.size() != name.size() || !http::iequals(f.name, name)) continue;
    twice |= found;
    found = true;
    value = f.value;
  }
  return value;
}

std::string_view query_value(std::string_view target, std::string_view name) {
  const std::size_t mark = target.find('?');
  std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

// The client itself, also behind a trusted proxy.
std::optional<base::IpAddress> client_of(const Exchange& exchange) {
  if (const auto parsed = base::IpAddress::parse(exchange.client_text())) return parsed;
  if (exchange.facts().client_known) return exchange.facts().client;
  return std::nullopt;
}

RefusalCause cause_of(AccessResult result) {
  switch (result) {
    case AccessResult::unavailable:
      return RefusalCause::access_unavailable;
    case AccessResult::missing:
    case AccessResult::invalid:
    case AccessResult::expired:
      return RefusalCause::unauthenticated;
    default:
      return RefusalCause::access_denied;
  }
}

AccessProof proof_kind(Credential kind) { return static_cast<AccessProof>(kind); }

Proof wrong_proof(Credential kind, AccessResult result = AccessResult::invalid) {
  Proof out;
  out.kind = kind;
  out.result = result;
  return out;
}

// Within the module's API; elsewhere the path itself. Empty: servers could read it in
// different ways, so that it is no endpoint that a list could name.
std::string_view endpoint_path(std::string_view target, const policy::ModuleRoute& to) {
  if (!to.path.empty()) return to.path;
  std::string buffer;
  const base::ReadPath path = base::read_path(target, buffer);
  return path.plain() ? path.raw : std::string_view();
}

// Who asks after a change does not wait for an answer from before it: `epoch`.
std::string key_of(Credential kind, const Digest& digest, std::uint64_t epoch) {
  std::string out = std::to_string(epoch);
  out.push_back(static_cast<char>(kind));
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return out;
}

}  // namespace

// Between the directory's threads and this worker: answers that come when the gate
// is gone find nobody.
struct AccessGate::Mailbox {
  std::mutex mutex;
  Post post;                   // empty: the gate is gone
  AccessGate* gate = nullptr;  // the worker's thread only
  void send(std::function<void()> job) {
    const std::lock_guard hold(mutex);
    if (post) post(std::move(job));
  }
};

AccessGate::AccessGate(net::Turn& turn, const ProxyMetrics& metrics, base::Cells& cells,
                       std::uint64_t seed, Post post)
    : turn_(turn),
      metrics_(metrics),
      cells_(cells),
      seed_(seed),
      forward_(turn, metrics, cells, seed, *this),
      mailbox_(std::make_shared<Mailbox>()) {
  mailbox_->post = std::move(post);
  mailbox_->gate = this;
}

AccessGate::~AccessGate() {
  const std::lock_guard hold(mailbox_->mutex);
  mailbox_->post = nullptr;
  mailbox_->gate = nullptr;
}

void AccessGate::install(const config::Settings& settings) {
  const config::Access& access = settings.access;
  policy_ = identity::AccessPolicy(access);
  cookie_ = access.tokens.cookie;
  embed_ = access.embed;
  forward_.install(access);
  ++epoch_;
  cache_.reset();
  wrong_.reset();
  if (policy_.empty()) return;
  cache_ =
      std::make_unique<identity::ProofCache>(access.cache, access.ttl, access.negative_ttl, seed_);
  wrong_ = std::make_unique<tls::RefusalBudget>(access.wrong_burst, access.wrong_rate, seed_, 4096);
}

void AccessGate::set_issuers(std::shared_ptr<const identity::Issuers> issuers) {
  issuers_ = std::move(issuers);
  forget({});
}

void AccessGate::forget(const std::vector<Digest>& digests) {
  ++epoch_;
  if (!cache_) return;
  forward_.forget(digests);
  if (digests.empty()) return cache_->clear();
  for (const Digest& digest : digests) cache_->erase(digest);
}

Gate::Verdict AccessGate::enter(Exchange& exchange, GateAnswer& answer) {
  if (policy_.empty()) return Verdict::pass;
  forward_.withhold(exchange);
  return judge_anew(exchange, answer);
}

Gate::Verdict AccessGate::judge_anew(Exchange& exchange, GateAnswer& answer) {
  const http::RequestHead& request = exchange.request();
  const auto found =
      policy_.find(request.method_name, request.path, exchange.plan()->domain->host_class);
  if (found.ambiguous) {
    count(AccessProof::none, AccessResult::ambiguous_path);
    return refuse(AccessResult::ambiguous_path, found.rule, answer);
  }
  if (!found.rule) return Verdict::pass;
  const std::optional<Shown> shown = shown_by(exchange, *found.rule);
  if (shown || !found.rule->optional || !found.rule->forward.empty()) exchange.set_admitted();
  if (shown) return check(exchange, *found.rule, *shown, answer);
  if (!found.rule->forward.empty()) return forward_.ask(exchange, found.rule->forward, answer);
  const AccessResult result =
      found.rule->optional ? AccessResult::anonymous : AccessResult::missing;
  count(AccessProof::none, result);
  return found.rule->optional ? Verdict::pass : refuse(result, found.rule, answer);
}

// Only of those that were asked about: such a request showed no other proof.
std::string_view AccessGate::server_of(const Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  const auto found =
      policy_.find(request.method_name, request.path, exchange.plan()->domain->host_class);
  return found.rule && !found.ambiguous ? std::string_view(found.rule->forward)
                                        : std::string_view();
}

// A server may have to be asked twice, under old settings and under new ones.
net::Ms AccessGate::longest_wait() const {
  return std::max(Gate::longest_wait(), 2 * forward_.longest() + net::Ms(1000));
}

// Keys of both kinds come in the same fields; which kind it is shows in its text.
std::optional<AccessGate::Shown> AccessGate::shown_key(const Exchange& exchange,
                                                       const AccessRule& rule,
                                                       std::string_view bearer, bool& twice) {
  const bool keys = rule.accepts(Credential::api_key);
  const bool consumers = rule.accepts(Credential::consumer);
  if (!keys && !consumers) return std::nullopt;
  std::string_view key = only(exchange.request(), "x-api-key", twice);
  if (key.empty() && keys && identity::is_platform_key(bearer)) key = bearer;
  if (key.empty() && consumers && identity::is_consumer_key(bearer)) key = bearer;
  if (key.empty() && !twice) return std::nullopt;
  const bool consumer = consumers && (!keys || identity::is_consumer_key(key));
  return Shown{consumer ? Credential::consumer : Credential::api_key, twice ? "" : key};
}

// The first that is there is the one that counts: a request with a good and a wrong
// proof is not tried again with the other.
std::optional<AccessGate::Shown> AccessGate::shown_by(const Exchange& exchange,
                                                      const AccessRule& rule) const {
  const http::RequestHead& request = exchange.request();
  bool twice = false;
  const std::string_view bearer = identity::bearer_of(only(request, "authorization", twice));
  if (const auto key = shown_key(exchange, rule, bearer, twice)) return key;
  if (rule.accepts(Credential::jwt)) {
    std::string_view token = bearer;
    if (token.empty() && !cookie_.empty())
      token = identity::cookie_of(only(request, "cookie", twice), cookie_);
    if (!token.empty() || twice) return Shown{Credential::jwt, twice ? "" : token};
  }
  if (rule.accepts(Credential::embed)) {
    std::string_view token = only(request, "x-embed-token", twice);
    if (token.empty()) token = query_value(request.path, "token");
    if (!token.empty() || twice) return Shown{Credential::embed, twice ? "" : token};
  }
  return std::nullopt;
}

Gate::Verdict AccessGate::check(Exchange& exchange, const AccessRule& rule, const Shown& shown,
                                GateAnswer& answer) {
  const Digest digest = sha256_.of(shown.text);
  if (auto* entry = cache_->find(shown.kind, digest, turn_.now()))
    return decide(exchange, rule, entry->proof, entry, answer);
  if (!wrong_->allows(network_of(exchange), turn_.now())) {
    count(proof_kind(shown.kind), AccessResult::flood);
    return refuse(AccessResult::flood, &rule, answer);
  }
  if (shown.kind == Credential::jwt)
    return decide(exchange, rule, remember(digest, check_token(shown.text, digest), exchange),
                  nullptr, answer);
  identity::EmbedClaims embed;
  std::optional<Proof> proof;
  if (shown.kind == Credential::embed)
    proof = check_embed(shown.text, digest, embed);
  else if (!identity::may_be_api_key(shown.text) ||
           (shown.kind == Credential::consumer && !identity::is_consumer_key(shown.text)))
    proof = wrong_proof(shown.kind);
  if (proof)
    return decide(exchange, rule, remember(digest, std::move(*proof), exchange), nullptr, answer);
  return ask(exchange, shown, digest, std::move(embed), rule, answer);
}

Proof AccessGate::check_token(std::string_view token, const Digest& digest) {
  const identity::TokenVerdict verdict = identity::verify_token(token, *issuers_, wall_seconds());
  Proof proof = identity::proof_of(verdict, digest);
  if (verdict.fault == identity::TokenFault::unknown_key && verdict.issuer < issuers_->size()) {
    // Without any key it is our own ignorance, not the token's fault.
    if ((*issuers_)[verdict.issuer].keys->empty()) proof.result = AccessResult::unavailable;
    if (key_missing_) key_missing_(verdict.issuer);
  }
  return proof;
}

// Nothing: its row must be asked for, and `legacy` says which.
std::optional<Proof> AccessGate::check_embed(std::string_view token, const Digest& digest,
                                             identity::EmbedClaims& legacy) const {
  if (token.starts_with(identity::kSignedEmbed)) {
    if (embed_.secret.empty()) return wrong_proof(Credential::embed);
    return identity::proof_of_signed_embed(token, embed_.secret, digest, wall_seconds());
  }
  auto claims = embed_.legacy ? identity::read_legacy_embed(token) : std::nullopt;
  if (!claims) return wrong_proof(Credential::embed);
  if (claims->expires <= wall_seconds()) {
    Proof proof = wrong_proof(Credential::embed, AccessResult::expired);
    proof.genuine = false;  // nobody signed it
    return proof;
  }
  legacy = std::move(*claims);
  return std::nullopt;
}

// What was found wrong counts against the client; what could not be checked does not.
Proof& AccessGate::remember(const Digest& digest, Proof proof, const Exchange& exchange) {
  if (identity::counts_as_wrong(proof)) wrong_->failed(network_of(exchange), turn_.now());
  return cache_->put(digest, std::move(proof), turn_.now(), wall_seconds()).proof;
}

Gate::Verdict AccessGate::ask(Exchange& exchange, const Shown& shown, const Digest& digest,
                              identity::EmbedClaims embed, const AccessRule& rule,
                              GateAnswer& answer) {
  const std::string key = key_of(shown.kind, digest, epoch_);
  const auto found = questions_.find(key);
  const std::uint64_t network = network_of(exchange);
  if (found == questions_.end() && (!keys_ || !shares_.take(network, kMostQuestions))) {
    count(proof_kind(shown.kind), AccessResult::unavailable);
    return refuse(AccessResult::unavailable, &rule, answer);
  }
  asks_[&exchange] = key;
  if (found != questions_.end()) {
    found->second.waiting.push_back(&exchange);
    return Verdict::wait;
  }
  Question question{shown.kind, digest, epoch_, std::move(embed), {}, network, {&exchange}};
  if (shown.kind == Credential::consumer)
    question.prefix = shown.text.substr(0, identity::kConsumerPrefix);
  const Question& kept = questions_.emplace(key, std::move(question)).first->second;
  send(key, kept);
  return Verdict::wait;
}

// The answer may come on any thread, also inside the call: it is posted.
void AccessGate::send(const std::string& key, const Question& question) {
  const auto hand_over = [mailbox = mailbox_, key](std::function<Proof(std::int64_t)> judge) {
    mailbox->send([mailbox, key, judge = std::move(judge)] {
      if (mailbox->gate) mailbox->gate->deliver(key, judge(mailbox->gate->wall_seconds()));
    });
  };
  if (question.kind == Credential::api_key)
    return keys_->find_api_key(
        identity::lower_hex(question.digest),
        [hand_over, digest = question.digest](identity::KeyAnswer<identity::ApiKeyRecord> found) {
          hand_over([found = std::move(found), digest](std::int64_t now) {
            return identity::proof_of(found, digest, now);
          });
        });
  if (question.kind == Credential::consumer)
    return keys_->find_consumer(
        identity::lower_hex(question.digest), question.prefix,
        [hand_over, digest = question.digest](identity::KeyAnswer<identity::ConsumerRecord> found) {
          hand_over([found = std::move(found), digest](std::int64_t) {
            return identity::proof_of(found, digest);
          });
        });
  keys_->find_embed_token(question.embed.site, question.embed.module,
                          [hand_over, digest = question.digest, claims = question.embed](
                              identity::KeyAnswer<identity::EmbedTokenRecord> found) {
                            hand_over([found = std::move(found), claims, digest](std::int64_t now) {
                              return identity::proof_of(found, claims, digest, now);
                            });
                          });
}

void AccessGate::deliver(const std::string& key, Proof proof) {
  const auto found = questions_.find(key);
  if (found == questions_.end()) return;
  Question question = std::move(found->second);
  questions_.erase(found);
  shares_.give_back(question.network);
  if (cache_) {
    if (identity::counts_as_wrong(proof))
      for (const Exchange* exchange : question.waiting)
        wrong_->failed(network_of(*exchange), turn_.now());
    if (question.epoch == epoch_) cache_->put(question.digest, proof, turn_.now(), wall_seconds());
  }
  // Whoever is told may end others, which then leave by cancel().
  told_ = &question.waiting;
  while (!question.waiting.empty()) {
    Exchange& exchange = *question.waiting.back();
    question.waiting.pop_back();
    asks_.erase(&exchange);
    GateAnswer answer;
    const Verdict verdict = decide_late(exchange, proof, answer);
    exchange.gate_decided(verdict, std::move(answer));
  }
  told_ = nullptr;
}

// The settings may have changed meanwhile: the rule is looked for again.
Gate::Verdict AccessGate::decide_late(Exchange& exchange, const Proof& proof, GateAnswer& answer) {
  const http::RequestHead& request = exchange.request();
  const auto found =
      policy_.find(request.method_name, request.path, exchange.plan()->domain->host_class);
  if (found.ambiguous) {
    count(AccessProof::none, AccessResult::ambiguous_path);
    return refuse(AccessResult::ambiguous_path, found.rule, answer);
  }
  if (!found.rule) return Verdict::pass;
  if (found.rule->accepts(proof.kind)) return decide(exchange, *found.rule, proof, nullptr, answer);
  count(proof_kind(proof.kind), AccessResult::missing);
  return refuse(AccessResult::missing, found.rule, answer);
}

void AccessGate::cancel(Exchange& exchange) {
  forward_.cancel(exchange);
  const auto found = asks_.find(&exchange);
  if (found == asks_.end()) return;
  if (const auto question = questions_.find(found->second); question != questions_.end())
    std::erase(question->second.waiting, &exchange);
  if (told_) std::erase(*told_, &exchange);
  asks_.erase(found);
}

Gate::Verdict AccessGate::decide(Exchange& exchange, const AccessRule& rule, const Proof& proof,
                                 identity::ProofCache::Entry* entry, GateAnswer& answer) {
  const routing::Domain& domain = *exchange.plan()->domain;
  identity::TenantOfRequest tenant{domain.agency.text(), domain.site.text(), domain.module.text(),
                                   domain.host_class};
  std::optional<base::IpAddress> client;
  if (!proof.addresses.empty() && (client = client_of(exchange))) tenant.client = &*client;
  if (!proof.origins.empty()) {
    bool twice = false;
    tenant.origin = only(exchange.request(), "origin", twice);
    // A frame is loaded without an Origin: the page's address is in the Referer.
    if (tenant.origin.empty() && proof.kind == Credential::embed)
      tenant.origin = only(exchange.request(), "referer", twice);
    if (twice) tenant.origin = {};
  }
  if (proof.kind == Credential::embed) {
    if (const auto path = identity::embed_path(exchange.request().path)) {
      tenant.embed_module = path->module;
      tenant.embed_site = path->site;
    }
  }
  policy::ModuleRoute to;
  if (proof.kind == Credential::consumer) {
    const http::RequestHead& request = exchange.request();
    to = policy::module_of(request.path,
                           {exchange.plan()->route == RouteClass::app, tenant.module, tenant.site});
    tenant.method = request.method_name;
    tenant.path = endpoint_path(request.path, to);
    // Where the module's routes decide, the gateway knows what they ask for.
    if (to.path.empty() || !exchange.settings().tenants.module_apis)
      tenant.method_scope = identity::scope_of_method(tenant.method);
  }
  const AccessResult result = identity::judge(proof, rule, tenant);
  count(proof_kind(proof.kind), result);
  if (result != AccessResult::granted) return refuse(result, &rule, answer);
  if (entry && entry->caller && entry->agency == tenant.agency && entry->site == tenant.site) {
    exchange.set_caller(entry->caller);
    return Verdict::pass;
  }
  auto caller = identity::caller_for(proof, tenant);
  if (entry) {
    entry->caller = caller;
    entry->agency = tenant.agency;
    entry->site = tenant.site;
  }
  exchange.set_caller(std::move(caller));
  return Verdict::pass;
}

Gate::Verdict AccessGate::refuse(AccessResult result, const AccessRule* rule, GateAnswer& answer) {
  identity::AccessAnswer told = identity::answer_of(result, rule);
  answer.cause = cause_of(result);
  answer.content.status = told.status;
  answer.content.content_type = "application/json";
  answer.content.body = std::move(told.body);
  answer.content.fields.emplace_back("Cache-Control", "no-store");
  if (!told.challenge.empty())
    answer.content.fields.emplace_back("WWW-Authenticate", std::move(told.challenge));
  if (told.status == 503 || told.status == 429)
    answer.content.fields.emplace_back("Retry-After", "5");
  return Verdict::refuse;
}

}  // namespace marquee::proxy
