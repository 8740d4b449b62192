#include "admin/server.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_static_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <set>
#include <string_view>

#include "admin/metrics_text.hpp"
#include "admin/status_json.hpp"
#include "admin/unix_socket.hpp"

namespace marquee::admin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::uint32_t head_limit = 8u << 10;
constexpr std::uint64_t body_limit = 64u << 10;
constexpr auto tuple = asio::as_tuple(asio::use_awaitable);

// Both sides are hashed, so that neither length nor a common prefix shows.
bool same_secret(std::string_view given, std::string_view wanted) {
  unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(given.data()), given.size(), a);
  SHA256(reinterpret_cast<const unsigned char*>(wanted.data()), wanted.size(), b);
  return CRYPTO_memcmp(a, b, sizeof a) == 0;
}

bool authorised(const Request& request, std::string_view token) {
  const auto field = request[http::field::authorization];
  const std::string_view value(field.data(), field.size());
  constexpr std::string_view scheme = "bearer ";
  return value.size() > scheme.size() &&
         beast::iequals(field.substr(0, scheme.size()),
                        beast::string_view(scheme.data(), scheme.size())) &&
         same_secret(value.substr(scheme.size()), token);
}

Response answer(unsigned status, std::string_view type, std::string body) {
  Response r;
  r.version(11);
  r.result(status);
  r.set(http::field::content_type, {type.data(), type.size()});
  r.set(http::field::cache_control, "no-store");
  r.set("X-Content-Type-Options", "nosniff");
  r.body() = std::move(body);
  return r;
}

Response problem(unsigned status, std::string_view detail) {
  const auto title = http::obsolete_reason(http::int_to_status(status));
  return answer(status, "application/problem+json",
                problem_json(status, {title.data(), title.size()}, detail));
}

asio::awaitable<ReloadResult> reload(StatusSource& source) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(ReloadResult)>(
      [&source](auto handler) {
        // std::function wants a copyable callable, the handler is not one.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        source.reload([shared](ReloadResult result) {
          const auto executor = asio::get_associated_executor(*shared);
          asio::post(executor, [shared, result = std::move(result)]() mutable {
            (*shared)(std::move(result));
          });
        });
      },
      asio::use_awaitable);
}

asio::awaitable<Response> route(StatusSource& source, const Request& request) {
  std::string_view path(request.target().data(), request.target().size());
  path = path.substr(0, path.find('?'));
  const bool read = request.method() == http::verb::get || request.method() == http::verb::head;
  const auto wrong_method = [&](std::string_view allow) {
    Response r = problem(405, "This path answers " + std::string(allow) + " only.");
    r.set(http::field::allow, {allow.data(), allow.size()});
    return r;
  };
  if (path == "/v1/reload") {
    if (request.method() != http::verb::post) co_return wrong_method("POST");
    const ReloadResult result = co_await reload(source);
    co_return answer(result.ok ? 200 : 422, "application/json", reload_json(result));
  }
  if (path == "/.well-known/marquee/jwks.json") {
    if (!read) co_return wrong_method("GET, HEAD");
    std::string keys = source.key_set();
    if (keys.empty()) keys = R"({"keys":[]})";
    co_return answer(200, "application/jwk-set+json", std::move(keys));
  }
  const bool known =
      path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/v1/status";
  if (!known) {
    co_return problem(404, "There is /healthz, /readyz, /metrics, /v1/status and POST /v1/reload.");
  }
  if (!read) co_return wrong_method("GET, HEAD");
  if (path == "/healthz") co_return answer(200, "text/plain; charset=utf-8", "ok\n");
  if (path == "/readyz") {
    // Whoever balances load should send new connections elsewhere while they
    // would be refused here.
    const std::string overload = source.overload();
    if (source.ready() && overload.empty())
      co_return answer(200, "text/plain; charset=utf-8", "ready\n");
    co_return answer(503, "text/plain; charset=utf-8",
                     overload.empty() ? "not ready\n" : "not ready: " + overload + "\n");
  }
  if (path == "/metrics") {
    co_return answer(200, "text/plain; version=0.0.4; charset=utf-8",
                     metrics_text(source.metrics()));
  }
  co_return answer(200, "application/json", status_json(source.status()));
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& c, StatusSource& s, ServerOptions o)
      : control(c), source(s), options(std::move(o)), unix_acceptor(c), tcp_acceptor(c) {}

  std::optional<base::Failure> listen_tcp();
  template <typename Acceptor>
  asio::awaitable<void> accept(Acceptor& acceptor, bool needs_token);
  asio::awaitable<void> serve(Stream stream, bool needs_token);
  asio::awaitable<bool> serve_one(Stream& stream, beast::flat_static_buffer<16384>& buffer,
                                  bool needs_token);
  void stop();

  asio::io_context& control;
  StatusSource& source;
  ServerOptions options;  // constant but for the token
  UnixSocket socket_file;
  asio::local::stream_protocol::acceptor unix_acceptor;
  asio::ip::tcp::acceptor tcp_acceptor;
  std::set<Stream*> open;
  bool stopped = false;
};

