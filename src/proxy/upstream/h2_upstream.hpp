// One HTTP/2 connection to an upstream, which serves many exchanges at once:
// driver of H2ClientCodec. Each of its streams is an UpstreamEnd.
//
// Frames of one turn leave in one write. Connection credit goes back when bytes
// come, stream credit when the exchange takes them; what one does not take waits
// here, bounded by its stream's window and by the backlog's bounds (body_backlog).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "proxy/body_backlog.hpp"
#include "proxy/http/h2_client_codec.hpp"
#include "proxy/upstream/stream_share.hpp"
#include "proxy/upstream/upstream_connection.hpp"

namespace marquee::proxy {

class UpstreamRequest;
class H2Upstream;

// One request on its way. The connection owns it; it ends when the exchange has
// given it up.
class H2UpstreamStream final : public H2ClientStream, public UpstreamEnd {
 public:
  enum class Phase : std::uint8_t { head, body, ended };

  H2UpstreamStream(H2Upstream& connection, UpstreamRequest& asker, std::uint64_t tenant,
                   const HealthTicket& ticket, bool reused)
      : connection_(connection),
        asker_(&asker),
        tenant_(tenant),
        ticket_(ticket),
        reused_(reused) {}

  void send_head(const OutgoingRequest& head) override;
  std::size_t send_body(const BodySlice& slice) override;
  void send_end(const http::FieldTable* trailers) override;
  void flush() override;
  void start_tunnel() override {}  // a request for one never comes here
  void resume_response() override;
  bool untouched() const override { return !sent(); }
  void release() override;
  void abort(bool at_fault) override;

 private:
  friend class H2Upstream;
  struct Trailers {
    std::string text;
    http::FieldTable table;
  };

  H2Upstream& connection_;
  UpstreamRequest* asker_;  // null: given up
  std::uint64_t tenant_;
  HealthTicket ticket_;
  bool ticket_open_ = true;
  bool reused_;
  bool not_sent_ = false;  // the connection had no stream for it
  bool paused_ = false;    // the exchange takes no more
  bool resumed_ = false;   // and takes some again
  bool stopped_ = false;   // we took less of its body than it offered
  Phase phase_ = Phase::head;
  http::H2BodyCount count_;
  std::string kept_;  // body bytes that the exchange did not take
  std::size_t given_ = 0;
  std::unique_ptr<Trailers> trailers_;  // behind kept_
};

class H2Upstream final : public UpstreamConnection, private BodyBacklog::Waiter {
 public:
  // `header_list` is told to the peer.
  H2Upstream(net::Turn& turn, UpstreamOwner& owner, Parts parts,
             const config::UpstreamHttp2& settings, std::uint32_t header_list,
             std::shared_ptr<BodyBacklog> backlog);
  ~H2Upstream() override;

  // A stream for one more request of `tenant`, now or when it is connected.
  bool may_take(std::uint64_t tenant) const;
  void reserve(std::uint64_t tenant) { share_.enter(tenant); }
  void give_up_reserve(std::uint64_t tenant) { share_.leave(tenant); }
  std::uint32_t held() const { return share_.total(); }
  // Takes up what was reserved. Connected only.
  UpstreamEnd& serve(UpstreamRequest& asker, std::uint64_t tenant, const HealthTicket& ticket,
                     bool reused);
  // Serves no new request; closes when the present ones have ended.
  void retire();
  void retune(const config::UpstreamHttp2& settings) { settings_ = settings; }

  // Requests that wait for it to be connected; the pool's.
  struct Waiter {
    UpstreamRequest* asker;
    std::uint64_t tenant;
    std::uint64_t tried;  // endpoints that it has been to, by bit
    bool fresh;
    HealthTicket ticket;
  };
  std::vector<Waiter> waiting;

  // Watched, Resident, Expiring
  void on_ready(Ready ready) override;
  void run() override;
  void on_deadline(net::Deadline& which) override;

 private:
  friend class H2UpstreamStream;

  void on_transport() override;
  void on_backlog_room() override { wake(); }
  std::uint32_t limit() const;
  void wake() { turn_.run_later(*this); }
  // h2_upstream.cpp
  void read();
  void flush();
  void probe();
  void give_credit();
  void settle();
  void reap();
  void end_connection(UpstreamFailure unanswered);
  void say_goodbye();
  // h2_upstream_answer.cpp
  void handle_events(const char* block);
  void on_fields(H2UpstreamStream& stream, const H2ClientEvent& event, bool last);
  void on_data(H2UpstreamStream& stream, const H2ClientEvent& event, const char* block, bool last);
  void on_stream_closed(H2UpstreamStream& stream, const H2ClientEvent& event);
  void end_answer(H2UpstreamStream& stream);
  void keep(H2UpstreamStream& stream, std::string_view bytes);
  void drop_kept(H2UpstreamStream& stream);
  void keep_trailers(H2UpstreamStream& stream);
  void deliver(H2UpstreamStream& stream);
  void fail(H2UpstreamStream& stream, UpstreamFailure why,
            http::Refusal refusal = http::Refusal::none);
  void verdict(H2UpstreamStream& stream, Verdict v);

  config::UpstreamHttp2 settings_;
  H2ClientCodec codec_;
  std::vector<std::unique_ptr<H2UpstreamStream>> streams_;
  StreamShare share_;
  bool preface_ = false;  // the transport stands, the peer's SETTINGS have not come
  bool over_ = false;     // takes no new request
  bool input_ended_ = false;
  bool input_clean_ = false;
  bool write_failed_ = false;
  bool blocked_ = false;        // the stream took less than was written
  bool silent_ = false;         // a PING was not answered
  bool blamed_ = false;         // its death was counted once
  std::uint32_t resets_ = 0;    // that we sent
  std::uint32_t allowed_ = 0;   // limit() as the pool last knew it
  BodyBacklog::Share backlog_;  // bytes that wait for exchanges
  std::size_t owed_ = 0;        // connection credit to give back
  net::Block out_;              // [begin, end) is still to be written
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  net::TimePoint heard_{};
  net::Deadline probe_;
  http::FieldTable trailers_;  // of the answer that ends now
};

}  // namespace marquee::proxy
