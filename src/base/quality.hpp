// Weights of Accept and its kin (RFC 9110 section 12.4.2).
#pragma once
#include <optional>
#include <string_view>

namespace marquee::base {

// qvalue = 0[.ddd] or 1[.000], in thousandths; nothing: it is none.
std::optional<unsigned> parse_quality(std::string_view text);

}  // namespace marquee::base
