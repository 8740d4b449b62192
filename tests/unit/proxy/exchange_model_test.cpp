// An exchange between two ends that do anything that ends.hpp permits, at random:
// they take all, some or nothing, fail, answer early, answer a pool's open() at
// once or later; deadlines fire, settings go, the connection is closed over it.
// Whatever comes: one record, both ends told of their end exactly once, and
// nothing is said to an end after that.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "proxy/http/framing.hpp"
#include "proxy_rig.hpp"
#include "session_scenarios.hpp"

using namespace marquee;
using namespace marquee::proxy;
using namespace marquee::proxy::testing;

namespace {

class World final : public UpstreamPool {
 public:
  explicit World(std::uint32_t seed)
      : random_(seed),
        client_(*this),
        upstream_(*this),
        services_(turn_, slot_, records, uuids_),
        exchange_(services_) {
    turn_.set_time(net::TimePoint(std::chrono::hours(1)), 1'700'000'000'000);
    config::Settings settings = rig_settings();
    settings.limits.request_body = below(4) ? 0 : 40;
    settings.limits.interim_responses = 2;
    settings.upstreams[0].total = config::Ms(below(2) ? 45'000 : 0);
    slot_.install(std::make_shared<Snapshot>(settings, intermediates_),
                  {std::shared_ptr<UpstreamPool>(this, [](UpstreamPool*) {})});
    facts_.client = *base::IpAddress::parse("192.0.2.7");
  }

  void play() {
    begin();
    for (std::size_t steps = below(120); steps > 0 && client_.live; --steps) event();
    // The connection goes, whatever is under way.
    const bool was_live = client_.live;
    exchange_.reset();
    client_.live = false;
    CHECK(records.all.size() == 1);
    CHECK_FALSE(upstream_.live);
    CHECK_FALSE(opening_);
    CHECK_FALSE(exchange_.active());
    turn_.finish();
    CHECK(turn_.buffers().lent_bytes() == 0);
    CHECK(turn_.deadlines().next() == net::TimePoint::max());
    CHECK(slot_.current().users == 0);
    ++outcomes[was_live ? "closed" : client_.was_finished ? "finished" : "aborted"];
    outcomes["retried"] += records.all[0].outcome.retries > 0;
    outcomes["tunnels"] += records.all[0].outcome.tunnel;
  }

  Records records;
  static inline std::map<std::string, int> outcomes;

 private:
  struct Client final : ClientEnd {
    explicit Client(World& w) : world(w) {}
    void send_interim(const OutgoingResponse& head) override {
      CHECK(live);
      CHECK(head.status < 200);
      CHECK_FALSE(head_sent);
    }
    void send_head(const OutgoingResponse&) override {
      CHECK(live);
      CHECK_FALSE(head_sent);
      head_sent = true;
    }
    std::size_t send_body(const BodySlice& s) override {
      CHECK(live);
      CHECK(head_sent);
      CHECK_FALSE(end_sent);
      CHECK_FALSE(full);
      const std::size_t n = world.appetite(s.size);
      full = n < s.size;
      return n;
    }
    void send_end(const http::FieldTable*) override {
      CHECK(live);
      CHECK(head_sent);
      CHECK_FALSE(end_sent);
      end_sent = true;
    }
    void flush() override { CHECK(live); }
    void start_tunnel() override {
      CHECK(live);
      tunnel = true;
      request_ended = paused = false;
    }
    void resume_request() override {
      CHECK(live);
      paused = false;
    }
    void abort() override {
      CHECK(live);
      live = false;
    }
    void finished() override {
      CHECK(live);
      CHECK(end_sent);
      live = false;
      was_finished = true;
    }
    World& world;
    bool live = false, head_sent = false, end_sent = false, full = false, paused = false;
    bool tunnel = false, request_ended = false, was_finished = false;
  };

  struct Upstream final : UpstreamEnd {
    explicit Upstream(World& w) : world(w) {}
    void send_head(const OutgoingRequest&) override {
      CHECK(live);
      CHECK_FALSE(head_sent);
      head_sent = true;
    }
    std::size_t send_body(const BodySlice& s) override {
      CHECK(live);
      CHECK(head_sent);
      CHECK_FALSE(end_sent);
      const std::size_t n = world.appetite(s.size);
      full = n < s.size;
      touched |= n > 0;
      return n;
    }
    void send_end(const http::FieldTable*) override {
      CHECK(live);
      CHECK_FALSE(end_sent);
      end_sent = touched = true;
    }
    void flush() override {
      CHECK(live);
      touched = true;
    }
    void start_tunnel() override {
      CHECK(live);
      end_sent = false;
      tunnel = true;
    }
    void resume_response() override {
      CHECK(live);
      paused = false;
    }
    bool untouched() const override { return !touched; }
    void release() override {
      CHECK(live);
      CHECK(response_ended);
      live = false;
    }
    void abort(bool) override {
      CHECK(live);
      live = false;
    }
    World& world;
    bool live = false, head_sent = false, end_sent = false, full = false, touched = false;
    bool paused = false, response_head = false, response_ended = false, tunnel = false;
  };

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_()) % n; }
  std::size_t appetite(std::size_t size) { return below(3) ? size : below(size + 1); }

