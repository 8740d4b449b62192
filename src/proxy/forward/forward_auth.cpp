#include "proxy/forward/forward_auth.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

using identity::AccessResult;
using identity::Forward;
using identity::ForwardVerdict;

// What can be remembered of a server's question at all.
bool may_share(const Forward& forward, const identity::Digest& digest) {
  return forward.ttl.count() > 0 && digest != identity::Digest{};
}

std::string host_of(const Exchange& exchange) {
  const ConnectionFacts& facts = exchange.facts();
  base::HostBuffer buffer;
  const auto given = base::normalise_into(exchange.request().host, buffer);
  return identity::said_host(given.text, given.port, facts.public_port, facts.secure);
}

// Those that it gets of the client, as they came. Twins with underscores are others,
// and end here (apply).
std::vector<identity::FieldView> sent_fields(const Exchange& exchange, const Forward& forward) {
  std::vector<identity::FieldView> out;
  for (const http::Field& f : exchange.request().fields) {
    const auto named = [&f](const std::string& name) { return http::iequals(f.name, name); };
    if (!f.dropped &&
        std::any_of(forward.request_fields.begin(), forward.request_fields.end(), named))
      out.emplace_back(f.name, f.value);
  }
  return out;
}

identity::ForwardQuestion question_of(const Exchange& exchange, const Forward& forward) {
  const http::RequestHead& request = exchange.request();
  const routing::Domain& domain = *exchange.plan()->domain;
  identity::ForwardQuestion question;
  question.scheme = exchange.facts().secure ? "https" : "http";
  question.host = host_of(exchange);
  question.method = request.method_name;
  question.target = request.path;
  question.client = exchange.client_text();
  question.agency = domain.agency.text();
  question.site = domain.site.text();
  question.module = domain.module.text();
  question.installation = domain.installation.text();
  question.fields = sent_fields(exchange, forward);
  return question;
}

std::string_view value_of(const identity::FieldList& fields, std::string_view name) {
  for (const auto& [n, value] : fields)
    if (http::iequals(n, name)) return value;
  return {};
}

}  // namespace

ForwardAuth::ForwardAuth(net::Turn& turn, const ProxyMetrics& metrics, base::Cells& cells,
                         std::uint64_t seed, Judge& judge)
    : turn_(turn), metrics_(metrics), cells_(cells), seed_(seed | 1), judge_(judge), known_(1) {}

ForwardAuth::~ForwardAuth() = default;

// A server that is as it was keeps its count.
void ForwardAuth::install(const config::Access& access) {
  ++epoch_;
  known_ = Passes(access.cache);
  const auto old = std::exchange(servers_, {});
  std::vector<Forward> forwards = identity::make_forwards(access);
  auto names = identity::names_of_servers(forwards);
  withheld_ =
      names.empty() ? nullptr : std::make_shared<const std::vector<std::string>>(std::move(names));
  longest_ = net::Ms(0);
  for (Forward& forward : forwards) {
    longest_ = std::max(longest_, net::Ms(forward.timeout));
    const auto same =
        std::find_if(old.begin(), old.end(), [&](const auto& s) { return s->forward == forward; });
    servers_.push_back(same != old.end() ? *same : std::make_shared<Server>());
    if (same == old.end()) servers_.back()->forward = std::move(forward);
  }
}

void ForwardAuth::forget(const std::vector<identity::Digest>& digests) {
  ++epoch_;
  if (digests.empty()) {
    known_ = Passes(known_.budget());
    return;
  }
  if (known_.size() == 0) return;
  std::unordered_set<std::uint64_t> marks;
  for (const identity::Digest& digest : digests) marks.insert(identity::mark_of(digest));
  known_.erase_if([&marks](const Key&, const Known& known) {
    const auto meant = [&marks](std::uint64_t mark) { return marks.contains(mark); };
    return known.shown.any ||
           std::any_of(known.shown.marks.begin(), known.shown.marks.end(), meant);
  });
}

