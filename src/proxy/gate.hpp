// A step of a routed request that may have to wait: who asks, how often. Gates
// stand between the policies, which never wait, and the choice of the upstream, in
// the order of GateKind. One object per worker and kind; nothing here is locked.
#pragma once
#include <cstdint>

#include "net/deadlines.hpp"
#include "proxy/local_answer.hpp"
#include "proxy/outcome.hpp"

namespace marquee::proxy {

class Exchange;

// What a gate says instead of letting a request through. With only a status it
// becomes an error page.
struct GateAnswer {
  LocalContent content;
  RefusalCause cause = RefusalCause::none;
};

class Gate {
 public:
  enum class Verdict : std::uint8_t {
    pass,
    refuse,  // with the answer that was filled in
    wait,    // exchange.gate_decided() is called later, on this worker
  };

  virtual ~Gate() = default;

  // Judges a request whose domain is known and whose body has not been read. May
  // set fields (Exchange::set_request_field, set_response_field) and choose another
  // upstream (Exchange::send_to). Called once per request, also for one that is
  // retried at its upstream.
  virtual Verdict enter(Exchange& exchange, GateAnswer& answer) = 0;

  // The exchange no longer waits: its client is gone, or longest_wait() is over.
  // After this gate_decided() must not be called for it.
  virtual void cancel(Exchange& exchange) { (void)exchange; }

  // The request has ended, however it did, after enter() was called for it: exactly
  // once, before the last bytes of its answer leave, or when it ends without them.
  virtual void left(Exchange& exchange) { (void)exchange; }

  // A gate ends its waits itself; this is for whatever goes wrong there. The
  // request is then answered with 503.
  virtual net::Ms longest_wait() const { return net::Ms(10'000); }
};

}  // namespace marquee::proxy
