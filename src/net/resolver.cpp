#include "net/resolver.hpp"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace marquee::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

// c-ares wants a process-wide start before the first channel; it counts calls.
struct AresLibrary {
  AresLibrary() { ares_library_init(ARES_LIB_INIT_ALL); }
};

std::optional<base::IpAddress> parse_literal(std::string_view name) {
  if (name.size() < 2 || name.front() != '[' || name.back() != ']') {
    return base::IpAddress::parse(name);
  }
  name = name.substr(1, name.size() - 2);
  if (name.find(':') == std::string_view::npos) return std::nullopt;
  return base::IpAddress::parse(name);
}

bool is_localhost(std::string_view lower_name) {
  return lower_name == "localhost" || lower_name.ends_with(".localhost");
}

// Only what can stand in a DNS question; the grammar of hostnames is stricter
// and checked where the settings are read.
bool may_be_asked(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (c <= ' ' || c >= 0x7F || c == '\\' || ++label > 63) {
      return false;
    }
  }
  return label != 0;
}

std::vector<base::IpAddress> loopback() {
  base::IpAddress::Bytes one{};
  one.back() = 1;
  return {base::IpAddress::v4(INADDR_LOOPBACK), base::IpAddress::v6(one)};
}

// v4 first, because connecting begins there.
bool in_order(const base::IpAddress& a, const base::IpAddress& b) {
  return a.is_v4() != b.is_v4() ? a.is_v4() : a < b;
}

std::vector<base::IpAddress> read_addresses(const ares_addrinfo* info) {
  std::vector<base::IpAddress> all;
  for (const ares_addrinfo_node* n = info ? info->nodes : nullptr; n; n = n->ai_next) {
    if (const auto a = base::IpAddress::from_sockaddr(*n->ai_addr)) all.push_back(*a);
  }
  // Sorted before it is cut, so that a rotated answer keeps the same sixteen.
  std::sort(all.begin(), all.end(), in_order);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  if (all.size() > kMaxResolved) all.resize(kMaxResolved);
  return all;
}

ResolveStatus status_of(int ares_status) {
  switch (ares_status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return ResolveStatus::not_found;  // success without an address
    case ARES_ETIMEOUT:
      return ResolveStatus::timed_out;
    case ARES_EBADNAME:
      return ResolveStatus::bad_name;
    default:
      return ResolveStatus::failed;
  }
}

ResolveResult failure(ResolveStatus status, std::string sentence) {
  return {status, {}, std::move(sentence)};
}

}  // namespace

class Resolver::Impl : public std::enable_shared_from_this<Resolver::Impl> {
 public:
  Impl(asio::io_context& io, ResolverSettings settings)
      : io_(io), settings_(std::move(settings)), ares_timer_(io) {
    open();
  }
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void resolve(std::string name, Done done);
  std::size_t pending() const { return waiting_.size(); }
  // No callback of ours runs after this.
  void close();

 private:
  struct Waiting {
    Waiting(asio::io_context& io, std::string n, Done d)
        : name(std::move(n)), done(std::move(d)), deadline(io) {}
    std::string name;
    Done done;
    asio::steady_timer deadline;
  };
  struct Question {  // c-ares holds it until its callback
    Impl* impl;
    std::uint64_t id;
  };
  struct Socket {
    explicit Socket(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool waiting_read = false;
    bool waiting_write = false;
  };

  void open();
  void ask(const std::string& name, std::uint64_t id);
  void answered(std::uint64_t id, int status, ares_addrinfo* info);
  void post_result(std::uint64_t id, ResolveResult result);
  void finish(std::uint64_t id, ResolveResult result);
  void socket_state(ares_socket_t fd, bool read, bool write);
  void watch(ares_socket_t fd, const std::shared_ptr<Socket>& socket);
  void wait_for(ares_socket_t fd, const std::shared_ptr<Socket>& socket, bool read);
  void arm_timer();

  asio::io_context& io_;
  ResolverSettings settings_;
  ares_channel channel_ = nullptr;
  std::string open_error_;
  asio::steady_timer ares_timer_;
  std::unordered_map<ares_socket_t, std::shared_ptr<Socket>> sockets_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t next_id_ = 1;
};

void Resolver::Impl::open() {
  static const AresLibrary library;
  ares_options options{};
  int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
  options.timeout = static_cast<int>(settings_.attempt.count());
  options.tries = settings_.attempts;
  char lookups[] = "fb";  // files, then DNS
  options.lookups = lookups;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<Impl*>(self)->socket_state(fd, read != 0, write != 0);
  };
  if (!settings_.servers.empty()) {
    options.flags = ARES_FLAG_NOSEARCH;
    mask |= ARES_OPT_FLAGS;
  }
#ifdef ARES_OPT_QUERY_CACHE  // newer c-ares caches by itself; we ask when we want to know
  options.qcache_max_ttl = 0;
  mask |= ARES_OPT_QUERY_CACHE;
#endif
  int status = ares_init_options(&channel_, &options, mask);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    open_error_ = std::string("the DNS library did not start: ") + ares_strerror(status);
    return;
  }
  if (settings_.servers.empty()) return;
  status = ares_set_servers_ports_csv(channel_, settings_.servers.c_str());
  if (status != ARES_SUCCESS) {
    open_error_ = "the DNS servers \"" + settings_.servers +
                  "\" cannot be used: " + ares_strerror(status) +
                  "; write address:port, separated by commas";
  }
}

void Resolver::Impl::close() {
  waiting_.clear();
  ares_timer_.cancel();
  if (channel_) ares_destroy(std::exchange(channel_, nullptr));
  for (auto& [fd, socket] : sockets_) socket->descriptor.release();
  sockets_.clear();
}

