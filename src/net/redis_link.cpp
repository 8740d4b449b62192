#include "net/redis_link.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace marquee::net {
namespace {

constexpr Ms kStep{50};
constexpr std::string_view kNoSense = "its answer is none to what was asked";
constexpr int kLooks = 4;  // for a silence, within the longest one

}  // namespace

RedisLink::RedisLink(Worker& worker, RedisOwner& owner, RedisSettings settings,
                     base::Random& random)
    : worker_(worker),
      owner_(owner),
      settings_(std::move(settings)),
      random_(random),
      back_off_(settings_.first_back_off) {}

RedisLink::~RedisLink() = default;

void RedisLink::set_addresses(std::vector<RedisAddress> addresses) {
  addresses_ = std::move(addresses);
  if (state_ == State::waiting && !again_.armed()) connect();
}

void RedisLink::move_to(const RedisAddress& master) {
  if (addresses_.size() == 1 && addresses_.front() == master) return;
  addresses_.assign(1, master);
  back_off_ = settings_.first_back_off;
  if (fd_) return fail("its master is another server now");  // comes again after the back-off
  again_.disarm();
  connect();
}

void RedisLink::close() {
  addresses_.clear();
  if (fd_) fail("it is not asked any more");
}

void RedisLink::connect() {
  if (addresses_.empty()) return;
  address_ = addresses_[next_address_++ % addresses_.size()];
  fd_ = redis_socket(address_);
  if (!fd_) return fail(std::strerror(errno));
  state_ = State::connecting;
  Turn& turn = worker_.turn();
  turn.deadlines().arm(connect_, *this, settings_.connect, turn.now());
  if (!redis_connect(fd_.get(), address_)) return fail(std::strerror(errno));
  if (settings_.tls) {
    auto tls = std::make_unique<TlsClientStream>(settings_.tls, fd_.get(), settings_.server_name);
    tls_ = tls.get();
    stream_ = std::move(tls);
  } else {
    stream_ = std::make_unique<PlainStream>(fd_.get());
  }
  if (!worker_.watch(fd_.get(), *this)) return fail(std::strerror(errno));
}

void RedisLink::on_ready(Ready ready) {
  if (!fd_) return;  // of a connection that is gone
  stream_->on_readiness(ready.in, ready.out);
  if (ready.hup) stream_->on_hangup();
  if (state_ == State::connecting || state_ == State::handshake) go_on();
  if (state_ < State::greeting) return;
  if (ready.out && sent_ < out_.size()) flush();
  if (fd_) read();
}

void RedisLink::go_on() {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::strerror(error));
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &length) != 0) return;
    state_ = State::handshake;
  }
  if (tls_) {
    const IoStatus status = tls_->handshake();
    if (status == IoStatus::would_block) return;
    if (status != IoStatus::ok) return fail("TLS: " + tls_->error());
  }
  greet();
}

void RedisLink::greet() {
  state_ = State::greeting;
  greetings_ = 1;
  if (!settings_.password.empty()) {
    ++greetings_;
    if (settings_.username.empty()) {
      const std::string_view auth[] = {"AUTH", settings_.password};
      append_command(out_, auth);
    } else {
      const std::string_view auth[] = {"AUTH", settings_.username, settings_.password};
      append_command(out_, auth);
    }
  }
  if (settings_.database != 0) {
    ++greetings_;
    const std::string number = std::to_string(settings_.database);
    const std::string_view select[] = {"SELECT", number};
    append_command(out_, select);
  }
  const std::string_view last[] = {settings_.master_only ? "ROLE" : "PING"};
  append_command(out_, last);
  flush();
}

// Errors here name what the settings are wrong about: "WRONGPASS ...".
void RedisLink::greeted(const RedisReply& reply) {
  if (reply.type == RedisReply::Type::error) return fail(std::string("it says ") + reply.text);
  if (--greetings_ > 0) return reply.is_ok() ? void() : fail(kNoSense);
  if (settings_.master_only && reply.text != "master")
    return fail("it is no master, but " + (reply.text.empty() ? "something else" : reply.text));
  if (!settings_.master_only && !reply.is_pong()) return fail(kNoSense);
  state_ = State::up;
  connect_.disarm();
  owner_.on_redis_up();
}

