// Making a connection: hosts in turn, the addresses of each in turn, libpq's own
// state machine by readiness.
#include "store/postgres/connection_impl.hpp"

namespace marquee::store::postgres {

using boost::system::error_code;

void Connection::Impl::start() {
  if (state_ != State::idle && state_ != State::waiting) return;
  host_ = 0;
  addresses_.clear();
  attempt_errors_.clear();
  state_ = State::resolving;
  next_host();
}

void Connection::Impl::next_host() {
  if (host_ == info_.hosts.size()) {
    last_error_ = info_.description + ": " + attempt_errors_;
    retry_later();
    return;
  }
  const PostgresUrl::Host& host = info_.hosts[host_];
  if (!needs_resolving(host)) {
    addresses_ = {host.address};
    return next_address();
  }
  state_ = State::resolving;
  resolver_.resolve(host.host, [weak = weak_from_this(), life = life_](net::ResolveResult found) {
    const auto self = weak.lock();
    if (!self || self->life_ != life) return;
    if (found.status != net::ResolveStatus::ok) return self->attempt_failed(found.sentence);
    self->addresses_.clear();
    for (const auto& address : found.addresses) self->addresses_.push_back(address.text());
    self->next_address();
  });
}

void Connection::Impl::next_address() {
  if (addresses_.empty()) {
    ++host_;
    return next_host();
  }
  const std::string address = addresses_.front();
  addresses_.erase(addresses_.begin());
  connect_to(info_.hosts[host_], address);
}

void Connection::Impl::connect_to(const PostgresUrl::Host& host, const std::string& address) {
  std::vector<const char*> keys, values;
  const auto add = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    keys.push_back(key);
    values.push_back(value.c_str());
  };
  add("host", host.host);
  add("hostaddr", address);
  add("port", host.port);
  for (const auto& [key, value] : info_.parameters) add(key.c_str(), value);
  keys.push_back(nullptr);
  values.push_back(nullptr);

  disconnect();
  state_ = State::connecting;
  connection_.reset(PQconnectStartParams(keys.data(), values.data(), 0));
  if (!connection_) return attempt_failed("out of memory");
  if (PQstatus(connection_.get()) == CONNECTION_BAD)
    return attempt_failed(PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);

  step_timer_.expires_after(info_.connect_timeout
                                ? std::chrono::milliseconds(*info_.connect_timeout)
                                : options_.connect_limit);
  step_timer_.async_wait([weak = weak_from_this(), life = life_](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->life_ != life || self->state_ != State::connecting) return;
    self->attempt_failed("no answer within the time for connecting");
  });
  descriptor_.assign(PQsocket(connection_.get()));
  when_ready(false, &Impl::poll_connect);
}

void Connection::Impl::poll_connect() {
  // The socket may be another one afterwards, perhaps under the same number.
  descriptor_.release();
  const auto status = PQconnectPoll(connection_.get());
  if (status == PGRES_POLLING_FAILED) return attempt_failed(PQerrorMessage(connection_.get()));
  descriptor_.assign(PQsocket(connection_.get()));
  if (status == PGRES_POLLING_OK) return opened();
  when_ready(status == PGRES_POLLING_READING, &Impl::poll_connect);
}

void Connection::Impl::attempt_failed(const std::string& why) {
  const std::string line = one_line(why);
  if (attempt_errors_.size() < 1000) {
    if (!attempt_errors_.empty()) attempt_errors_ += "; ";
    attempt_errors_ += line;
  }
  disconnect();
  next_address();
}

void Connection::Impl::opened() {
  step_timer_.cancel();
  if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1)
    return attempt_failed(PQerrorMessage(connection_.get()));
  state_ = State::preparing;
  wait_readable();
  if (events_.connected) events_.connected();
}

void Connection::Impl::retry_later() {
  disconnect();
  state_ = State::waiting;
  const auto delay = backoff_delay(options_.backoff, failures_, random_.next());
  ++failures_;
  step_timer_.expires_after(delay);
  step_timer_.async_wait([weak = weak_from_this(), life = life_](error_code error) {
    const auto self = weak.lock();
    if (!error && self && self->life_ == life) self->start();
  });
  const auto self = shared_from_this();
  // After a loss the first attempt may well succeed: then questions may wait for it.
  if (failures_ > 1) fail_all(Reply::Status::lost, last_error_);
  if (events_.down) events_.down(last_error_);
}

void Connection::Impl::hurry() {
  failures_ = 0;
  if (state_ != State::waiting) return;
  disconnect();
  start();
}

void Connection::Impl::disconnect() {
  ++life_;
  reading_ = writing_ = false;
  step_timer_.cancel();
  // libpq owns the descriptor and closes it.
  if (descriptor_.is_open()) descriptor_.release();
  connection_.reset();
}

void Connection::Impl::close() {
  state_ = State::idle;
  events_ = {};
  disconnect();
  tick_timer_.cancel();
  fail_all(Reply::Status::lost, "Marquee is stopping, or its settings changed");
}

}  // namespace marquee::store::postgres
