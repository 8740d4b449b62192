#include "app/demo_upstream.hpp"

#include <openssl/evp.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "app/demo_page.hpp"

namespace marquee::app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::tcp_stream;
using Parser = http::request_parser<http::buffer_body>;
template <typename T>
using Task = asio::awaitable<T>;

constexpr auto tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t chunk_size = 64u << 10;
constexpr std::chrono::seconds patience{120};

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void add(const char* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }
  std::string hex() {
    unsigned char digest[32];
    EVP_DigestFinal_ex(context_.get(), digest, nullptr);
    std::string out;
    for (const unsigned char byte : digest) {
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    }
    return out;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// One request while it is answered. `ok` turns false when the connection broke.
struct Exchange {
  Stream& stream;
  beast::flat_buffer& buffer;
  Parser& parser;
  std::string path;  // without the query
  std::string query;
  bool ok = true;

  bool head_only() const { return parser.get().method() == http::verb::head; }
};

struct Body {
  std::uint64_t length = 0;
  std::string sha256;
};

std::string text(beast::string_view s) { return {s.data(), s.size()}; }

DemoRequest received(const Parser& parser) {
  DemoRequest out{text(parser.get().method_string()), text(parser.get().target()), {}};
  for (const auto& field : parser.get()) {
    out.fields.emplace_back(text(field.name_string()), text(field.value()));
  }
  return out;
}

// A number from "key=..." of the query, or from a whole text when key is empty.
std::uint64_t number(std::string_view from, std::string_view key, std::uint64_t otherwise,
                     std::uint64_t most) {
  if (!key.empty()) {
    const std::string wanted = std::string(key) + "=";
    const std::size_t at = from.find(wanted);
    if (at == std::string_view::npos) return otherwise;
    from = from.substr(at + wanted.size());
  }
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), n);
  return error == std::errc() ? std::min(n, most) : otherwise;
}

Task<void> send_raw(Exchange& e, std::string_view bytes) {
  e.stream.expires_after(patience);
  const auto [error, n] = co_await asio::async_write(e.stream, asio::buffer(bytes), tuple);
  e.ok = e.ok && !error;
}

Task<void> send(Exchange& e, unsigned status, std::string_view type, std::string body) {
  http::response<http::string_body> r(http::int_to_status(status), e.parser.get().version());
  r.set(http::field::server, "marquee-demo");
  r.set(http::field::content_type, {type.data(), type.size()});
  r.keep_alive(e.parser.get().keep_alive());
  r.content_length(body.size());
  if (!e.head_only()) r.body() = std::move(body);
  e.stream.expires_after(patience);
  const auto [error, n] = co_await http::async_write(e.stream, r, tuple);
  e.ok = e.ok && !error;
}

// Reads the request body in constant memory.
Task<Body> read_body(Exchange& e) {
  if (beast::iequals(e.parser.get()[http::field::expect], "100-continue")) {
    co_await send_raw(e, "HTTP/1.1 100 Continue\r\n\r\n");
  }
  Body body;
  Sha256 hash;
  std::vector<char> chunk(chunk_size);
  while (e.ok && !e.parser.is_done()) {
    auto& into = e.parser.get().body();
    into.data = chunk.data();
    into.size = chunk.size();
    e.stream.expires_after(patience);
    const auto [error, n] = co_await http::async_read(e.stream, e.buffer, e.parser, tuple);
    const std::size_t got = chunk.size() - into.size;
    hash.add(chunk.data(), got);
    body.length += got;
    e.ok = !error || error == http::error::need_buffer;
  }
  body.sha256 = hash.hex();
  co_return body;
}

Task<void> page(Exchange& e) {
  co_await read_body(e);
  if (e.ok) co_await send(e, 200, "text/html; charset=utf-8", demo_page(received(e.parser)));
}

