// UUIDs as ids and in requests (RFC 9562; v7: section 5.7), and W3C Trace Context.
// Pure: time and random bits are arguments.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::base {

inline constexpr std::size_t kUuidSize = 36;

// `unix_ms`: its low 48 bits are used. Of `random_a` 12 bits, of `random_b` 62.
void format_uuid7(std::uint64_t unix_ms, std::uint64_t random_a, std::uint64_t random_b,
                  char (&out)[kUuidSize]);

// 8-4-4-4-12 hexadecimal digits in any case, and nothing else.
bool is_uuid(std::string_view text);
// A UUID in lower case: databases take two cases for one row, and texts are compared
// everywhere else. Another text is returned as it is.
std::string canonical_id(std::string_view text);
// Equal, or the same UUID in another case.
bool same_id(std::string_view a, std::string_view b);

// xoshiro256** (Blackman, Vigna 2018), seeded by the kernel. Unique, not secret:
// who sees some outputs can compute the rest, so never use it for keys, tokens
// or nonces that must be unguessable. One per worker; not thread-safe.
class Random {
 public:
  // From getrandom(2); aborts the process if the kernel has no randomness.
  static Random from_kernel();
  // For tests; an all-zero seed is replaced, as it would yield only zeros.
  explicit Random(const std::array<std::uint64_t, 4>& seed);
  std::uint64_t next();
  // Uniform in [0, bound), without bias beyond 2^-32; 0 for bound 0.
  std::uint32_t below(std::uint32_t bound);

 private:
  std::array<std::uint64_t, 4> state_;
};

// W3C Trace Context level 1, version 00. Ids are network order.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> parent_id{};
  std::uint8_t flags = 0;  // bit 0: sampled

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

inline constexpr std::size_t kTraceparentSize = 55;

// Strict: lower-case hex; version ff and all-zero ids are refused; a version
// above 00 may be longer and is read as if it were 00 (section 3.2.4 there).
std::optional<TraceContext> parse_traceparent(std::string_view text);
void format_traceparent(const TraceContext& context, char (&out)[kTraceparentSize]);
void format_trace_id(const TraceContext& context, char (&out)[32]);
// A new trace, and the next hop of one: same trace and flags, new parent id.
TraceContext start_trace(Random& random, bool sampled);
TraceContext child_of(const TraceContext& parent, Random& random);

}  // namespace marquee::base
