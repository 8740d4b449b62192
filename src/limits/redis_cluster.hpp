// Redis Cluster without a connection: which slot a key is in, who has it, and what
// the cluster says of that (Redis Cluster Specification). Pure.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limits/rule.hpp"
#include "net/redis_socket.hpp"
#include "net/redis_value.hpp"

namespace marquee::limits {

inline constexpr std::size_t kSlots = 16'384;
inline constexpr std::size_t kMostMasters = 1'024;

// CRC16 (XMODEM) of what stands between the first { and the next }, or, where there
// is nothing, of the whole key.
std::uint16_t key_slot(std::string_view key);

struct RedisMaster {
  std::string host;  // as the cluster calls it: an address or a name
  net::RedisAddress address;
  friend bool operator==(const RedisMaster&, const RedisMaster&) = default;
};

struct SlotTable {
  static constexpr std::uint16_t kNobody = 0xffff;
  std::vector<RedisMaster> masters;      // those that have slots
  std::array<std::uint16_t, kSlots> of;  // position in `masters`
  SlotTable() { of.fill(kNobody); }
  friend bool operator==(const SlotTable&, const SlotTable&) = default;
};

// Of CLUSTER SLOTS. A node without an address is the one that was `asked` itself.
// Masters whose host is a name have no address yet: somebody looks it up. Nothing
// when it is no such answer, or names no slot.
std::optional<SlotTable> read_slots(const net::RedisValue& value, const RedisMaster& asked);

// A key for each master that stands in one of its slots: "BEGIN:NUMBER". Empty for one
// whose slots no number has met, which is not to be expected.
std::vector<std::string> keys_of_masters(const SlotTable& table, std::string_view begin);

// "MOVED 3999 192.0.2.1:6381": the slot is there now. "ASK ...": this one key, once.
struct Redirect {
  enum class Kind : std::uint8_t { moved, ask, count_ };
  Kind kind = Kind::moved;
  std::uint16_t slot = 0;
  std::string_view host;  // of the text; empty: the server that says so
  std::uint16_t port = 0;
};
std::string_view name(Redirect::Kind kind);
std::optional<Redirect> read_redirect(std::string_view error);
// Of an error: this key cannot be had now, which says nothing about the server.
bool unavailable_now(std::string_view error);

// The charges of a question, by the slots of their keys.
struct SlotGroup {
  std::uint16_t slot = 0;
  std::uint64_t charges = 0;  // bit by position
};
// Keeps `out` for the next one; at most one group for each charge.
void group_by_slot(const Question& question, std::string_view prefix, std::vector<SlotGroup>& out);
// All charges of a question.
std::uint64_t all_charges(const Question& question);

// Takes the charges that are not in `kept` out of `question`; put_back() undoes it.
// Positions in `taken` are kept in order.
void take_out(Question& question, std::uint64_t kept, std::vector<Charge>& taken);
void put_back(Question& question, std::uint64_t kept, std::vector<Charge>& taken);

}  // namespace marquee::limits
