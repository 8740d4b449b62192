// Decode strictly, build new, start, swap, stop old; any failure leaves the old
// settings in force and says why (design 3, Reload).
#include "app/check.hpp"
#include "app/program.hpp"

namespace marquee::app {
namespace {

std::shared_ptr<const proxy::ListenerFacts> facts_of(const config::Listener& listener,
                                                     std::uint32_t id, const std::string& address,
                                                     std::uint16_t port) {
  auto facts = std::make_shared<proxy::ListenerFacts>();
  facts->id = id;
  facts->address = address;
  facts->protocol = listener.protocol;
  facts->proxy_protocol = listener.proxy_protocol;
  facts->public_port = listener.public_port ? listener.public_port : port;
  facts->fallback = *listener.fallback;
  facts->h2c = listener.h2c;
  return facts;
}

}  // namespace

void Program::reload(std::function<void(admin::ReloadResult)> done) {
  const auto begun = std::chrono::steady_clock::now();
  notifier_.reloading(monotonic_now());
  Loaded loaded = load_and_check(path_);
  admin::ReloadResult result;
  if (loaded.ok())
    result = apply(std::move(loaded.settings));
  else
    result.problems = std::move(loaded.problems);
  result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  ++(result.ok ? reloads_good_ : reloads_bad_);
  last_reload_ = {true, result.ok,
                  std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()),
                  result.duration, result.problems};
  for (const std::string& problem : result.problems)
    logger_.warn(result.ok ? "waits for a restart" : "reload refused", {{"reason", problem}});
  if (result.ok) logger_.info("reloaded", {{"took", result.duration}});
  // The answer comes when every worker runs under the new settings.
  on_all_workers([](Node&) {},
                 [this, result, done = std::move(done)] {
                   notifier_.ready(result.ok ? "serving" : "serving; the last reload was refused");
                   done(result);
                 });
}

admin::ReloadResult Program::apply(config::Settings next) {
  admin::ReloadResult result;
  auto refuse = [&result](std::string why) {
    result.problems = {std::move(why)};
    return result;
  };
  const config::Settings& old = snapshot_->settings();
  const config::Change change = config::compare(old, next);
  config::Settings settings = config::until_restart(old, std::move(next));

  if (std::string lost = config::lost_pool(settings); !lost.empty()) return refuse(std::move(lost));

  // Build and start: nothing that serves is touched until all of it stands.
  UpstreamGroups::Prepared groups = upstreams_.prepare(settings);
  if (!groups.error.empty()) return refuse(groups.error);
  bool tls = false;
  for (const config::Listener& l : settings.listeners)
    tls |= l.protocol == config::ListenerProtocol::https;
  if (tls && !certificates_)
    return refuse("the first https listener needs a restart: none was there at the start");
  std::shared_ptr<const tls::ServerContext> context;
  if (tls) {
    auto made = tls::ServerContext::make(settings.tls, tickets_, alpn_of(settings));
    if (!made.value) return refuse(made.error);
    context = std::move(made.value);
    // The same policy keeps its context, so that reloads do not pile them up.
    if (context_ && context_->policy_digest() == context->policy_digest() &&
        context_->alpn() == context->alpn())
      context = context_;
  }
  Added added;
  for (std::size_t i : change.listeners.added) {
    const config::Listener& listener = settings.listeners[i];
    BoundListener bound = bind_listener(listener.address, listener.backlog, nodes_.size(), passed_);
    if (!bound.error.empty()) return refuse(bound.error);
    added.emplace_back(i, std::move(bound));
  }
  if (const std::string error = redirect_logs(old.log, settings.log); !error.empty())
    return refuse(error);
  auto snapshot = std::make_shared<const proxy::Snapshot>(std::move(settings), intermediates_);
  const config::Settings& in_force = snapshot->settings();

  // Swap.
  old_snapshots_.push_back(snapshot_);
  snapshot_ = snapshot;
  context_ = context;
  logger_.set_level(base::log_level(in_force.log.level).value_or(base::LogLevel::info));
  admin_->set_token(in_force.admin.token);
  put_in_force(snapshot, std::move(groups.groups), context);
  context_keys_->put_in_force(in_force.context);
  change_listeners(change.listeners, in_force, std::move(added));
  const unsigned port = https_port();
  on_all_workers([port](Node& node) { node.front->set_https_port(port); });
  result.ok = true;
  result.problems = change.restart;
  return result;
}

// The last step that can fail: a log of which the other cannot be opened goes
// back to where it was.
std::string Program::redirect_logs(const config::Log& old, const config::Log& next) {
  const auto level = [](const config::Log& log) {
    return base::log_level(log.level).value_or(base::LogLevel::info);
  };
  if (next.file != old.file)
    if (auto failure = logger_.open(next.file, level(next))) return failure->sentence;
  if (next.access_format == config::AccessFormat::off) return {};
  std::optional<base::Failure> failure;
  if (!access_log_) {
    auto writer = std::make_unique<base::LogWriter>(
        base::LogWriter::Options{next.access_file, next.queue, nodes_.size()});
    failure = writer->start();
    if (!failure) {
      access_log_ = std::move(writer);
      on_all_workers(
          [this](Node& node) { node.front->set_log(&access_log_->worker(node.worker->index())); });
    }
  } else if (access_log_->target() != next.access_file) {
    failure = access_log_->redirect(next.access_file);
  }
  if (!failure) return {};
  if (next.file != old.file) logger_.open(old.file, level(old));
  return failure->sentence;
}

// listeners_ has the order of the old settings, and gets that of the new ones.
void Program::change_listeners(const config::ListenerChange& change,
                               const config::Settings& settings, Added added) {
  std::vector<OpenListener> next(settings.listeners.size());
  for (const auto& [was, is] : change.kept) {
    next[is] = std::move(listeners_[was]);
    keep_listener(next[is], settings.listeners[is]);
  }
  for (auto& [i, bound] : added) next[i] = add_listener(settings.listeners[i], std::move(bound));
  for (std::size_t i : change.removed) remove_listener(listeners_[i]);
  listeners_ = std::move(next);
}

// The sockets stay; what the listener says of itself may be new.
void Program::keep_listener(OpenListener& open, const config::Listener& settings) {
  open.settings = settings;
  open.facts = facts_of(settings, open.facts->id, open.facts->address, open.port);
  on_all_workers([facts = open.facts](Node& node) { node.front->update_listener(facts); });
}

Program::OpenListener Program::add_listener(const config::Listener& settings, BoundListener bound) {
  auto facts = facts_of(settings, next_listener_++, bound.address, bound.port);
  auto sockets = std::make_shared<std::vector<net::Fd>>(std::move(bound.sockets));
  on_all_workers([facts, sockets](Node& node) {
    node.front->add_listener(std::move((*sockets)[node.worker->index()]), facts);
  });
  logger_.info("listening",
               {{"address", facts->address}, {"protocol", facts->secure() ? "https" : "http"}});
  return {settings, std::move(facts), bound.port};
}

void Program::remove_listener(const OpenListener& open) {
  on_all_workers([id = open.facts->id](Node& node) { node.front->remove_listener(id); });
  logger_.info("no longer listening", {{"address", open.facts->address}});
}

}  // namespace marquee::app