void Resolver::Impl::resolve(std::string name, Done done) {
  const std::uint64_t id = next_id_++;
  if (name.ends_with('.')) name.pop_back();
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  Waiting& w = waiting_.try_emplace(id, io_, name, std::move(done)).first->second;
  if (const auto literal = parse_literal(name)) {
    return post_result(id, {ResolveStatus::ok, {*literal}, {}});
  }
  if (!may_be_asked(name)) {
    return post_result(id, failure(ResolveStatus::bad_name, "not a DNS name"));
  }
  if (is_localhost(name)) return post_result(id, {ResolveStatus::ok, loopback(), {}});
  if (!open_error_.empty()) return post_result(id, failure(ResolveStatus::failed, open_error_));
  w.deadline.expires_after(settings_.deadline);
  w.deadline.async_wait([weak = weak_from_this(), id](error_code ec) {
    const auto self = weak.lock();
    if (!self || ec) return;
    const auto ms = std::to_string(self->settings_.deadline.count());
    self->finish(id, failure(ResolveStatus::timed_out, "no answer within " + ms + " ms"));
  });
  ask(name, id);
}

void Resolver::Impl::ask(const std::string& name, std::uint64_t id) {
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;  // sorting would connect a socket to each address
  const auto callback = [](void* arg, int status, int, ares_addrinfo* info) {
    const std::unique_ptr<Question> q(static_cast<Question*>(arg));
    q->impl->answered(q->id, status, info);
    if (info) ares_freeaddrinfo(info);
  };
  auto question = std::make_unique<Question>(Question{this, id});
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, callback, question.release());
  arm_timer();
}

// Runs on c-ares's stack: only notes the result.
void Resolver::Impl::answered(std::uint64_t id, int status, ares_addrinfo* info) {
  if (!waiting_.contains(id)) return;  // its deadline has passed, or we are closing
  ResolveResult result;
  if (status == ARES_SUCCESS) result.addresses = read_addresses(info);
  if (!result.addresses.empty()) {
    result.status = ResolveStatus::ok;
  } else {
    result = failure(status_of(status),
                     status == ARES_SUCCESS ? "it has no address" : ares_strerror(status));
  }
  post_result(id, std::move(result));
}

void Resolver::Impl::post_result(std::uint64_t id, ResolveResult result) {
  asio::post(io_, [weak = weak_from_this(), id, r = std::move(result)]() mutable {
    if (const auto self = weak.lock()) self->finish(id, std::move(r));
  });
}

void Resolver::Impl::finish(std::uint64_t id, ResolveResult result) {
  auto node = waiting_.extract(id);
  if (node.empty()) return;
  Waiting& w = node.mapped();
  w.deadline.cancel();
  if (result.status != ResolveStatus::ok) result.sentence = w.name + ": " + result.sentence;
  w.done(std::move(result));
}

void Resolver::Impl::socket_state(ares_socket_t fd, bool read, bool write) {
  auto found = sockets_.find(fd);
  if (!read && !write) {
    // c-ares closes the descriptor right after this.
    if (found == sockets_.end()) return;
    found->second->want_read = found->second->want_write = false;
    found->second->descriptor.release();
    sockets_.erase(found);
    return;
  }
  if (found == sockets_.end()) {
    auto socket = std::make_shared<Socket>(io_);
    error_code ec;
    socket->descriptor.assign(fd, ec);
    if (ec) return;  // not watched: the question ends by its deadline
    found = sockets_.emplace(fd, std::move(socket)).first;
  }
  found->second->want_read = read;
  found->second->want_write = write;
  watch(fd, found->second);
}

void Resolver::Impl::watch(ares_socket_t fd, const std::shared_ptr<Socket>& socket) {
  if (socket->want_read && !socket->waiting_read) wait_for(fd, socket, true);
  if (socket->want_write && !socket->waiting_write) wait_for(fd, socket, false);
}

void Resolver::Impl::wait_for(ares_socket_t fd, const std::shared_ptr<Socket>& socket, bool read) {
  (read ? socket->waiting_read : socket->waiting_write) = true;
  const auto kind =
      read ? asio::posix::stream_descriptor::wait_read : asio::posix::stream_descriptor::wait_write;
  socket->descriptor.async_wait(kind, [weak = weak_from_this(), fd, socket, read](error_code ec) {
    (read ? socket->waiting_read : socket->waiting_write) = false;
    const auto self = weak.lock();
    if (!self || !self->channel_ || ec || !(read ? socket->want_read : socket->want_write)) return;
    ares_process_fd(self->channel_, read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
    self->watch(fd, socket);
    self->arm_timer();
  });
}

// c-ares's own time: the next resend or give-up of a question.
void Resolver::Impl::arm_timer() {
  timeval left{};
  if (!ares_timeout(channel_, nullptr, &left)) {
    ares_timer_.cancel();
    return;
  }
  ares_timer_.expires_after(std::chrono::seconds(left.tv_sec) +
                            std::chrono::microseconds(left.tv_usec) + milliseconds(1));
  ares_timer_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (!self || !self->channel_ || ec) return;
    ares_process_fd(self->channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    self->arm_timer();
  });
}

Resolver::Resolver(asio::io_context& io, ResolverSettings settings)
    : impl_(std::make_shared<Impl>(io, std::move(settings))) {}

// A callback on the stack may still hold the Impl: it is emptied here and now.
Resolver::~Resolver() { impl_->close(); }

void Resolver::resolve(std::string name, Done done) {
  impl_->resolve(std::move(name), std::move(done));
}

std::size_t Resolver::pending() const { return impl_->pending(); }

}  // namespace marquee::net