Task<void> echo(Exchange& e) {
  const Body body = co_await read_body(e);
  const DemoRequest request = received(e.parser);
  boost::json::array fields;
  for (const auto& [name, value] : request.fields)
    fields.push_back(boost::json::array{name, value});
  const unsigned version = e.parser.get().version();
  std::string out = boost::json::serialize(boost::json::object{
      {"method", request.method},
      {"target", request.target},
      {"version", "HTTP/" + std::to_string(version / 10) + "." + std::to_string(version % 10)},
      {"fields", std::move(fields)},
      {"context", boost::json::parse(decoded_context(request))},
      {"body", boost::json::object{{"length", body.length}, {"sha256", body.sha256}}}});
  if (e.ok) co_await send(e, 200, "application/json", std::move(out) + "\n");
}

Task<void> upload(Exchange& e) {
  const Body body = co_await read_body(e);
  std::string out =
      boost::json::serialize(boost::json::object{{"length", body.length}, {"sha256", body.sha256}});
  if (e.ok) co_await send(e, 200, "application/json", std::move(out) + "\n");
}

// A client that waits for 100 Continue has its answer and sends no body.
Task<void> early(Exchange& e) {
  const bool expects = !e.parser.get()[http::field::expect].empty();
  if (expects) e.parser.get().keep_alive(false);
  co_await send(e, 200, "text/plain; charset=utf-8", "answered before the body was read\n");
  if (e.ok && !expects) co_await read_body(e);
}

// Heads and chunks are built before the co_await: g++ 12 destroys temporaries
// of a conditional expression twice when they stand inside one.
std::string raw_head(const Exchange& e, std::string_view type, std::string_view framing) {
  std::string out = "HTTP/1.1 200 OK\r\nServer: marquee-demo\r\nContent-Type: ";
  out.append(type).append("\r\n").append(framing);
  if (!e.parser.get().keep_alive()) out += "Connection: close\r\n";
  return out + "\r\n";
}

Task<void> bytes(Exchange& e) {
  co_await read_body(e);
  std::uint64_t left = number(std::string_view(e.path).substr(7), "", 0, std::uint64_t{1} << 50);
  const std::string head =
      raw_head(e, "application/octet-stream", "Content-Length: " + std::to_string(left) + "\r\n");
  if (e.ok) co_await send_raw(e, head);
  if (e.head_only()) co_return;
  std::vector<char> pattern(251 * 256);  // every chunk begins with byte 0 of the pattern
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<char>(i % 251);
  while (e.ok && left > 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, pattern.size()));
    const std::string_view part(pattern.data(), n);
    co_await send_raw(e, part);
    left -= n;
  }
}

Task<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(tuple);
}

std::string stream_line(std::uint64_t i, std::uint64_t lines, bool chunked) {
  const std::string line = "line " + std::to_string(i) + " of " + std::to_string(lines) + "\n";
  if (!chunked) return line;
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, line.size(), 16).ptr;
  return std::string(size, end) + "\r\n" + line + "\r\n";
}