void RedisLink::read() {
  char buffer[16384];
  while (fd_ && stream_->may_read()) {
    const IoResult got = stream_->read(buffer);
    if (got.status == IoStatus::would_block) return;
    if (got.status == IoStatus::closed) return fail("it closed the connection");
    if (got.status == IoStatus::failed) return fail("the connection broke");
    if (!replies_.feed({buffer, got.bytes})) return fail("its answer is not Redis's protocol");
    while (fd_) {
      const RedisReplies::Next next = replies_.next();
      if (next == RedisReplies::Next::none) break;
      if (next == RedisReplies::Next::broken) return fail("its answer is not Redis's protocol");
      take(replies_.reply());
    }
  }
}

void RedisLink::take(const RedisReply& reply) {
  if (state_ == State::greeting) return greeted(reply);
  if (tags_.empty()) return fail("it answers what was not asked");
  const std::uint64_t tag = tags_.front().tag;
  tags_.pop_front();
  watch_silence();
  owner_.on_redis_reply(tag, reply);
}

bool RedisLink::send(std::span<const std::string_view> words, std::uint64_t tag) {
  if (state_ != State::up || tags_.size() >= kMostOutstanding || out_.size() - sent_ >= kMostUnsent)
    return false;
  append_command(out_, words);
  Turn& turn = worker_.turn();
  tags_.push_back({tag, turn.now()});
  if (tags_.size() == 1) watch_silence();
  turn.run_later(*this);
  return true;
}

void RedisLink::run() {
  if (!lost_.empty()) {
    const std::string why = std::move(lost_);
    lost_.clear();
    return fail(why);
  }
  if (fd_ && state_ >= State::greeting) flush();
}

void RedisLink::flush() {
  while (sent_ < out_.size()) {
    const iovec part{out_.data() + sent_, out_.size() - sent_};
    const IoResult put = stream_->write({&part, 1});
    if (put.status == IoStatus::failed) {
      // Perhaps on the stack of a request: it is told later.
      lost_ = "the connection broke";
      worker_.turn().run_later(*this);
      return;
    }
    sent_ += put.bytes;
    if (sent_ < out_.size() && stream_->pending_out() > 0) return;
  }
  out_.clear();
  sent_ = 0;
}

// One timer for the oldest, which looks a few times within what is too long.
void RedisLink::watch_silence() {
  if (tags_.empty()) return silence_.disarm();
  Turn& turn = worker_.turn();
  if (!silence_.armed())
    turn.deadlines().arm(silence_, *this, settings_.silence / kLooks, turn.now());
}

void RedisLink::on_deadline(Deadline& which) {
  if (&which == &again_) return connect();
  if (&which == &connect_) return fail("it did not answer in time");
  if (tags_.empty()) return;
  Turn& turn = worker_.turn();
  if (turn.now() - tags_.front().at >= settings_.silence) return fail("it has fallen silent");
  watch_silence();
}

void RedisLink::drop(std::string_view why) {
  if (fd_) fail(why);
}

void RedisLink::fail(std::string_view why) {
  const std::string reason(why);
  state_ = State::waiting;
  stream_.reset();
  tls_ = nullptr;
  fd_.close();
  replies_.reset();
  out_.clear();
  sent_ = 0;
  tags_.clear();
  lost_.clear();
  connect_.disarm();
  silence_.disarm();
  // By chance, so that nodes do not come as one; in steps, as each length of a
  // deadline has a list of its own.
  const auto steps = static_cast<std::uint32_t>(std::max<Ms::rep>(back_off_ / kStep, 1));
  const Ms wait = kStep * (1 + steps / 2 + random_.below(steps - steps / 2));
  back_off_ = std::min(back_off_ * 2, settings_.longest_back_off);
  Turn& turn = worker_.turn();
  turn.deadlines().arm(again_, *this, std::min(wait, settings_.longest_back_off), turn.now());
  owner_.on_redis_down(reason);
}

}  // namespace marquee::net
