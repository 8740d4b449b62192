// What a session asks of the connection that it lives on.
#pragma once
#include "net/byte_stream.hpp"

namespace marquee::proxy {

struct ConnectionFacts;

class SessionHost {
 public:
  virtual net::ByteStream& stream() = 0;
  virtual ConnectionFacts& facts() = 0;
  // Calls the session's run() later in this turn.
  virtual void wake() = 0;
  // The connection is over. `reset`: it must not look like an orderly end.
  virtual void close(bool reset) = 0;

 protected:
  ~SessionHost() = default;
};

}  // namespace marquee::proxy
