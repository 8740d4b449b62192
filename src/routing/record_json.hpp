// The two JSON columns of a row (platform contract 1.5). Tenants can write them:
// any type anywhere, any size. Whatever is not what is expected is left at its
// default, with a sentence in `faults` (at most eight).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "routing/domain_record.hpp"

namespace marquee::routing {

inline constexpr std::size_t kMostJson = 64u << 10;  // bytes of one column

// "" and "null" are an empty object. JSON null is an absent key.
DomainConfig read_config(std::string_view json, std::vector<std::string>& faults);
WhiteLabel read_white_label(std::string_view json, std::vector<std::string>& faults);

// The keys that these read, for those who write the columns.
std::span<const std::string_view> config_keys();
std::span<const std::string_view> white_label_keys();

}  // namespace marquee::routing
