#include "limits/redis_cluster.hpp"

#include <algorithm>

#include "config/text.hpp"

namespace marquee::limits {
namespace {

using Crc = std::array<std::uint16_t, 256>;

constexpr Crc make_crc() {
  Crc out{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned value = i << 8;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 0x8000u) != 0 ? (value << 1) ^ 0x1021u : value << 1;
    out[i] = static_cast<std::uint16_t>(value);
  }
  return out;
}
constexpr Crc kCrc = make_crc();

class Slot {
 public:
  Slot& operator+=(std::string_view text) {
    for (const char c : text) {
      const unsigned at = ((crc_ >> 8) ^ static_cast<unsigned char>(c)) & 0xffu;
      crc_ = ((crc_ << 8) ^ kCrc[at]) & 0xffffu;
    }
    return *this;
  }
  std::uint16_t number() const { return static_cast<std::uint16_t>(crc_ % kSlots); }

 private:
  unsigned crc_ = 0;
};

std::optional<std::uint16_t> read_port(std::string_view text) {
  const auto number = config::parse_number(text);
  if (!number || *number == 0 || *number > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool in_range(const net::RedisValue& value, std::int64_t least, std::int64_t most) {
  return value.type == net::RedisValue::Type::integer && value.integer >= least &&
         value.integer <= most;
}

// [host or nil, port, id, [name, value, ...]], where "ip" may be told beside a name.
std::optional<RedisMaster> read_node(const net::RedisValue& node, const RedisMaster& asked) {
  if (node.items.size() < 2 || !in_range(node.items[1], 1, 65'535)) return std::nullopt;
  RedisMaster out;
  out.host = node.items[0].text;
  if (out.host.size() > 253) return std::nullopt;
  out.address.port = static_cast<std::uint16_t>(node.items[1].integer);
  if (out.host.empty() || out.host == "?") {
    out.host = asked.host;
    out.address.ip = asked.address.ip;
    return out;
  }
  if (const auto ip = base::IpAddress::parse(out.host)) {
    out.address.ip = *ip;
  } else if (node.items.size() > 3) {
    const auto& more = node.items[3].items;
    for (std::size_t i = 0; i + 1 < more.size(); i += 2)
      if (more[i].text == "ip")
        if (const auto told = base::IpAddress::parse(more[i + 1].text)) out.address.ip = *told;
  }
  return out;
}

}  // namespace

std::uint16_t key_slot(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != key.npos) {
    const std::size_t shut = key.find('}', open + 1);
    if (shut != key.npos && shut > open + 1) key = key.substr(open + 1, shut - open - 1);
  }
  Slot slot;
  return (slot += key).number();
}

std::optional<SlotTable> read_slots(const net::RedisValue& value, const RedisMaster& asked) {
  SlotTable out;
  for (const net::RedisValue& range : value.items) {
    if (range.items.size() < 3 || !in_range(range.items[0], 0, kSlots - 1) ||
        !in_range(range.items[1], range.items[0].integer, kSlots - 1))
      return std::nullopt;
    auto master = read_node(range.items[2], asked);
    if (!master) return std::nullopt;
    auto found = std::find(out.masters.begin(), out.masters.end(), *master);
    if (found == out.masters.end()) {
      if (out.masters.size() >= kMostMasters) return std::nullopt;
      found = out.masters.insert(found, std::move(*master));
    }
    const auto owner = static_cast<std::uint16_t>(found - out.masters.begin());
    for (auto slot = range.items[0].integer; slot <= range.items[1].integer; ++slot)
      out.of[static_cast<std::size_t>(slot)] = owner;
  }
  if (out.masters.empty()) return std::nullopt;
  return out;
}

std::vector<std::string> keys_of_masters(const SlotTable& table, std::string_view begin) {
  // A master with one slot is missed by all of them once in e^8.
  constexpr std::uint32_t kMostNumbers = 8 * kSlots;
  std::vector<std::string> out(table.masters.size());
  std::size_t found = 0;
  for (std::uint32_t number = 0; number < kMostNumbers && found < out.size(); ++number) {
    std::string key(begin);
    key += ':' + std::to_string(number);
    const std::uint16_t at = table.of[key_slot(key)];
    if (at >= out.size() || !out[at].empty()) continue;
    out[at] = std::move(key);
    ++found;
  }
  return out;
}

std::string_view name(Redirect::Kind kind) { return kind == Redirect::Kind::ask ? "ask" : "moved"; }

std::optional<Redirect> read_redirect(std::string_view error) {
  Redirect out;
  if (error.starts_with("MOVED "))
    error.remove_prefix(6);
  else if (error.starts_with("ASK "))
    out.kind = Redirect::Kind::ask, error.remove_prefix(4);
  else
    return std::nullopt;
  const std::size_t space = error.find(' ');
  if (space == error.npos) return std::nullopt;
  const auto slot = config::parse_number(error.substr(0, space));
  const std::string_view where = error.substr(space + 1);
  const std::size_t colon = where.rfind(':');
  if (!slot || *slot >= kSlots || colon == where.npos || colon > 253) return std::nullopt;
  const auto port = read_port(where.substr(colon + 1));
  if (!port) return std::nullopt;
  out.slot = static_cast<std::uint16_t>(*slot);
  out.host = where.substr(0, colon);
  out.port = *port;
  return out;
}

bool unavailable_now(std::string_view error) {
  return error.starts_with("CLUSTERDOWN") || error.starts_with("TRYAGAIN");
}

void group_by_slot(const Question& question, std::string_view prefix, std::vector<SlotGroup>& out) {
  out.clear();
  for (std::size_t i = 0; i < question.charges.size(); ++i) {
    const Charge& c = question.charges[i];
    // As redis_key() writes it: values have no braces.
    Slot slot;
    if (c.tag_size > 0)
      slot += question.tag(c);
    else
      ((slot += prefix) += ":") += question.key(c);
    auto found = std::find_if(out.begin(), out.end(),
                              [&](const SlotGroup& g) { return g.slot == slot.number(); });
    if (found == out.end()) found = out.insert(found, {slot.number(), 0});
    found->charges |= std::uint64_t{1} << i;
  }
}

std::uint64_t all_charges(const Question& question) {
  const std::size_t count = question.charges.size();
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

void take_out(Question& question, std::uint64_t kept, std::vector<Charge>& taken) {
  taken.clear();
  std::size_t left = 0;
  for (std::size_t i = 0; i < question.charges.size(); ++i) {
    if ((kept >> i & 1) != 0)
      question.charges[left++] = question.charges[i];
    else
      taken.push_back(question.charges[i]);
  }
  question.charges.resize(left);
}

void put_back(Question& question, std::uint64_t kept, std::vector<Charge>& taken) {
  std::size_t a = question.charges.size();
  std::size_t b = taken.size();
  question.charges.resize(a + b);
  for (std::size_t i = a + b; i-- > 0;)
    question.charges[i] = (kept >> i & 1) != 0 ? question.charges[--a] : taken[--b];
  taken.clear();
}

}  // namespace marquee::limits
