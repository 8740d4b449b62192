#include "proxy/password_gate.hpp"

#include "identity/basic_auth.hpp"
#include "proxy/exchange.hpp"

namespace marquee::proxy {
namespace {

const config::Visitors& visitors_of(const Exchange& exchange) {
  return proxy::visitors_of(exchange.settings().hosts, *exchange.plan()->domain);
}

struct Entry {
  std::string_view hash;
  bool known = false;  // the user is one of them
};
// Of an unknown user the first one's: its time tells nobody who is known.
Entry entry_of(const config::Visitors& visitors, std::string_view user) {
  Entry out;
  for (const auto& line : visitors.passwords) {
    const std::string_view text(*line);
    const std::size_t colon = text.find(':');
    if (out.hash.empty()) out.hash = text.substr(colon + 1);
    if (text.substr(0, colon) == user) return {text.substr(colon + 1), true};
  }
  return out;
}

base::ClientPrefix client_of(const Exchange& exchange) {
  const auto named = base::IpAddress::parse(exchange.client_text());
  return base::client_prefix(named ? *named : exchange.facts().client, 32, 64);
}

}  // namespace

Gate::Verdict PasswordGate::enter(Exchange& exchange, GateAnswer& answer) {
  const config::Visitors& visitors = visitors_of(exchange);
  if (visitors.passwords.empty()) return Verdict::pass;
  std::optional<identity::BasicCredentials> shown;
  std::size_t fields = 0;
  for (http::Field& f : exchange.request().fields) {
    if (f.twin || !http::iequals(f.name, "authorization")) continue;
    ++fields;
    if (!identity::is_basic(f.value)) continue;
    shown = identity::read_basic(f.value);
    f.dropped = true;
  }
  if (!shown || fields != 1) return refuse(exchange, visitors, answer);
  const Entry entry = entry_of(visitors, shown->user);
  std::string digest = checker_.digest(shown->user, shown->password, entry.hash);
  if (const auto fits = checker_.known(digest, turn_.now()))
    return *fits && entry.known ? Verdict::pass : refuse(exchange, visitors, answer);
  const std::uint64_t ticket = ++last_ticket_;
  auto done = [post = post_, alive = std::weak_ptr(alive_), this, who = &exchange, ticket,
               is_user = entry.known](bool fits) {
    post([alive, this, who, ticket, fits = fits && is_user] {
      if (alive.lock()) resume(who, ticket, fits);
    });
  };
  if (!checker_.check(std::move(digest), client_of(exchange), std::move(shown->password),
                      std::string(entry.hash), std::move(done))) {
    answer.cause = RefusalCause::gate_unavailable;
    answer.content.status = 503;
    return Verdict::refuse;
  }
  waiting_[&exchange] = ticket;
  return Verdict::wait;
}

void PasswordGate::resume(Exchange* exchange, std::uint64_t ticket, bool fits) {
  const auto at = waiting_.find(exchange);
  if (at == waiting_.end() || at->second != ticket) return;
  waiting_.erase(at);
  GateAnswer answer;
  const Verdict verdict = fits ? Verdict::pass : refuse(*exchange, visitors_of(*exchange), answer);
  exchange->gate_decided(verdict, std::move(answer));
}

Gate::Verdict PasswordGate::refuse(Exchange& exchange, const config::Visitors& visitors,
                                   GateAnswer& answer) {
  answer.cause = RefusalCause::unauthenticated;
  answer.content.status = 401;
  exchange.set_response_field("WWW-Authenticate",
                              "Basic realm=\"" + visitors.realm + "\", charset=\"UTF-8\"");
  return Verdict::refuse;
}

}  // namespace marquee::proxy