void ForwardAuth::withhold(Exchange& exchange) const {
  if (withheld_) exchange.withhold(withheld_);
}

std::shared_ptr<ForwardAuth::Server> ForwardAuth::find(std::string_view name) const {
  for (const auto& server : servers_)
    if (server->forward.name == name) return server;
  return nullptr;
}

ForwardAuth::Key ForwardAuth::key_of(const Exchange& exchange, const Forward& forward) {
  Key key{identity::digest_of(forward, question_of(exchange, forward), sha256_), 0};
  std::memcpy(&key.hash, key.digest.data(), sizeof key.hash);
  key.hash *= seed_;
  key.hash ^= key.hash >> 32;
  return key;
}

Gate::Verdict ForwardAuth::ask(Exchange& exchange, std::string_view name, GateAnswer& answer) {
  const std::shared_ptr<Server> server = find(name);
  if (!server) return refuse(answer);
  if (server->forward.ttl.count() == 0) return begin(exchange, server, {}, false, answer);
  const Key key = key_of(exchange, server->forward);
  if (const Known* known = known_.find(key); known && turn_.now() < known->until) {
    const auto pass = known->pass;
    apply(exchange, server, *pass);
    return Gate::Verdict::pass;
  }
  const bool share = may_share(server->forward, key.digest);
  if (const auto same = shared_.find(key);
      share && same != shared_.end() && questions_.at(same->second).epoch == epoch_) {
    questions_.at(same->second).waiting.push_back(&exchange);
    asks_[&exchange] = same->second;
    return Gate::Verdict::wait;
  }
  return begin(exchange, server, key, share, answer);
}

Gate::Verdict ForwardAuth::begin(Exchange& exchange, const std::shared_ptr<Server>& server,
                                 const Key& key, bool shared, GateAnswer& answer) {
  const Forward& forward = server->forward;
  const std::uint64_t client = network_of(exchange);
  if (!server->under_way.take(client, forward.requests)) {
    count(ForwardEnd::too_many);
    return refuse(answer);
  }
  AuthRequest::Asks asks = asks_for(exchange, forward);
  if (!asks.pool) {
    server->under_way.give_back(client);
    return refuse(answer);
  }
  AuthRequest::Owner& owner = *this;
  auto request = std::make_unique<AuthRequest>(turn_, owner, std::move(asks));
  AuthRequest* const raw = request.get();
  identity::ShownCredentials shown;
  if (shared) shown = identity::credentials_of(forward, question_of(exchange, forward), sha256_);
  questions_.emplace(
      raw,
      Question{
          server, std::move(request), key, client, shared, std::move(shown), epoch_, {&exchange}});
  asks_[&exchange] = raw;
  if (shared) shared_[key] = raw;
  raw->start();
  return Gate::Verdict::wait;
}

AuthRequest::Asks ForwardAuth::asks_for(Exchange& exchange, const Forward& forward) const {
  const http::RequestHead& request = exchange.request();
  AuthRequest::Asks asks;
  asks.pool = exchange.pool_named(forward.upstream);
  asks.backlog = exchange.services().backlog;
  asks.target = forward.path;
  asks.plan = exchange.plan()->shared_from_this();
  asks.context = exchange.services().tenant_context.fields(
      *asks.plan, exchange.host(), nullptr, exchange.settings().context, turn_.wall_ms() / 1000);
  asks.limits = exchange.limits();
  asks.timeout = forward.timeout;
  asks.body = forward.body;
  asks.tenant = exchange.tenant();
  const auto add = [&asks](std::string_view name, std::string_view value) {
    if (!value.empty()) asks.fields.add(name, value);
  };
  add("X-Forwarded-Method", request.method_name);
  add("X-Forwarded-Proto", exchange.facts().secure ? "https" : "http");
  add("X-Forwarded-Host", host_of(exchange));
  add("X-Forwarded-Uri", request.path);
  add("X-Forwarded-For", exchange.client_text());
  add("X-Request-Id", exchange.ids().request_id());
  add("traceparent", exchange.ids().traceparent());
  add("Accept-Encoding", "identity");
  for (const auto& [name, value] : sent_fields(exchange, forward)) asks.fields.add(name, value);
  return asks;
}

