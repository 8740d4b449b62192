// When a signing key is made, signs and goes. Pure: times are Unix seconds.
//
//   made and published   signs                        published still        gone
//   |---- overlap -------|------- rotation -----------|- overlap + lifetime --|
//                                                      ^ its successor signs
//
// A key is published for `overlap` before it signs, so that whoever keeps a copy of
// the key set for less has it in time, and so does every node; it stays published
// until every token that it signed has expired, also one that a node signed which was
// `overlap` late to notice its successor.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace marquee::identity {

struct RotationRules {
  std::int64_t rotation = 7 * 86'400;  // how long a key signs
  std::int64_t overlap = 3'600;
  std::int64_t lifetime = 60;  // of the longest token
};
// The overlap that belongs to a rotation: an hour, or a quarter of a shorter one.
std::int64_t overlap_of(std::int64_t rotation);
// How long the key set may be kept by whoever fetched it.
std::int64_t max_age_of(const RotationRules& rules);

struct KeyTimes {
  std::uint64_t generation = 0;  // grows with each key that is made
  std::int64_t signs_from = 0;
  bool wanted = true;  // false: of another algorithm than the settings now ask for
};

struct RotationPlan {
  std::vector<std::uint64_t> gone;  // generations to forget
  // The next key is to be made now, and signs from then. With no key at all: at once.
  std::optional<std::int64_t> next_signs_from;
};
RotationPlan plan_rotation(std::span<const KeyTimes> keys, std::int64_t now,
                           const RotationRules& rules);

// Which of them signs now: of those whose time has come the newest; before that the
// oldest. Nothing where there is none. An index.
std::optional<std::size_t> signer_of(std::span<const KeyTimes> keys, std::int64_t now);

}  // namespace marquee::identity
