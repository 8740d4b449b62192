// Between the policies and the upstream: paths of our own, and the gates, which
// may make the request wait. Its body is not read meanwhile, its client may leave,
// and a deadline ends it.
#include <algorithm>
#include <utility>

#include "identity/forward.hpp"
#include "proxy/exchange.hpp"

namespace marquee::proxy {

bool Exchange::find_at_edge(EdgePaths::When when) {
  const std::string_view path = request_.path.substr(0, request_.path.find('?'));
  EdgeSource* const source = services_.edge_paths.find(path, when);
  LocalContent content;
  if (!source || !source->answer({request_, path, plan_}, content)) return false;
  answer_for({std::move(content), RefusalCause::none});
  return true;
}

// Its last act: the exchange may be over, and in use again, when it returns.
void Exchange::answer_for(GateAnswer answer) {
  outcome_.cause = answer.cause;
  if (answer.content.status >= 400 && answer.content.content_type.empty())
    return answer_error(answer.content.status);
  answer_locally(std::move(answer.content));
}

void Exchange::pass_gates() {
  while (!gates_ahead_.empty()) {
    const GateKind kind = gates_ahead_.take_first();
    Gate* const gate = services_.gate(kind);
    if (!gate) continue;
    gates_entered_.add(kind);
    GateAnswer answer;
    switch (gate->enter(*this, answer)) {
      case Gate::Verdict::pass:
        break;
      case Gate::Verdict::refuse:
        return answer_for(std::move(answer));
      case Gate::Verdict::wait:
        waits_at_ = kind;
        turn_.deadlines().arm(gate_time_, *this, gate->longest_wait(), turn_.now());
        return;
    }
  }
  choose_upstream();
}

void Exchange::gate_decided(Gate::Verdict verdict, GateAnswer answer) {
  waits_at_.reset();
  gate_time_.disarm();
  if (verdict == Gate::Verdict::pass)
    pass_gates();
  else
    answer_for(std::move(answer));
  read_on_if_answered();
}

void Exchange::stop_waiting_at_gate() {
  gate_time_.disarm();
  services_.gate(*std::exchange(waits_at_, std::nullopt))->cancel(*this);
}

void Exchange::leave_gates() {
  GateSet entered = std::exchange(gates_entered_, {});
  while (!entered.empty()) services_.gate(entered.take_first())->left(*this);
}

// What came of a body while a request waited, and was not taken, is read on, if
// only to be thrown away.
void Exchange::read_on_if_answered() {
  if (!request_paused_ || !client_ || opening_ || !local_.active()) return;
  request_paused_ = false;
  client_->resume_request();
}

void Exchange::set_request_field(std::string_view name, std::string_view value) {
  request_additions_.add(arena_.copy(name), arena_.copy(value));
}

void Exchange::set_request_fields(std::shared_ptr<const FieldBlock> fields) {
  if (request_fields_of_gates_) return;
  request_fields_of_gates_ = std::move(fields);
  request_additions_.add(*request_fields_of_gates_);
}

void Exchange::withhold(const std::shared_ptr<const std::vector<std::string>>& names) {
  withheld_ = names;
  drop_withheld(request_.fields);
}

void Exchange::drop_withheld(http::FieldTable& fields) const {
  for (http::Field& f : fields)
    for (const std::string& name : *withheld_) f.dropped |= identity::is_same_field(f.name, name);
}

void Exchange::set_judged(std::shared_ptr<const std::vector<std::string>> names) {
  judged_ = std::move(names);
}

// The one place where trailers leave for an upstream: they may have come before a gate
// said what is not the client's to say. Servers that merge them into the head would
// take them for what a gate, the settings or Marquee itself said there.
void Exchange::send_request_end() {
  if (trailers_) {
    if (withheld_) drop_withheld(*trailers_);
    for (http::Field& f : *trailers_) f.dropped |= !f.dropped && is_said_before(f.name);
  }
  upstream_->send_end(trailers_);
}

bool Exchange::is_said_before(std::string_view name) const {
  const auto same = [name](std::string_view said) { return identity::is_same_field(name, said); };
  if (judged_ && std::any_of(judged_->begin(), judged_->end(), same)) return true;
  const auto& removed = plan_->request_fields.removed();
  if (std::any_of(removed.begin(), removed.end(), same)) return true;
  const auto fields = request_additions_.fields();
  if (std::any_of(fields.begin(), fields.end(), [&](const AddedField& f) { return same(f.name); }))
    return true;
  for (const FieldBlock* block : request_additions_.blocks())
    if (std::any_of(block->lower().begin(), block->lower().end(),
                    [&](const auto& f) { return same(f.first); }))
      return true;
  return false;
}

std::shared_ptr<UpstreamPool> Exchange::pool_named(std::string_view name) const {
  const auto& upstreams = settings().upstreams;
  for (std::size_t i = 0; i < upstreams.size() && i < pin_->pools.size(); ++i)
    if (upstreams[i].name == name) return pin_->pools[i];
  return nullptr;
}

void Exchange::set_response_field(std::string_view name, std::string_view value) {
  response_fields_of_gates_.push_back({arena_.copy(name), arena_.copy(value)});
}

void Exchange::set_module_call(const ModuleCall& call) {
  module_call_ = {arena_.copy(call.module), arena_.copy(call.site), arena_.copy(call.installation),
                  arena_.copy(call.path)};
  is_module_call_ = true;
}

void Exchange::send_to(std::uint32_t pool, std::string_view target) {
  chosen_pool_ = pool;
  if (!target.empty()) target_ = arena_.copy(target);
}

}  // namespace marquee::proxy