void ForwardAuth::on_answered(AuthRequest& request) {
  const auto found = questions_.find(&request);
  if (found == questions_.end()) return;
  Question question = std::move(found->second);
  questions_.erase(found);
  leave(question);
  const Result result = result_of(question, request.answer());
  turn_.retire(std::move(question.request));
  // Whoever is told may end others, which then leave by cancel().
  told_now_ = &question.waiting;
  std::reverse(question.waiting.begin(), question.waiting.end());  // who asked is the last
  for (bool joined = false; !question.waiting.empty(); joined = true) {
    Exchange& exchange = *question.waiting.back();
    question.waiting.pop_back();
    asks_.erase(&exchange);
    deliver(exchange, question, result, joined);
  }
  told_now_ = nullptr;
}

void ForwardAuth::deliver(Exchange& exchange, const Question& question, const Result& result,
                          bool joined) {
  GateAnswer answer;
  Gate::Verdict verdict = Gate::Verdict::refuse;
  // Under new settings another server may have to be asked, or none.
  const auto server = find(judge_.server_of(exchange));
  if (server != question.server) {
    verdict = judge_.judge_anew(exchange, answer);
  } else if (joined && !result.for_all) {
    verdict = begin(exchange, server, {}, false, answer);
  } else if (result.pass) {
    apply(exchange, server, *result.pass);
    verdict = Gate::Verdict::pass;
  } else {
    count(result.how);
    answer = result.answer;
  }
  if (verdict != Gate::Verdict::wait) exchange.gate_decided(verdict, std::move(answer));
}

ForwardAuth::Result ForwardAuth::result_of(const Question& question, AuthRequest::Answer& answer) {
  const Forward& forward = question.server->forward;
  if (answer.failure != UpstreamFailure::none) {
    const bool late = answer.failure == UpstreamFailure::total_timeout ||
                      answer.failure == UpstreamFailure::connect_timeout;
    return unusable(question, late ? ForwardEnd::timed_out : ForwardEnd::failed,
                    name(answer.failure));
  }
  switch (identity::verdict_of(answer.status)) {
    case ForwardVerdict::unusable:
      return unusable(question, ForwardEnd::unusable, "status " + std::to_string(answer.status));
    case ForwardVerdict::refused: {
      auto out = refusal_of(forward, answer);
      if (!out) return unusable(question, ForwardEnd::unusable, "too many fields in its refusal");
      count(ForwardEnd::refused);
      return std::move(*out);
    }
    case ForwardVerdict::passes:
      break;
  }
  auto pass = identity::pass_of(forward, answer.fields, sha256_);
  if (!pass) return unusable(question, ForwardEnd::unusable, "fields that cannot be taken over");
  count(ForwardEnd::passed);
  auto kept = std::make_shared<Pass>();
  if (!pass->fields.empty()) {
    auto block = std::make_shared<FieldBlock>();
    for (const auto& [name, value] : pass->fields) block->add(name, value);
    kept->fields = std::move(block);
  }
  kept->cookies = std::move(pass->cookies);
  if (!pass->caller.user.empty())
    kept->caller = std::make_shared<const identity::Caller>(std::move(pass->caller));
  Result out;
  out.how = AccessResult::granted;
  out.for_all = question.shared && pass->life.count() > 0;
  if (out.for_all && question.epoch == epoch_)
    known_.insert(question.key, {kept, turn_.now() + pass->life, question.shown}, 1);
  out.pass = std::move(kept);
  return out;
}