std::optional<base::Failure> Server::Impl::listen_tcp() {
  const auto fail = [&](const std::string& why) {
    return base::Failure{base::FailureSource::self, false,
                         "admin address " + options.address + ": " + why};
  };
  if (options.token.empty()) return fail("needs a token; set admin.token or admin.token_file");
  const std::size_t colon = options.address.rfind(':');
  std::string host = options.address.substr(0, colon);
  unsigned short port = 0;
  const char* const end = options.address.data() + options.address.size();
  if (colon == std::string::npos ||
      std::from_chars(options.address.data() + colon + 1, end, port).ptr != end) {
    return fail("write ADDRESS:PORT, such as 127.0.0.1:9901");
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return fail("write an IP address before the port, such as 127.0.0.1:9901");
  const asio::ip::tcp::endpoint endpoint(address, port);
  tcp_acceptor.open(endpoint.protocol(), error);
  if (!error) tcp_acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) tcp_acceptor.bind(endpoint, error);
  if (!error) tcp_acceptor.listen(64, error);
  if (error) return fail(error.message());
  return std::nullopt;
}

template <typename Acceptor>
asio::awaitable<void> Server::Impl::accept(Acceptor& acceptor, bool needs_token) {
  const auto self = shared_from_this();
  asio::steady_timer pause(control);
  while (!stopped) {
    auto [error, socket] = co_await acceptor.async_accept(tuple);
    if (stopped) break;
    // Out of descriptors, or too many connections: the backlog waits a moment.
    if (error || open.size() >= options.max_connections) {
      boost::system::error_code ignored;
      if (!error) socket.close(ignored);
      pause.expires_after(std::chrono::milliseconds(50));
      co_await pause.async_wait(tuple);
      continue;
    }
    asio::co_spawn(control, serve(Stream(std::move(socket)), needs_token), asio::detached);
  }
}

asio::awaitable<void> Server::Impl::serve(Stream stream, bool needs_token) {
  const auto self = shared_from_this();
  open.insert(&stream);
  beast::flat_static_buffer<16384> buffer;
  try {
    while (!stopped && co_await serve_one(stream, buffer, needs_token)) {
    }
  } catch (const std::exception&) {
    // Out of memory while answering: this connection ends, the program does not.
  }
  open.erase(&stream);
}

// Returns whether another request may follow.
asio::awaitable<bool> Server::Impl::serve_one(Stream& stream,
                                              beast::flat_static_buffer<16384>& buffer,
                                              bool needs_token) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(head_limit);
  parser.body_limit(body_limit);
  stream.expires_after(options.timeout);
  const auto [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, tuple);
  Response response;
  bool keep = false;
  if (read_error == http::error::header_limit || read_error == http::error::buffer_overflow) {
    response = problem(431, "The request head is larger than 8 KiB.");
  } else if (read_error == http::error::body_limit) {
    response = problem(413, "The request body is larger than 64 KiB.");
  } else if (read_error == http::error::end_of_stream || read_error == beast::error::timeout ||
             (read_error && read_error.category() == boost::system::system_category()) ||
             read_error == asio::error::eof) {
    co_return false;
  } else if (read_error) {
    response = problem(400, "The request could not be read: " + read_error.message() + ".");
  } else if (needs_token && !authorised(parser.get(), options.token)) {
    keep = parser.keep_alive();
    response = problem(401, "Send Authorization: Bearer TOKEN with the token of the settings.");
    response.set(http::field::www_authenticate, "Bearer realm=\"marquee\"");
  } else {
    keep = parser.keep_alive();
    response = co_await route(source, parser.get());
  }
  response.keep_alive(keep);
  response.prepare_payload();
  stream.expires_after(options.timeout);
  // A HEAD answer says the length and sends no body.
  if (parser.is_header_done() && parser.get().method() == http::verb::head) {
    const http::response<http::empty_body> head(std::move(response.base()));
    http::response_serializer<http::empty_body> serializer(head);
    const auto [error, bytes] = co_await http::async_write_header(stream, serializer, tuple);
    co_return keep && !error;
  }
  const auto [error, bytes] = co_await http::async_write(stream, response, tuple);
  if (!error && !keep) {
    boost::system::error_code ignored;
    stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  }
  co_return keep && !error;
}

void Server::Impl::stop() {
  if (stopped) return;
  stopped = true;
  boost::system::error_code ignored;
  unix_acceptor.close(ignored);
  tcp_acceptor.close(ignored);
  for (Stream* stream : open) stream->close();
  if (socket_file.fd >= 0) remove_unix(options.socket, socket_file);
}

void Server::set_token(std::string token) { impl_->options.token = std::move(token); }

Server::Server(asio::io_context& control, StatusSource& source, ServerOptions options)
    : impl_(std::make_shared<Impl>(control, source, std::move(options))) {}

Server::~Server() { stop(); }

std::optional<base::Failure> Server::start() {
  if (!impl_->options.socket.empty()) {
    if (auto failure = listen_unix(impl_->options.socket, 0660, impl_->socket_file)) return failure;
    impl_->unix_acceptor.assign(asio::local::stream_protocol(), impl_->socket_file.fd);
    asio::co_spawn(impl_->control, impl_->accept(impl_->unix_acceptor, false), asio::detached);
  }
  if (!impl_->options.address.empty()) {
    if (auto failure = impl_->listen_tcp()) return failure;
    asio::co_spawn(impl_->control, impl_->accept(impl_->tcp_acceptor, true), asio::detached);
  }
  return std::nullopt;
}

void Server::stop() { impl_->stop(); }

unsigned short Server::port() const {
  boost::system::error_code error;
  const auto endpoint = impl_->tcp_acceptor.local_endpoint(error);
  return error ? static_cast<unsigned short>(0) : endpoint.port();
}

}  // namespace marquee::admin
