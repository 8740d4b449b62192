#include "net/http_fetch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <vector>

#include "net/resolver.hpp"

namespace marquee::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::uint32_t kMostHead = 16u << 10;

tcp::endpoint endpoint_of(const base::IpAddress& address, std::uint16_t port) {
  if (!address.is_v4()) return {asio::ip::address_v6(address.bytes()), port};
  asio::ip::address_v4::bytes_type bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = address.bytes()[12 + i];
  return {asio::ip::address_v4(bytes), port};
}

}  // namespace

std::optional<HttpsUrl> parse_https_url(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme) || url.size() > 2048) return std::nullopt;
  for (const char c : url)
    if (c <= ' ' || c > '~' || c == '\\' || c == '#' || c == '"') return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  std::string_view authority = url.substr(0, end);
  HttpsUrl out;
  out.target = end < url.size() ? std::string(url.substr(end)) : "/";
  if (out.target.front() == '?') out.target.insert(0, "/");
  out.port = "443";
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
    out.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  std::uint16_t port = 0;
  const auto read = std::from_chars(out.port.data(), out.port.data() + out.port.size(), port);
  if (read.ec != std::errc() || read.ptr != out.port.data() + out.port.size() || port == 0)
    return std::nullopt;
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  else if (authority.find(':') != authority.npos)
    return std::nullopt;
  if (authority.empty() || authority.find_first_of("@[]") != authority.npos) return std::nullopt;
  out.host = authority;
  return out;
}

class HttpFetch::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(asio::io_context& io, FetchRequest request, std::function<void(FetchResult)> done)
      : io_(io), request_(std::move(request)), done_(std::move(done)) {}

  void start(Resolver& resolver) {
    const auto url = parse_https_url(request_.url);
    if (!url) return later("is not an https URL");
    url_ = *url;
    Error ec;
    tls_.set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 |
                     asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    if (request_.ca_file.empty())
      tls_.set_default_verify_paths(ec);
    else
      tls_.load_verify_file(request_.ca_file, ec);
    if (ec) return later("cannot be verified: the certificates of the CA cannot be read");
    resolver.resolve(url_.host, [self = shared_from_this()](const ResolveResult& found) {
      self->on_resolved(found);
    });
  }
  // Nothing is called after this.
  void cancel() {
    done_ = nullptr;
    if (stream_) beast::get_lowest_layer(*stream_).cancel();
  }

 private:
  void later(std::string sentence) {
    asio::post(
        io_, [self = shared_from_this(), sentence = std::move(sentence)] { self->fail(sentence); });
  }
  void fail(const std::string& sentence) { end({false, 0, {}, request_.url + " " + sentence}); }
  void fail(const char* doing, const Error& ec) {
    fail(std::string(doing) + ": " +
         (ec == beast::error::timeout ? "it took too long" : ec.message()));
  }
  void end(FetchResult result) {
    if (stream_) beast::get_lowest_layer(*stream_).close();
    if (auto done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  void on_resolved(const ResolveResult& found) {
    if (!done_) return;
    if (found.status != ResolveStatus::ok) return fail("cannot be resolved: " + found.sentence);
    std::uint16_t port = 0;
    std::from_chars(url_.port.data(), url_.port.data() + url_.port.size(), port);
    for (const base::IpAddress& address : found.addresses)
      endpoints_.push_back(endpoint_of(address, port));
    stream_.emplace(io_, tls_);
    // SNI is for names only (RFC 6066 3).
    if (!base::IpAddress::parse(url_.host))
      SSL_ctrl(stream_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               url_.host.data());
    stream_->set_verify_mode(asio::ssl::verify_peer);
    stream_->set_verify_callback(asio::ssl::host_name_verification(url_.host));
    beast::get_lowest_layer(*stream_).expires_after(request_.limit);
    beast::get_lowest_layer(*stream_).async_connect(
        endpoints_, [self = shared_from_this()](const Error& ec, const tcp::endpoint&) {
          if (ec) return self->fail("cannot be connected to", ec);
          self->handshake();
        });
  }
  void handshake() {
    stream_->async_handshake(asio::ssl::stream_base::client,
                             [self = shared_from_this()](const Error& ec) {
                               if (ec) return self->fail("failed the TLS handshake", ec);
                               self->ask();
                             });
  }
  void ask() {
    question_.version(11);
    question_.method(http::verb::get);
    question_.target(url_.target);
    const bool v6 = url_.host.find(':') != url_.host.npos;
    question_.set(http::field::host, (v6 ? "[" + url_.host + "]" : url_.host) +
                                         (url_.port == "443" ? "" : ":" + url_.port));
    question_.set(http::field::user_agent, "marquee");
    question_.set(http::field::accept, "application/json");
    question_.set(http::field::connection, "close");
    http::async_write(*stream_, question_,
                      [self = shared_from_this()](const Error& ec, std::size_t) {
                        if (ec) return self->fail("cannot be asked", ec);
                        self->read();
                      });
  }
  void read() {
    parser_.header_limit(kMostHead);
    parser_.body_limit(request_.most);
    http::async_read(*stream_, buffer_, parser_,
                     [self = shared_from_this()](const Error& ec, std::size_t) {
                       if (ec) return self->fail("answered badly", ec);
                       self->judge();
                     });
  }
  void judge() {
    const unsigned status = parser_.get().result_int();
    if (status != 200) {
      return end(
          {false, status, {}, request_.url + " answered with status " + std::to_string(status)});
    }
    end({true, status, std::move(parser_.get().body()), {}});
  }

  asio::io_context& io_;
  FetchRequest request_;
  std::function<void(FetchResult)> done_;
  HttpsUrl url_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::vector<tcp::endpoint> endpoints_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> stream_;
  http::request<http::empty_body> question_;
  beast::flat_buffer buffer_{kMostHead + (64u << 10)};
  http::response_parser<http::string_body> parser_;
};

HttpFetch::HttpFetch(asio::io_context& io, Resolver& resolver, FetchRequest request,
                     std::function<void(FetchResult)> done)
    : job_(std::make_shared<Job>(io, std::move(request), std::move(done))) {
  job_->start(resolver);
}

HttpFetch::~HttpFetch() { job_->cancel(); }

}  // namespace marquee::net