// Nothing: it has more fields than can be passed on.
std::optional<ForwardAuth::Result> ForwardAuth::refusal_of(const Forward& forward,
                                                           AuthRequest::Answer& answer) {
  auto fields = identity::refusal_fields(forward, answer.fields);
  if (!fields) return std::nullopt;
  Result out;
  out.how = AccessResult::refused;
  out.answer.cause = RefusalCause::forward_denied;
  LocalContent& content = out.answer.content;
  content.status = answer.status;
  content.fields = std::move(*fields);
  content.fields.emplace_back("Cache-Control", "no-store");
  if (!answer.body.empty()) {
    const std::string_view type = value_of(answer.fields, "content-type");
    content.content_type = type.empty() ? "application/octet-stream" : type;
    const std::string_view coding = value_of(answer.fields, "content-encoding");
    if (!coding.empty()) content.fields.emplace_back("Content-Encoding", coding);
    content.body = std::move(answer.body);
  } else if (answer.status >= 400) {
    content.content_type = "application/json";
    content.body =
        identity::answer_of(answer.status == 401 ? AccessResult::missing : AccessResult::refused,
                            nullptr)
            .body;
  }
  return out;
}

ForwardAuth::Result ForwardAuth::unusable(const Question& question, ForwardEnd end,
                                          std::string_view why) {
  count(end);
  if (told_) told_(question.server->forward.name, why);
  Result out;
  out.for_all = true;
  out.answer = unavailable();
  return out;
}

Gate::Verdict ForwardAuth::refuse(GateAnswer& answer) {
  count(AccessResult::unavailable);
  answer = unavailable();
  return Gate::Verdict::refuse;
}

GateAnswer ForwardAuth::unavailable() {
  const identity::AccessAnswer says = identity::answer_of(AccessResult::unavailable, nullptr);
  GateAnswer answer;
  answer.cause = RefusalCause::forward_unavailable;
  answer.content.status = says.status;
  answer.content.content_type = "application/json";
  answer.content.body = says.body;
  answer.content.fields.emplace_back("Cache-Control", "no-store");
  answer.content.fields.emplace_back("Retry-After", "5");
  return answer;
}

void ForwardAuth::apply(Exchange& exchange, const std::shared_ptr<Server>& server,
                        const Pass& pass) {
  const Forward& forward = server->forward;
  count(AccessResult::granted);
  for (http::Field& f : exchange.request().fields) {
    for (const std::string& name : forward.copy_to_upstream)
      f.dropped |= identity::is_same_field(f.name, name);
    f.dropped |= identity::is_twin_of_judged(forward, f.name);
  }
  exchange.set_judged({server, &forward.request_fields});
  if (pass.fields) exchange.set_request_fields(pass.fields);
  for (const auto& [name, value] : pass.cookies) exchange.set_response_field("Set-Cookie", value);
  if (pass.caller) exchange.set_caller(pass.caller);
}

void ForwardAuth::leave(Question& question) {
  question.server->under_way.give_back(question.client);
  // Since a forget() another may be asked for the same.
  if (const auto same = shared_.find(question.key);
      question.shared && same != shared_.end() && same->second == question.request.get())
    shared_.erase(same);
}

// Where nobody waits any more the question is given up.
void ForwardAuth::cancel(Exchange& exchange) {
  const auto asked = asks_.find(&exchange);
  if (asked == asks_.end()) return;
  const auto found = questions_.find(asked->second);
  asks_.erase(asked);
  if (found == questions_.end()) {
    if (told_now_) std::erase(*told_now_, &exchange);
    return;
  }
  Question& question = found->second;
  std::erase(question.waiting, &exchange);
  if (!question.waiting.empty()) return;
  leave(question);
  question.request->give_up();
  count(ForwardEnd::given_up);
  auto request = std::move(question.request);
  questions_.erase(found);
  turn_.retire(std::move(request));
}

}  // namespace marquee::proxy