// An HTTP/1.0 client gets the lines up to the end of the connection.
Task<void> stream_lines(Exchange& e) {
  co_await read_body(e);
  const std::uint64_t lines = number(e.query, "n", 10, 100'000);
  const bool chunked = e.parser.get().version() >= 11;
  const std::string head =
      raw_head(e, "text/plain; charset=utf-8", chunked ? "Transfer-Encoding: chunked\r\n" : "");
  if (e.ok) co_await send_raw(e, head);
  if (e.head_only()) co_return;
  for (std::uint64_t i = 1; e.ok && i <= lines; ++i) {
    if (i > 1) co_await pause(std::chrono::milliseconds(200));
    const std::string line = stream_line(i, lines, chunked);
    co_await send_raw(e, line);
  }
  if (e.ok && chunked) co_await send_raw(e, "0\r\n\r\n");
}

Task<void> hints(Exchange& e) {
  co_await read_body(e);
  co_await send_raw(
      e, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n");
  if (e.ok) co_await send(e, 200, "text/plain; charset=utf-8", "hints came first\n");
}

// The value of one "key=..." of the query, as written.
std::string_view parameter(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    if (part.size() > key.size() && part.starts_with(key) && part[key.size()] == '=')
      return part.substr(key.size() + 1);
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
  return {};
}

Task<void> mark(Exchange& e) {
  co_await read_body(e);
  std::string picture = demo_mark(parameter(e.query, "text"), parameter(e.query, "colour"));
  if (e.ok) co_await send(e, 200, "image/svg+xml", std::move(picture));
}

Task<void> slow(Exchange& e) {
  co_await read_body(e);
  co_await pause(std::chrono::milliseconds(number(e.query, "ms", 500, 600'000)));
  if (e.ok) co_await send(e, 200, "text/plain; charset=utf-8", "slow, but here\n");
}

// Takes the connection over; it ends with the WebSocket.
Task<void> websocket_echo(Exchange& e) {
  e.ok = false;
  e.stream.expires_never();
  beast::websocket::stream<Stream> socket(std::move(e.stream));
  socket.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
  const auto [refused] = co_await socket.async_accept(e.parser.get(), tuple);
  beast::flat_buffer message;
  while (!refused) {
    const auto [read_error, n] = co_await socket.async_read(message, tuple);
    if (read_error) break;
    socket.text(socket.got_text());
    const auto [write_error, m] = co_await socket.async_write(message.data(), tuple);
    if (write_error) break;
    message.clear();
  }
}

Task<void> answer(Exchange& e) {
  if (e.path == "/ws" && beast::websocket::is_upgrade(e.parser.get())) return websocket_echo(e);
  if (e.path == "/echo") return echo(e);
  if (e.path == "/upload") return upload(e);
  if (e.path == "/early") return early(e);
  if (e.path == "/stream") return stream_lines(e);
  if (e.path == "/hints") return hints(e);
  if (e.path == "/slow") return slow(e);
  if (e.path == "/mark.svg") return mark(e);
  if (e.path.starts_with("/bytes/")) return bytes(e);
  return page(e);
}

Task<void> serve(Stream stream) {
  beast::flat_buffer buffer(1u << 20);
  bool more = true;
  while (more) {
    Parser parser;
    parser.header_limit(64u << 10);
    parser.body_limit(boost::none);
    stream.expires_after(patience);
    const auto [error, n] = co_await http::async_read_header(stream, buffer, parser, tuple);
    if (error) co_return;
    const std::string target = text(parser.get().target());
    const std::size_t mark = target.find('?');
    Exchange e{stream, buffer, parser, target.substr(0, mark),
               mark == std::string::npos ? "" : target.substr(mark + 1)};
    co_await answer(e);
    more =
        e.ok && parser.get().keep_alive() && (e.path != "/stream" || parser.get().version() >= 11);
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

Task<void> accept(asio::ip::tcp::acceptor& acceptor) {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(tuple);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await pause(std::chrono::milliseconds(50));  // out of descriptors
      continue;
    }
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    asio::co_spawn(acceptor.get_executor(), serve(Stream(std::move(socket))), asio::detached);
  }
}

std::optional<asio::ip::tcp::endpoint> endpoint(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  unsigned short port = 0;
  const char* const end = listen.data() + listen.size();
  const auto parsed = std::from_chars(listen.data() + colon + 1, end, port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error || parsed.ptr != end || parsed.ec != std::errc()) return std::nullopt;
  return asio::ip::tcp::endpoint(address, port);
}

}  // namespace

int run_demo_upstream(const DemoOptions& options) {
  const auto where = endpoint(options.listen);
  if (!where) {
    std::cerr << "marquee: --listen " << options.listen
              << ": write ADDRESS:PORT, such as 127.0.0.1:9100\n";
    return 2;
  }
  try {
    asio::io_context io(1);
    asio::ip::tcp::acceptor acceptor(io, *where);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](boost::system::error_code, int) { io.stop(); });
    asio::co_spawn(io, accept(acceptor), asio::detached);
    std::cout << "demo upstream on http://" << acceptor.local_endpoint() << std::endl;
    io.run();
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "marquee: demo upstream on " << options.listen << ": " << e.what() << "\n";
    return 1;
  }
}

}  // namespace marquee::app
