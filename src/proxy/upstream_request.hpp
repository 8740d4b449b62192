// What an upstream's end and its pool serve: the request of an exchange, or a
// question of our own (proxy/forward/auth_request.hpp). The rules of ends.hpp hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "config/settings.hpp"
#include "proxy/body_backlog.hpp"
#include "proxy/ends.hpp"
#include "proxy/http/body_decoder.hpp"
#include "proxy/http/head.hpp"
#include "proxy/http/head_parser.hpp"

namespace marquee::proxy {

class UpstreamRequest {
 public:
  http::RequestHead& request() { return request_; }
  const http::RequestHead& request() const { return request_; }
  http::ResponseHead& response() { return response_; }
  const http::ResponseHead& response() const { return response_; }
  const config::Limits& limits() const { return limits_; }
  http::BodyLimits body_limits() const {
    return {limits_.chunk_extension, limits_.trailers, limits_.fields};
  }
  http::HeadLimits response_limits() const { return {limits_.head, limits_.fields, 0}; }

  // Whose it is, for the share of a connection's streams; 0: nobody's.
  virtual std::uint64_t tenant() const = 0;
  // That an HTTP/2 connection made for it counts on.
  virtual const std::shared_ptr<BodyBacklog>& backlog() const = 0;

  // --- Told by the pool ----------------------------------------------------
  virtual void on_upstream_ready(UpstreamEnd& upstream, const UpstreamFacts& facts) = 0;
  virtual void on_upstream_unavailable(UpstreamFailure why) = 0;

  // --- Told by the upstream's end -----------------------------------------
  virtual void on_response_interim() = 0;
  virtual void on_response_head() = 0;  // response() was parsed and judged
  virtual std::size_t on_response_body(const BodySlice& slice) = 0;
  virtual void on_response_end(http::FieldTable* trailers) = 0;
  virtual void on_upstream_failed(UpstreamFailure why,
                                  http::Refusal refusal = http::Refusal::none) = 0;
  virtual void on_upstream_writable() = 0;

 protected:
  ~UpstreamRequest() = default;

  http::RequestHead request_;
  http::ResponseHead response_;
  config::Limits limits_;  // a copy: outlives the settings
};

}  // namespace marquee::proxy