  // The pool.
  void open(UpstreamRequest&, bool fresh) override {
    CHECK_FALSE(opening_);
    CHECK_FALSE(upstream_.live);
    opening_ = true;
    fresh_ = fresh;
    if (below(2)) answer_open();
  }
  void cancel(UpstreamRequest&) override { opening_ = false; }
  void answer_open() {
    opening_ = false;
    if (below(6) == 0) return exchange_.on_upstream_unavailable(UpstreamFailure::connect_refused);
    upstream_ready();
  }
  void upstream_ready() {
    upstream_.live = true;
    upstream_.head_sent = upstream_.end_sent = upstream_.full = upstream_.touched = false;
    upstream_.paused = upstream_.response_head = upstream_.response_ended = upstream_.tunnel =
        false;
    UpstreamFacts facts;
    facts.endpoint = "http://u";
    facts.reused = !fresh_ && below(4);
    exchange_.response().clear();
    exchange_.on_upstream_ready(upstream_, facts);
  }

  void begin() {
    static const std::string heads[] = {
        get("/"),
        get("/", "", "HEAD"),
        get("/", "Content-Length: 100\r\n", "PUT"),
        get("/", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", "POST"),
        get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        "GET / HTTP/1.1\r\nHost: unknown\r\n\r\n",
    };
    text_ = heads[below(std::size(heads))];
    client_.live = true;
    exchange_.begin(client_, facts_);
    http::RequestHeadParser parser;
    REQUIRE(parser.parse(text_, exchange_.request()) == http::ParseState::done);
    if (below(20) == 0) return exchange_.refuse(http::Refusal::bad_chunk);
    REQUIRE(http::judge(exchange_.request()) == http::Refusal::none);
    client_.request_ended = exchange_.request().body.kind == http::BodyKind::none;
    exchange_.on_request_head();
  }

  void event() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return request_event();
      case 3:
      case 4:
      case 5:
      case 6:
        return response_event();
      case 7:
        if (opening_) answer_open();
        return;
      case 8:
        if (client_.full) {
          client_.full = false;
          exchange_.on_client_writable();
          turn_.finish();  // a local answer goes on
        }
        return;
      case 9:
        if (upstream_.live && upstream_.full) {
          upstream_.full = false;
          exchange_.on_upstream_writable();
        }
        return;
      case 10:
        if (below(4) == 0) pass_time();
        return;
      default:
        rare_event();
    }
  }

  void request_event() {
    if (client_.request_ended || client_.paused) return;
    if (below(4) == 0) {
      client_.request_ended = true;
      return exchange_.on_request_end(nullptr);
    }
    static const char bytes[32] = {};
    const std::size_t size = below(sizeof bytes);
    const std::size_t n = exchange_.on_request_body({bytes, size, 0, below(2) == 0, false});
    CHECK(n <= size);
    // Told to go on from within the call, or to wait.
    if (n < size && client_.live) client_.paused = true;
  }

  void response_event() {
    Upstream& u = upstream_;
    if (!u.live || u.paused) return;
    static char bytes[64] = {};
    if (!u.response_head) {
      http::ResponseHead& head = exchange_.response();
      head.clear();
      if (below(4) == 0) {
        head.status = below(2) ? 100 : 103;
        return exchange_.on_response_interim();
      }
      u.response_head = true;
      const bool upgrades = exchange_.request().upgrade && below(2);
      head.status = upgrades ? 101 : 200;
      head.body.kind = upgrades ? http::BodyKind::none : http::BodyKind::chunked;
      return exchange_.on_response_head();
    }
    if (u.response_ended) return;
    if (below(4) == 0) {
      u.response_ended = true;
      return exchange_.on_response_end(nullptr);
    }
    const std::size_t size = below(sizeof bytes);
    const std::size_t n = exchange_.on_response_body({bytes, size, 0, true, false});
    CHECK(n <= size);
    if (n < size && u.live) u.paused = true;
  }

  void rare_event() {
    static const UpstreamFailure failures[] = {UpstreamFailure::reset, UpstreamFailure::closed,
                                               UpstreamFailure::bad_answer,
                                               UpstreamFailure::truncated};
    switch (below(8)) {
      case 0:
        exchange_.on_client_lost(static_cast<ClientLoss>(1 + below(5)));
        return;
      case 1:
      case 2:
      case 3:
        // A tunnel's upstream that has ended its side can only be reset.
        if (upstream_.live)
          exchange_.on_upstream_failed(upstream_.response_ended ? UpstreamFailure::reset
                                                                : failures[below(4)]);
        return;
      case 4:
        exchange_.leave_snapshot();
        return;
      case 5:
        if (!client_.request_ended && !client_.tunnel) exchange_.refuse(http::Refusal::bad_chunk);
        return;
      default:
        return;
    }
  }

  void pass_time() {
    const net::TimePoint next = turn_.deadlines().next();
    if (next == net::TimePoint::max()) return;
    turn_.set_time(std::max(next, turn_.now()), turn_.wall_ms() + 1000);
    turn_.deadlines().expire(turn_.now());
  }

  std::mt19937 random_;
  net::Turn turn_;
  SnapshotSlot slot_;
  tls::IntermediateSet intermediates_;
  base::Random uuids_{{1, 2, 3, 4}};
  Client client_;
  Upstream upstream_;
  ConnectionFacts facts_;
  std::string text_;
  bool opening_ = false;
  bool fresh_ = false;
  Services services_;
  Exchange exchange_;
};

}  // namespace

TEST_CASE("ends that do anything they may") {
  for (std::uint32_t seed = 0; seed < 60'000; ++seed) {
    CAPTURE(seed);
    World world(seed);
    world.play();
  }
  // The walk reaches what it is for.
  for (const char* what : {"closed", "finished", "aborted", "retried", "tunnels"}) {
    CAPTURE(std::string(what));
    CHECK(World::outcomes[what] > 50);
  }
}
