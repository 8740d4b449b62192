// An upstream end that is ourselves: a page, a redirect, a challenge. The
// exchange treats it like any other upstream.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "net/turn.hpp"
#include "proxy/ends.hpp"

namespace marquee::proxy {

class Exchange;

// What to say. Strings are owned: the head's views point into them.
struct LocalContent {
  unsigned status = 200;
  std::string content_type;  // empty: no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

class LocalAnswer final : public UpstreamEnd, public net::Resident {
 public:
  LocalAnswer(Exchange& exchange, net::Turn& turn) : exchange_(exchange), turn_(turn) {}

  // Plays `content` to the exchange as far as the client takes it.
  void start(LocalContent content);
  bool active() const { return active_; }

  void send_head(const OutgoingRequest&) override {}
  std::size_t send_body(const BodySlice& slice) override { return slice.size; }
  void send_end(const http::FieldTable*) override {}
  void flush() override {}
  void start_tunnel() override {}
  bool untouched() const override { return true; }
  void resume_response() override { turn_.run_later(*this); }
  void release() override { active_ = false; }
  void abort(bool) override { active_ = false; }

  void run() override;

 private:
  Exchange& exchange_;
  net::Turn& turn_;
  LocalContent content_;
  std::string length_;
  std::size_t sent_ = 0;
  bool active_ = false;
};

}  // namespace marquee::proxy
