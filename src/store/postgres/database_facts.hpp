// What has to be known of a database before it is asked: whether it can be used
// at all, and what of Marquee's own schema it has.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "store/postgres/connection.hpp"

namespace marquee::store::postgres {

struct DatabaseFacts {
  bool proofs = false;       // marquee.proofs can be read
  bool feed = false;         // marquee.changes and marquee.meta can, and triggers write them
  bool in_recovery = false;  // a standby: nothing can be written, and it cannot LISTEN
  std::string role;
  std::uint64_t identity = 0;  // of cluster, timeline and database
  friend bool operator==(const DatabaseFacts&, const DatabaseFacts&) = default;
};

// Asks over `connection` while it is prepared (`prepared` false) or ready. A
// database that would hide rows is not usable: what it hides would look like names
// that nobody has. `done`: `why` is empty, or says what to do. The connection outlives
// the questions.
void read_facts(Connection& connection, bool ready, std::chrono::milliseconds limit,
                std::function<void(const DatabaseFacts& facts, const std::string& why)> done);

}  // namespace marquee::store::postgres
