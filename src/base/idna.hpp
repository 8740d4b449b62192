// One label through UTS-46 (libidn2), for hostname.cpp only.
#pragma once
#include <cstddef>
#include <string_view>

#include "base/hostname.hpp"

namespace marquee::base::idna {

inline constexpr std::size_t kMaxLabel = 63;
// The longest UTF-8 label that is tried: 63 code points of four bytes.
inline constexpr std::size_t kMaxUtf8Label = 4 * kMaxLabel;

struct Label {
  std::size_t size = 0;
  HostError error = HostError::none;
};

// A label with at least one non-ASCII byte -> its ASCII form. `out` holds
// kMaxLabel bytes. ASCII characters must have been checked by the caller.
Label to_ascii(std::string_view utf8, char* out);

// Whether an ASCII, lower-case xn-- label decodes to something non-ASCII that
// encodes to the same label.
bool round_trips(std::string_view label);

// Length in bytes of a full-width or ideographic full stop (U+3002, U+FF0E,
// U+FF61) at the start of `text`; 0 where there is none.
std::size_t leading_dot(std::string_view text);

}  // namespace marquee::base::idna
